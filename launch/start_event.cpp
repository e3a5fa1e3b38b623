#include "launch/start_event.hpp"

#include <nlohmann/json.hpp>

#include "engine/kernels/bf16_product.hpp"
#include "engine/kernels/spmm.hpp"

namespace halorec {

using nlohmann::ordered_json;

ordered_json start_event(const OptionTable& options, const ThreadPlan& threads,
                         const std::string& dataset_hash) {
  ordered_json values;
  for (const auto& [name, value] : options.values()) values[name] = value;
  ordered_json ranks = ordered_json::array();
  for (std::size_t r = 0; r < threads.places.size(); ++r) {
    const RankPlace& place = threads.places[r];
    ranks.push_back({{"rank", r},
                     {"host", place.host},
                     {"cores", place.cores},
                     {"host_cores", place.host_cores},
                     {"threads", threads.by_rank[r]}});
  }
  return {{"event", "start"},
          {"version", HALOREC_VERSION},
          {"simd", kernels::simd_target()},
          {"bf16_units", kernels::has_bf16_units()},
          {"dataset_hash", dataset_hash},
          {"warnings", threads.warnings},
          {"ranks", ranks},
          {"options", values}};
}

}  // namespace halorec
