#include "engine/training_step.hpp"

#include <optional>

namespace halorec {

template <typename T>
TrainingStep<T>::TrainingStep(const Shard& shard, Model<T>& model, Optimizer<T>& optimizer,
                              const Sampler& sampler, const LossOptions& loss, PhaseTimers& timers)
    : shard_(&shard),
      model_(&model),
      optimizer_(&optimizer),
      sampler_(&sampler),
      timers_(&timers),
      objective_(shard, sampler, loss) {}

template <typename T>
double TrainingStep<T>::compute(std::uint64_t step, const Batch& batch) {
  tape_.clear();
  std::optional<PhaseTimers::Scope> phase;
  phase.emplace(*timers_, "sample");
  objective_.plan(step, batch);
  phase.emplace(*timers_, "forward");
  const typename Model<T>::TrainingOutput output =
      model_->forward_in_training(tape_, objective_.rows(), {step, sampler_->epoch()});
  phase.emplace(*timers_, "loss");
  shares_ = objective_.record(tape_, output);
  phase.emplace(*timers_, "backward");
  tape_.backward();
  phase.emplace(*timers_, "allreduce");
  optimizer_->synchronise(shard_->communicator());
  return shares_.total;
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace halorec
