#include "launch/training_graphs.hpp"

#include <limits>

#include "engine/ops/combine.hpp"
#include "launch/comma_list.hpp"
#include "launch/durations.hpp"
#include "launch/training_checks.hpp"

namespace halorec {
namespace {

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), kExitUsage, true);
}

// Decayed (to 1e-12) or summed they fit a float, and so do their inverses.
constexpr float kLeastWeight = 1e-20F, kMostWeight = 1e20F;

void check_weights(const InteractionFacts& facts, const std::string& weight) {
  if (facts.num_without_weight() > 0) {
    refuse(
        "--weight {} needs weights above 0: {} training interactions have less, down to {:g}; "
        "leave them out at import (--keep 'rating>0'), or give --weight one",
        weight, facts.num_without_weight(), facts.smallest_weight());
  }
  if (facts.smallest_weight() < kLeastWeight || facts.largest_weight() > kMostWeight) {
    refuse(
        "--weight {}: training interactions weigh from {:g} to {:g}, and sums over neighbours take "
        "weights from {:g} to {:g}; import the data with weights of another unit, or give --weight "
        "one",
        weight, facts.smallest_weight(), facts.largest_weight(), kLeastWeight, kMostWeight);
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
  if (half_lives.size() == 1) ageing_ = {half_lives.front(), facts.last_time()};
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

template <typename T>
std::vector<std::pair<std::string, double>> learned_mixture(Model<T>& model,
                                                            const std::string& half_lives) {
  std::vector<std::pair<std::string, double>> mixture;
  for (Parameter<T>* parameter : model.parameters()) {
    if (parameter->name != "mixture") continue;
    Tape<T> tape(false);
    const MatrixView<T> shares = softmax(tape, tape.leaf(parameter->value.view(), {})).value;
    for (const std::string& half_life : split_commas(half_lives, "--half-life")) {
      mixture.emplace_back(half_life, shares(0, std::ssize(mixture)));
    }
  }
  return mixture;
}

template std::vector<std::pair<std::string, double>> learned_mixture(Model<float>&,
                                                                     const std::string&);
template std::vector<std::pair<std::string, double>> learned_mixture(Model<double>&,
                                                                     const std::string&);

}  // namespace halorec
