// A model, its optimizer, sampler and step over one shard, put together as the trainer does.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/training_step.hpp"
#include "models/registry.hpp"

namespace halorec {

struct Setting {
  std::string model = "lightgcn";
  ModelOptions model_options;
  LossOptions loss;
  OptimizerOptions optimizer;
  std::uint64_t seed = 7;
  std::int64_t batch_size = 64;
};

template <typename T>
class SmallTraining {
 public:
  SmallTraining(const Shard& shard, const Setting& setting)
      : shard_(shard),
        model_(make_model<T>(setting.model, shard, setting.model_options)),
        optimizer_(setting.optimizer, model_->parameters()),
        sampler_(shard, setting.seed, setting.batch_size, setting.loss.negative_power),
        step_(shard, *model_, optimizer_, sampler_, setting.loss, timers_),
        learning_rate_(setting.optimizer.learning_rate) {}

  // One more step of the epoch-after-epoch order; the global loss. Collective.
  double advance() {
    const auto done = static_cast<std::int64_t>(num_steps_);
    const std::int64_t in_epoch = done % sampler_.steps_per_epoch();
    if (in_epoch == 0) {
      sampler_.start_epoch(static_cast<std::uint64_t>(done / sampler_.steps_per_epoch()));
    }
    const double loss = gradient(++num_steps_, sampler_.batch(in_epoch));
    optimizer_.update(num_steps_, learning_rate_);
    return loss;
  }
  // Gradients of a step in the parameters; the global loss. Collective.
  double gradient(std::uint64_t step, const Batch& batch) {
    return shard_.communicator().sum(step_.compute(step, batch));
  }

  // Final rows of the owned nodes. Collective.
  Matrix<T> final_rows() {
    std::vector<std::int32_t> all(static_cast<std::size_t>(shard_.num_owned()));
    std::iota(all.begin(), all.end(), 0);
    Tape<T> tape(false);
    const MatrixView<T> rows = model_->forward(tape, all).rows.value;
    Matrix<T> copy(rows.rows, rows.cols);
    for (std::int64_t r = 0; r < rows.rows; ++r) std::copy_n(rows.row(r), rows.cols, copy.row(r));
    return copy;
  }

  Model<T>& model() { return *model_; }
  void set_learning_rate(double rate) { learning_rate_ = rate; }
  Sampler& sampler() { return sampler_; }
  std::vector<Parameter<T>*> parameters() const { return optimizer_.parameters(); }
  Parameter<T>& embeddings() const { return *parameters().front(); }

 private:
  const Shard& shard_;
  std::unique_ptr<Model<T>> model_;
  Optimizer<T> optimizer_;
  Sampler sampler_;
  PhaseTimers timers_;
  TrainingStep<T> step_;
  double learning_rate_;
  std::uint64_t num_steps_ = 0;
};

}  // namespace halorec
