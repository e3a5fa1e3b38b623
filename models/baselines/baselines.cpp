#include "models/baselines/baselines.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "models/baselines/content_neighbours.hpp"
#include "models/baselines/content_profile.hpp"
#include "models/baselines/item_knn.hpp"
#include "models/baselines/planted.hpp"
#include "models/baselines/popular.hpp"
#include "models/baselines/random_scorer.hpp"
#include "models/baselines/recent.hpp"

namespace halorec {

std::vector<std::string> baseline_names() {
  return {"popular", "recent", "itemknn", "content", "random", "planted"};
}

std::unique_ptr<Scorer> make_baseline(std::string_view name, const Shard& shard,
                                      const DatasetFile& dataset, std::uint64_t seed,
                                      const BaselineOptions& options) {
  if (name == "popular") return std::make_unique<Popular>(shard);
  if (name == "random") return std::make_unique<RandomScorer>(shard, seed);
  if (name == "itemknn") {
    return std::make_unique<ItemKnn>(shard, dataset, options.num_neighbours, options.shrinkage);
  }
  if (name == "recent") {
    if (!dataset.has_times()) {
      throw Error(fmt::format("--model recent: {} has no times; import data with a time column",
                              dataset.path().string()),
                  kExitUsage, true);
    }
    const InteractionFacts facts(shard, dataset, options.part);
    // Data of one moment knows no age: any half-life will do.
    const auto span = static_cast<double>(facts.last_time() - facts.first_time());
    const double half_life = options.half_life_seconds.value_or(std::max(1.0, span / 10));
    std::optional<OwnRepeats> repeats;
    if (options.own_repeats > 0) {
      repeats.emplace(facts, options.own_half_life_seconds.value_or(half_life),
                      options.own_repeats);
    }
    return std::make_unique<Recent>(facts, half_life, std::move(repeats));
  }
  if (name == "content") return make_content(shard, dataset, options);
  if (name == "planted") {
    if (!dataset.has_truth()) {
      throw Error(fmt::format("--model planted: {} has no planted truth; only data made by "
                              "`halorec generate` has one",
                              dataset.path().string()),
                  kExitUsage, true);
    }
    Truth truth;
    shard.communicator().together([&] { truth = dataset.read_truth(); });
    // Tastes as they are where the protocol tests: in the last fifth of the times, at each user's
    // last, or anywhere.
    const std::string& protocol = dataset.protocol().name;
    const double first = protocol == "time" ? 0.8 : (protocol == "leave-last" ? 1 : 0);
    return std::make_unique<Planted>(shard, truth, first, 1);
  }
  throw Error(
      fmt::format("'{}' is no baseline; allowed: {}", name, fmt::join(baseline_names(), ", ")),
      kExitUsage, true);
}

std::unique_ptr<LikenessScorer> make_content(const Shard& shard, const DatasetFile& dataset,
                                             const BaselineOptions& options) {
  if (options.content_neighbours == 0) {
    return std::make_unique<ContentProfile>(shard, dataset, options.content_columns);
  }
  return std::make_unique<ContentNeighbours>(shard, dataset, options.content_columns,
                                             options.content_neighbours, options.content_power);
}

}  // namespace halorec
