#include "engine/sampler.hpp"

#include <omp.h>

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
                 double negative_power, std::int64_t window_edges)
    : shard_(&shard), seed_(seed), batch_size_(batch_size) {
  HALOREC_ASSERT_LIGHT(batch_size > 0 && batch_size <= INT_MAX);
  steps_per_epoch_ = (static_cast<std::int64_t>(shard.num_edges()) + batch_size - 1) / batch_size;
  std::int64_t own_edges = 0;
  for (std::int64_t u = 0; u < shard.num_owned_users(); ++u) {
    own_edges += std::ssize(shard.items_of(u));
  }
  const std::int64_t num_windows =
      std::max<std::int64_t>(1, (own_edges + window_edges - 1) / window_edges);
  steps_in_window_ = (steps_per_epoch_ + num_windows - 1) / num_windows;
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
  epoch_ = epoch;
  window_first_ = window_last_ = 0;
}

void Sampler::deal(std::int64_t first_step) {
  const Permutation permutation(shard_->num_edges(), seed_, Purpose::shuffle, epoch_);
  const auto size = static_cast<std::uint64_t>(batch_size_);
  window_first_ = first_step;
  window_last_ = std::min(steps_per_epoch_, first_step + steps_in_window_);
  const std::uint64_t first = static_cast<std::uint64_t>(window_first_) * size;
  const std::uint64_t last = static_cast<std::uint64_t>(window_last_) * size;
  const std::int64_t num_users = shard_->num_owned_users();
  std::vector<std::vector<Dealt>> dealt(static_cast<std::size_t>(omp_get_max_threads()));
#pragma omp parallel
  {
    auto& own = dealt[static_cast<std::size_t>(omp_get_thread_num())];
#pragma omp for schedule(dynamic, 256)
    for (std::int64_t u = 0; u < num_users; ++u) {
      std::uint64_t edge = shard_->first_edge_of(u);
      for (const std::uint32_t item : shard_->items_of(u)) {
        const std::uint64_t p = permutation(edge++);
        if (p < first || p >= last) continue;
        own.push_back({static_cast<std::int32_t>((p - first) / size),
                       {static_cast<std::uint32_t>(p % size), static_cast<std::int32_t>(u), item}});
      }
    }
  }
  const std::int64_t num_steps = window_last_ - window_first_;
  step_begin_.assign(static_cast<std::size_t>(num_steps) + 1, 0);
  for (const auto& own : dealt) {
    for (const Dealt& d : own) ++step_begin_[static_cast<std::size_t>(d.step) + 1];
  }
  std::partial_sum(step_begin_.begin(), step_begin_.end(), step_begin_.begin());
  entries_.resize(static_cast<std::size_t>(step_begin_.back()));
  std::vector<std::int64_t> next(step_begin_.begin(), step_begin_.end() - 1);
  for (auto& own : dealt) {
    for (const Dealt& d : own) {
      entries_[static_cast<std::size_t>(next[static_cast<std::size_t>(d.step)]++)] = d.entry;
    }
    own = {};
  }
  // Positions are distinct, so the order is one whatever the threads were.
#pragma omp parallel for schedule(static)
  for (std::int64_t s = 0; s < num_steps; ++s) {
    std::sort(entries_.begin() + step_begin_[static_cast<std::size_t>(s)],
              entries_.begin() + step_begin_[static_cast<std::size_t>(s) + 1],
              [](const Entry& x, const Entry& y) { return x.position < y.position; });
  }
}

Batch Sampler::batch(std::int64_t step_in_epoch) {
  HALOREC_ASSERT_LIGHT(step_in_epoch >= 0 && step_in_epoch < steps_per_epoch_);
  if (step_in_epoch < window_first_ || step_in_epoch >= window_last_) deal(step_in_epoch);
  const auto step = static_cast<std::size_t>(step_in_epoch - window_first_);
  Batch batch;
  const auto num_edges = static_cast<std::int64_t>(shard_->num_edges());
  batch.global_size = std::min(batch_size_, num_edges - step_in_epoch * batch_size_);
  for (std::int64_t k = step_begin_[step]; k < step_begin_[step + 1]; ++k) {
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
  constexpr std::uint64_t kSteps = 400, kMostSteps = 1600, kSmallest = 2048, kLarge = 1 << 17;
  const auto in_steps = [&](std::uint64_t steps) { return (num_edges + steps - 1) / steps; };
  return static_cast<std::int64_t>(
      std::max(std::clamp(in_steps(kSteps), kSmallest, kLarge), in_steps(kMostSteps)));
}

}  // namespace halorec
