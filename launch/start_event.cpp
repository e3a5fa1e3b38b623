#include "launch/start_event.hpp"

#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "engine/kernels/bf16_product.hpp"
#include "engine/kernels/blas_core.hpp"
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
          {"blas", kernels::blas_core()},
          {"bf16_units", kernels::has_bf16_units()},
          {"dataset_hash", dataset_hash},
          {"warnings", threads.warnings},
          {"ranks", ranks},
          {"options", values}};
}

ordered_json shards_event(const Shard& shard, std::chrono::steady_clock::time_point began) {
  Communicator& communicator = shard.communicator();
  const auto owned = communicator.all_gather(shard.num_owned());
  const auto ghosts = communicator.all_gather(shard.num_ghosts());
  const auto nonzeros =
      communicator.all_gather(shard.local().num_nonzeros() + shard.cross().num_nonzeros());
  const auto peaks = communicator.all_gather(peak_memory_bytes());
  return {
      {"event", "shards"},
      {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()},
      {"owned", owned},
      {"ghosts", ghosts},
      {"nonzeros", nonzeros},
      {"peak_memory_bytes", peaks}};
}

}  // namespace halorec
