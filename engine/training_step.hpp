// One training step, as the data sees it: sample, propagate, fetch the batch's rows, loss, the same
// backwards, update (the steps 1-5 of the README's diagram).
#pragma once

#include <cstdint>

#include "comm/run_log.hpp"
#include "engine/loss_options.hpp"
#include "engine/model.hpp"
#include "engine/objective.hpp"
#include "engine/optimizer.hpp"
#include "engine/sampler.hpp"

namespace halorec {

template <typename T>
class TrainingStep {
 public:
  TrainingStep(const Shard& shard, Model<T>& model, Optimizer<T>& optimizer, const Sampler& sampler,
               const LossOptions& loss, PhaseTimers& timers);

  // Computes the gradients of the step's objective in the parameters (replicated ones summed over
  // ranks) and returns this rank's share of the objective. `step` counts from 1. Collective.
  double compute(std::uint64_t step, const Batch& batch);
  // This rank's shares of the last step's terms.
  const ObjectiveShares& shares() const { return shares_; }

 private:
  const Shard* shard_;
  Model<T>* model_;
  Optimizer<T>* optimizer_;
  const Sampler* sampler_;
  PhaseTimers* timers_;
  Objective<T> objective_;
  ObjectiveShares shares_;
  Tape<T> tape_;
};

}  // namespace halorec
