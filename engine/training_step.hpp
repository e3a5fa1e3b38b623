// One training step, as the data sees it: sample, propagate, fetch the batch's rows, loss, the same
// backwards, update (the steps 1-5 of the README's diagram).
#pragma once

#include <cstdint>

#include "comm/run_log.hpp"
#include "engine/model.hpp"
#include "engine/ops/losses.hpp"
#include "engine/optimizer.hpp"
#include "engine/sampler.hpp"

namespace halorec {

enum class LossKind : std::uint8_t { bpr, softmax };

struct LossOptions {
  LossKind kind = LossKind::softmax;
  std::int64_t num_negatives = 0;  // softmax: size of the shared pool; bpr: for each positive
  double negative_power = 0.5;     // softmax: the pool is drawn in proportion to degree^power
  double temperature = 0.12;       // softmax
  double temperature2 = 1.0;       // softmax: BSL's second temperature
  ScoreFormat scores = ScoreFormat::full;  // softmax; bf16: of float alone
  // lambda / (2 batch) times the squared norms of the initial rows of the batch's users, positives
  // and, for bpr, negatives.
  double l2 = 0;
};

template <typename T>
class TrainingStep {
 public:
  TrainingStep(const Shard& shard, Model<T>& model, Optimizer<T>& optimizer, const Sampler& sampler,
               const LossOptions& loss, PhaseTimers& timers);

  // Computes the gradients of the step's objective in the parameters (replicated ones summed over
  // ranks) and returns this rank's share of the objective. `step` counts from 1. Collective.
  double compute(std::uint64_t step, const Batch& batch);

 private:
  const Shard* shard_;
  Model<T>* model_;
  Optimizer<T>* optimizer_;
  const Sampler* sampler_;
  LossOptions loss_;
  PhaseTimers* timers_;
  Tape<T> tape_;
};

}  // namespace halorec
