#include "engine/objective.hpp"

#include <algorithm>
#include <iterator>

#include "engine/ops/losses.hpp"
#include "engine/ops/pointwise_losses.hpp"
#include "engine/ops/rows.hpp"

namespace halorec {

template <typename T>
Objective<T>::Objective(const Shard& shard, const Sampler& sampler, const LossOptions& options)
    : shard_(&shard), sampler_(&sampler), options_(options) {
  if (options_.terms.has(LossKind::contrastive)) contrastive_.emplace(shard, options_);
  HALOREC_ASSERT_LIGHT(!options_.terms.has(LossKind::rating) || options_.edge_weights != nullptr);
}

template <typename T>
void Objective<T>::plan(std::uint64_t step, const Batch& batch) {
  batch_ = &batch;
  pool_.clear();
  negatives_.clear();
  if (const auto size = options_.pool_size(); size > 0) pool_ = sampler_->pool(step, size);
  if (const auto each = options_.negatives_each(); each > 0) {
    negatives_ = sampler_->negatives(step, batch, each);
  }
  // Rows that the terms read: the batch's users, their positives, the pool, the negatives.
  std::vector<RowAddress> wanted;
  wanted.reserve(2 * batch.items.size() + pool_.size() + negatives_.size());
  for (const std::int32_t row : batch.user_rows) {
    wanted.push_back({shard_->communicator().rank(), row});
  }
  for (const auto* items : {&batch.items, &std::as_const(pool_), &std::as_const(negatives_)}) {
    for (const std::uint32_t item : *items) wanted.push_back(shard_->address_of_item(item));
  }
  gather_.emplace(shard_->communicator(), wanted);
  if (!contrastive_) return;
  contrastive_->plan(batch);
  all_rows_.clear();
  std::ranges::set_union(gather_->served_rows(), contrastive_->rows(),
                         std::back_inserter(all_rows_));
  batch_places_ = places_in(all_rows_, gather_->served_rows());
}

template <typename T>
std::span<const std::int32_t> Objective<T>::rows() const {
  return contrastive_ ? std::span<const std::int32_t>(all_rows_) : gather_->served_rows();
}

template <typename T>
typename Objective<T>::BatchRows Objective<T>::split(Tape<T>& tape, Variable<T>& gathered) const {
  const std::int64_t n = batch_->size();
  const auto pool = std::ssize(pool_), negatives = std::ssize(negatives_);
  Variable<T>& users = row_range(tape, gathered, 0, n);
  Variable<T>& positives = row_range(tape, gathered, n, n);
  return {users, positives, row_range(tape, gathered, 2 * n, pool),
          row_range(tape, gathered, 2 * n + pool, negatives)};
}

template <typename T>
double Objective<T>::record_term(LossKind kind, Tape<T>& tape, const BatchRows& rows) const {
  const std::int64_t global = batch_->global_size;
  if (kind == LossKind::bpr) {
    return bpr_loss(tape, rows.users, rows.positives, rows.negatives, global);
  }
  if (kind == LossKind::logistic) {
    return logistic_loss(tape, rows.users, rows.positives, rows.negatives, global);
  }
  if (kind == LossKind::rating) {
    std::vector<double> targets;
    for (std::size_t k = 0; k < batch_->items.size(); ++k) {
      const EdgeWeights& weights = *options_.edge_weights;
      targets.push_back(weights.of(batch_->user_rows[k], batch_->items[k]) - weights.mean());
    }
    return rating_loss(tape, rows.users, rows.positives, targets, global);
  }
  HALOREC_ASSERT_LIGHT(kind == LossKind::softmax);
  std::vector<std::span<const std::uint32_t>> own_items;
  for (const std::int32_t row : batch_->user_rows) own_items.push_back(shard_->items_of(row));
  Variable<T>& pool = normalise_rows(tape, rows.pool);
  Variable<T>& positives = normalise_rows(tape, rows.positives);
  return softmax_loss(tape, normalise_rows(tape, rows.users), positives, pool, own_items, pool_,
                      {options_.temperature, options_.temperature2, options_.gce, options_.scores},
                      global);
}

// L2 needs to know only how often each row was read: counts go home, the owner does the rest.
template <typename T>
double Objective<T>::record_l2(Tape<T>& tape, Variable<T>& initial) {
  const auto each = static_cast<T>(options_.l2 / static_cast<double>(batch_->global_size));
  std::vector<T> reads(static_cast<std::size_t>(gather_->num_wanted()), each);
  std::fill_n(reads.begin() + 2 * batch_->size(), std::ssize(pool_), T{0});
  l2_factors_.assign(static_cast<std::size_t>(gather_->num_served()), T{0});
  gather_->scatter_add(reads.data(), 1, l2_factors_.data(), 1);
  if (contrastive_) {  // over all rows, of which the contrastive term's are not penalised
    std::vector<T> over_all(all_rows_.size(), T{0});
    for (std::size_t k = 0; k < batch_places_.size(); ++k) {
      over_all[static_cast<std::size_t>(batch_places_[k])] = l2_factors_[k];
    }
    l2_factors_ = std::move(over_all);
  }
  return l2_penalty(tape, initial, std::span<const T>(l2_factors_));
}

template <typename T>
ObjectiveShares Objective<T>::record(Tape<T>& tape,
                                     const typename Model<T>::TrainingOutput& output) {
  ObjectiveShares shares;
  const auto add = [&](LossKind kind, double share) {
    shares.terms[static_cast<std::size_t>(kind)] = share;
    shares.total += options_.terms.weight(kind) * share;
  };
  Variable<T>& rows = contrastive_ ? select_rows(tape, output.rows, batch_places_) : output.rows;
  Variable<T>& gathered = gather_rows(tape, *gather_, rows);
  for (const LossKind kind : kLossKinds) {
    if (!options_.terms.has(kind) || kind == LossKind::contrastive) continue;
    const double weight = options_.terms.weight(kind);
    Variable<T>& own =
        weight == 1 ? gathered : weigh_gradient(tape, gathered, static_cast<T>(weight));
    add(kind, record_term(kind, tape, split(tape, own)));
  }
  if (contrastive_) {
    HALOREC_ASSERT_LIGHT(output.first_view != nullptr && output.second_view != nullptr);
    add(LossKind::contrastive,
        contrastive_->record(tape, *output.first_view, *output.second_view, all_rows_,
                             options_.terms.weight(LossKind::contrastive)));
  }
  if (options_.l2 > 0) shares.l2 = record_l2(tape, output.initial);
  shares.total += shares.l2;
  return shares;
}

template class Objective<float>;
template class Objective<double>;

}  // namespace halorec
