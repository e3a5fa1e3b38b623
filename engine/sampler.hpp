// Which positives a step trains on, and against which negatives: functions of (seed, epoch, step,
// global edge number), so every rank finds its share without communication and the rank count
// cannot change a batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/shard.hpp"

namespace halorec {

// This rank's part of a batch: positives whose user it owns, in the order of their position.
struct Batch {
  std::vector<std::int32_t> user_rows;   // owned rows
  std::vector<std::uint32_t> items;      // global item indices
  std::vector<std::uint32_t> positions;  // place in the global batch, [0, global_size)
  std::int64_t global_size = 0;

  std::int64_t size() const { return static_cast<std::int64_t>(user_rows.size()); }
};

class Sampler {
 public:
  // `batch_size`: positives of all ranks together. `negative_power`: in [0, 1], of the pool.
  // `window_edges`: owned edges that are dealt to their steps at a time, 32 bytes each meanwhile.
  Sampler(const Shard& shard, std::uint64_t seed, std::int64_t batch_size, double negative_power,
          std::int64_t window_edges = std::int64_t{1} << 25);

  std::int64_t batch_size() const { return batch_size_; }
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  std::uint64_t epoch() const { return epoch_; }

  // Edge number e goes to position perm(e) of the epoch, step = position / batch size. A rank deals
  // its edges to a window of steps when the first of them is asked for.
  void start_epoch(std::uint64_t epoch);
  Batch batch(std::int64_t step_in_epoch);

  // `size` items for a step, the same on every rank, drawn with replacement in proportion to their
  // training degree to the negative power: 1 draws like positives, 0 uniformly among items with
  // training interactions; word2vec's 3/4 (Mikolov et al., NIPS 2013) is between. O(size log
  // items).
  std::vector<std::uint32_t> pool(std::uint64_t step, std::int64_t size) const;

  // `each` items for every positive of the batch (positive k: [k each, (k+1) each)), uniform over
  // items that have training interactions, without the user's own; after 32 tries the last draw
  // stands (a user who has nearly everything).
  std::vector<std::uint32_t> negatives(std::uint64_t step, const Batch& batch,
                                       std::int64_t each) const;

 private:
  struct Entry {
    std::uint32_t position;  // within the batch
    std::int32_t user_row;
    std::uint32_t item;
  };

  struct Dealt {
    std::int32_t step;  // within the window
    Entry entry;
  };
  void deal(std::int64_t first_step);

  const Shard* shard_;
  std::uint64_t seed_;
  std::int64_t batch_size_;
  std::int64_t steps_per_epoch_;
  std::vector<std::uint32_t> trained_items_;       // items with training interactions, ascending
  std::vector<std::uint64_t> pool_weight_before_;  // sums over trained_items_, from 0
  std::uint64_t epoch_ = 0;
  std::int64_t steps_in_window_ = 1;
  std::int64_t window_first_ = 0, window_last_ = 0;  // steps whose entries are there
  std::vector<std::int64_t> step_begin_;             // by step within the window
  std::vector<Entry> entries_;
};

// A batch for graphs of any size: 2048 (the papers') up to about 800 thousand edges, then such that
// an epoch has 400 steps, since every step propagates the whole graph; from 52 million edges on
// 2^17, and 1600 steps where that would take more.
std::int64_t automatic_batch_size(std::uint64_t num_edges);

}  // namespace halorec
