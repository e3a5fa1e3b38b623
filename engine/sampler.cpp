#include "engine/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "comm/random.hpp"

namespace halorec {
namespace {

// Draw numbers within a step: the pool has indices below, negatives their try number.
constexpr std::uint32_t kPoolIndex = 0xFFFFFFFFu;
constexpr std::uint32_t kMaxTries = 32;
constexpr double kWeightUnit = 1 << 12;  // of the pool's weights

}  // namespace

Sampler::Sampler(const Shard& shard, std::uint64_t seed, std::int64_t batch_size,
                 double negative_power)
    : shard_(&shard), seed_(seed), batch_size_(batch_size) {
  HALOREC_ASSERT_LIGHT(batch_size > 0 && batch_size <= INT_MAX);
  steps_per_epoch_ = (static_cast<std::int64_t>(shard.num_edges()) + batch_size - 1) / batch_size;
  for (std::uint32_t item = 0; item < shard.num_items(); ++item) {
    if (shard.item_degree(item) > 0) trained_items_.push_back(item);
  }
  // Whole numbers, so that no rounding of sums can differ between machines.
  pool_weight_before_.push_back(0);
  for (const std::uint32_t item : trained_items_) {
    const double weight = std::pow(static_cast<double>(shard.item_degree(item)), negative_power);
    pool_weight_before_.push_back(pool_weight_before_.back() +
                                  static_cast<std::uint64_t>(std::llround(kWeightUnit * weight)));
  }
}

void Sampler::start_epoch(std::uint64_t epoch) {
  const Permutation permutation(shard_->num_edges(), seed_, Purpose::shuffle, epoch);
  const std::int64_t num_users = shard_->num_owned_users();
  std::vector<std::int64_t> begin(static_cast<std::size_t>(num_users) + 1, 0);
  for (std::int64_t u = 0; u < num_users; ++u) {
    begin[static_cast<std::size_t>(u) + 1] =
        begin[static_cast<std::size_t>(u)] + std::ssize(shard_->items_of(u));
  }
  std::vector<std::uint64_t> position(static_cast<std::size_t>(begin.back()));
#pragma omp parallel for schedule(dynamic, 256)
  for (std::int64_t u = 0; u < num_users; ++u) {
    const std::uint64_t first = shard_->first_edge_of(u);
    const std::int64_t own = begin[static_cast<std::size_t>(u)];
    for (std::int64_t k = 0; k < std::ssize(shard_->items_of(u)); ++k) {
      position[static_cast<std::size_t>(own + k)] =
          permutation(first + static_cast<std::uint64_t>(k));
    }
  }

  const auto size = static_cast<std::uint64_t>(batch_size_);
  step_begin_.assign(static_cast<std::size_t>(steps_per_epoch_) + 1, 0);
  for (const std::uint64_t p : position) ++step_begin_[p / size + 1];
  std::partial_sum(step_begin_.begin(), step_begin_.end(), step_begin_.begin());
  entries_.resize(position.size());
  std::vector<std::int64_t> next(step_begin_.begin(), step_begin_.end() - 1);
  std::size_t e = 0;
  for (std::int64_t u = 0; u < num_users; ++u) {
    for (const std::uint32_t item : shard_->items_of(u)) {
      const std::uint64_t p = position[e++];
      entries_[static_cast<std::size_t>(next[p / size]++)] = {static_cast<std::uint32_t>(p % size),
                                                              static_cast<std::int32_t>(u), item};
    }
  }
#pragma omp parallel for schedule(static)
  for (std::int64_t s = 0; s < steps_per_epoch_; ++s) {
    std::sort(entries_.begin() + step_begin_[static_cast<std::size_t>(s)],
              entries_.begin() + step_begin_[static_cast<std::size_t>(s) + 1],
              [](const Entry& a, const Entry& b) { return a.position < b.position; });
  }
}

Batch Sampler::batch(std::int64_t step_in_epoch) const {
  HALOREC_ASSERT_LIGHT(step_in_epoch >= 0 && step_in_epoch < steps_per_epoch_);
  Batch batch;
  const auto num_edges = static_cast<std::int64_t>(shard_->num_edges());
  batch.global_size = std::min(batch_size_, num_edges - step_in_epoch * batch_size_);
  for (std::int64_t k = step_begin_[static_cast<std::size_t>(step_in_epoch)];
       k < step_begin_[static_cast<std::size_t>(step_in_epoch) + 1]; ++k) {
    const Entry& entry = entries_[static_cast<std::size_t>(k)];
    batch.user_rows.push_back(entry.user_row);
    batch.items.push_back(entry.item);
    batch.positions.push_back(entry.position);
  }
  return batch;
}

std::vector<std::uint32_t> Sampler::pool(std::uint64_t step, std::int64_t size) const {
  const Random random(seed_, Purpose::negatives, step);
  const auto& before = pool_weight_before_;
  std::vector<std::uint32_t> items(static_cast<std::size_t>(size));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < size; ++k) {
    const std::uint64_t at = random.below(before.back(), static_cast<std::uint64_t>(k), kPoolIndex);
    items[static_cast<std::size_t>(k)] = trained_items_[static_cast<std::size_t>(
        std::upper_bound(before.begin(), before.end(), at) - before.begin() - 1)];
  }
  return items;
}

std::vector<std::uint32_t> Sampler::negatives(std::uint64_t step, const Batch& batch,
                                              std::int64_t each) const {
  const Random random(seed_, Purpose::negatives, step);
  std::vector<std::uint32_t> items(static_cast<std::size_t>(batch.size() * each));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < batch.size(); ++k) {
    const auto own = shard_->items_of(batch.user_rows[static_cast<std::size_t>(k)]);
    for (std::int64_t j = 0; j < each; ++j) {
      const std::uint64_t key =
          static_cast<std::uint64_t>(batch.positions[static_cast<std::size_t>(k)]) *
              static_cast<std::uint64_t>(each) +
          static_cast<std::uint64_t>(j);
      std::uint32_t item = 0;
      for (std::uint32_t attempt = 0; attempt < kMaxTries; ++attempt) {
        item = trained_items_[random.below(trained_items_.size(), key, attempt)];
        if (!std::binary_search(own.begin(), own.end(), item)) break;
      }
      items[static_cast<std::size_t>(k * each + j)] = item;
    }
  }
  return items;
}

std::int64_t automatic_batch_size(std::uint64_t num_edges) {
  constexpr std::uint64_t kStepsPerEpoch = 400;
  const std::uint64_t wanted = (num_edges + kStepsPerEpoch - 1) / kStepsPerEpoch;
  return static_cast<std::int64_t>(std::clamp(wanted, std::uint64_t{2048}, std::uint64_t{1} << 17));
}

}  // namespace halorec
