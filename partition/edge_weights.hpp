// The weights of a shard's training interactions: ratings, counts. Read only for a loss that asks
// for them; everything else sees interactions as equal.
#pragma once

#include "partition/shard.hpp"

namespace halorec {

class EdgeWeights {
 public:
  // Of every interaction in shard.items_of, in its order. A pair that stands in several splits or
  // behaviors has the sum, as repeats have at import. Collective.
  EdgeWeights(const Shard& shard, const DatasetFile& dataset, TrainingPart part);

  // Of the interaction of the owned user in row `user_row` with this item (global index), which
  // must be a training interaction.
  double of(std::int64_t user_row, std::uint32_t item) const;

  // Over the training interactions of all ranks: mean and largest difference from it.
  double mean() const { return mean_; }
  double spread() const { return spread_; }

 private:
  std::size_t place(std::int64_t user_row, std::uint32_t item) const;

  const Shard* shard_;
  std::vector<std::int64_t> begin_{0};  // of each owned user's weights
  std::vector<float> weights_;
  double mean_ = 0, spread_ = 0;
};

}  // namespace halorec
