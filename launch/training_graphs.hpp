// The graphs that a training's options ask for in place of the shard's equal interactions: weighed
// by rating or age, one for each half-life, or cut into slices of time.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launch/training_options.hpp"
#include "partition/interaction_facts.hpp"
#include "partition/relation.hpp"

namespace halorec {

class TrainingGraphs {
 public:
  // Of what the shard was made from. Usage Error, on every rank, when the data has nothing that
  // tells its edges apart. Collective.
  TrainingGraphs(const TrainingArguments& training, const Shard& shard, const DatasetFile& dataset,
                 TrainingPart part);

  // Tells a model of them; this outlives the model. Nothing when interactions are equal.
  void give(ModelOptions& options) const;

  // How links age beside them: with a single half-life, as interactions do.
  const std::optional<Ageing>& ageing() const { return ageing_; }

 private:
  std::vector<Adjacency> graphs_;
  bool takes_their_place_ = false;  // one graph, for models of one
  std::optional<Ageing> ageing_;
};

// How much of each half-life, as they were typed, a model mixes that learned it; else nothing.
template <typename T>
std::vector<std::pair<std::string, double>> learned_mixture(Model<T>& model,
                                                            const std::string& half_lives);

}  // namespace halorec
