#include "engine/training_step.hpp"

#include <optional>

#include "engine/ops/rows.hpp"

namespace halorec {

template <typename T>
TrainingStep<T>::TrainingStep(const Shard& shard, Model<T>& model, Optimizer<T>& optimizer,
                              const Sampler& sampler, const LossOptions& loss, PhaseTimers& timers)
    : shard_(&shard),
      model_(&model),
      optimizer_(&optimizer),
      sampler_(&sampler),
      loss_(loss),
      timers_(&timers) {}

template <typename T>
double TrainingStep<T>::compute(std::uint64_t step, const Batch& batch) {
  tape_.clear();

  const bool is_softmax = loss_.kind == LossKind::softmax;
  std::vector<std::uint32_t> negatives;
  {
    const auto sampling = timers_->time("sample");
    negatives = is_softmax ? sampler_->pool(step, loss_.num_negatives)
                           : sampler_->negatives(step, batch, loss_.num_negatives);
  }
  // Rows that the loss reads: the batch's users, their positives, then the negatives.
  const std::int64_t n = batch.size();
  const auto num_negatives = std::ssize(negatives);
  std::vector<RowAddress> wanted;
  wanted.reserve(static_cast<std::size_t>(2 * n + num_negatives));
  for (const std::int32_t row : batch.user_rows) {
    wanted.push_back({shard_->communicator().rank(), row});
  }
  for (const std::uint32_t item : batch.items) wanted.push_back(shard_->address_of_item(item));
  for (const std::uint32_t item : negatives) wanted.push_back(shard_->address_of_item(item));

  std::optional<PhaseTimers::Scope> phase;
  phase.emplace(*timers_, "sample");
  const BatchGather plan(shard_->communicator(), wanted);
  phase.emplace(*timers_, "forward");
  const typename Model<T>::Output output = model_->forward(tape_, plan.served_rows());
  phase.emplace(*timers_, "loss");
  Variable<T>& rows = gather_rows(tape_, plan, output.rows);
  Variable<T>& users = row_range(tape_, rows, 0, n);
  Variable<T>& positives = row_range(tape_, rows, n, n);
  Variable<T>& others = row_range(tape_, rows, 2 * n, num_negatives);
  double loss = 0;
  if (is_softmax) {
    std::vector<std::span<const std::uint32_t>> own_items;
    for (const std::int32_t row : batch.user_rows) own_items.push_back(shard_->items_of(row));
    loss = softmax_loss(tape_, normalise_rows(tape_, users), normalise_rows(tape_, positives),
                        normalise_rows(tape_, others), own_items, negatives, loss_.temperature,
                        loss_.temperature2, batch.global_size, loss_.scores);
  } else {
    loss = bpr_loss(tape_, users, positives, others, batch.global_size);
  }
  // L2 needs to know only how often each row was read: counts go home, the owner does the rest.
  std::vector<T> factors;
  if (loss_.l2 > 0) {
    const auto each = static_cast<T>(loss_.l2 / static_cast<double>(batch.global_size));
    std::vector<T> reads(wanted.size(), each);
    if (is_softmax) std::fill(reads.begin() + 2 * n, reads.end(), T{0});
    factors.assign(static_cast<std::size_t>(plan.num_served()), T{0});
    plan.scatter_add(reads.data(), 1, factors.data(), 1);
    loss += l2_penalty(tape_, output.initial, std::span<const T>(factors));
  }
  phase.emplace(*timers_, "backward");
  tape_.backward();
  phase.emplace(*timers_, "allreduce");
  optimizer_->synchronise(shard_->communicator());
  return loss;
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace halorec
