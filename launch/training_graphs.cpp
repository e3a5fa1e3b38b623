#include "launch/training_graphs.hpp"

#include <limits>

#include "launch/durations.hpp"
#include "launch/training_checks.hpp"

namespace halorec {
namespace {

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), kExitUsage, true);
}

void check_weights(const InteractionFacts& facts, const std::string& weight) {
  if (facts.num_without_weight() > 0) {
    refuse(
        "--weight {} needs weights above 0: {} training interactions have less, down to {:g}; "
        "leave them out at import (--keep 'rating>0'), or give --weight one",
        weight, facts.num_without_weight(), facts.smallest_weight());
  }
  if (facts.smallest_weight() == facts.largest_weight()) {
    refuse(
        "--weight {} has nothing to weigh by: every training interaction weighs {:g}; import the "
        "data with its ratings or counts (--columns rating=...), or give --weight one",
        weight, facts.smallest_weight());
  }
}

}  // namespace

TrainingGraphs::TrainingGraphs(const TrainingArguments& training, const Shard& shard,
                               const DatasetFile& dataset, TrainingPart part) {
  const bool slices = training.model == "roland";
  if (!slices && !weighs_edges(training)) return;
  shard.communicator().together([&] { check_times(training, dataset); });
  const InteractionFacts facts(shard, dataset, part);
  if (slices) {
    if (facts.first_time() == facts.last_time() && training.slices > 1) {
      refuse("--slices {}: all training interactions have one time; --slices 1 takes that",
             training.slices);
    }
    graphs_ = time_slices(facts, training.slices);
    return;
  }
  const WeightRule rule = training.weight == "rating"  ? WeightRule::rating
                          : training.weight == "log1p" ? WeightRule::log1p
                                                       : WeightRule::one;
  if (rule != WeightRule::one) check_weights(facts, training.weight);
  std::vector<double> half_lives = parse_half_lives(training.half_life, "--half-life");
  takes_their_place_ = half_lives.size() <= 1;
  if (half_lives.empty()) half_lives.push_back(std::numeric_limits<double>::infinity());
  for (const double half_life : half_lives) {
    graphs_.push_back(weighted_adjacency(facts, rule, half_life));
  }
}

void TrainingGraphs::give(ModelOptions& options) const {
  if (takes_their_place_) {
    options.interactions = &graphs_.front();
  } else {
    options.time_graphs = graphs_;
  }
}

}  // namespace halorec
