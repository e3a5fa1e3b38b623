#include "partition/edge_weights.hpp"

#include <algorithm>
#include <cmath>

#include "partition/home_edges.hpp"

namespace halorec {

EdgeWeights::EdgeWeights(const Shard& shard, const DatasetFile& dataset, TrainingPart part)
    : shard_(&shard) {
  Communicator& communicator = shard.communicator();
  for (std::int64_t row = 0; row < shard.num_owned_users(); ++row) {
    begin_.push_back(begin_.back() + std::ssize(shard.items_of(row)));
  }
  std::vector<double> sums(static_cast<std::size_t>(begin_.back()), 0.0);
  constexpr bool kAllColumns = true;
  const auto add = [&](const Interactions& chunk) {
    const WeighedPairs arrived = send_home_weighed(
        communicator, chunk, false,
        [&](std::uint32_t u, std::uint32_t) { return shard.address_of_user(u).owner; });
    for (std::size_t k = 0; k < arrived.pairs.size(); ++k) {
      const Pair& pair = arrived.pairs[k];
      sums[place(shard.address_of_user(pair.user).row, pair.item)] +=
          static_cast<double>(arrived.weight[k]);
    }
  };
  read_slices(communicator, dataset, Split::train, add, kAllColumns);
  if (part != TrainingPart::train) {
    read_slices(communicator, dataset, Split::validation, add, kAllColumns);
  }
  weights_.assign(sums.begin(), sums.end());

  double total = 0;
  for (const float weight : weights_) total += static_cast<double>(weight);
  mean_ =
      communicator.sum(total) / static_cast<double>(std::max<std::uint64_t>(1, shard.num_edges()));
  for (const float weight : weights_) {
    spread_ = std::max(spread_, std::abs(static_cast<double>(weight) - mean_));
  }
  spread_ = communicator.max(spread_);
}

std::size_t EdgeWeights::place(std::int64_t user_row, std::uint32_t item) const {
  const auto items = shard_->items_of(user_row);
  const auto at = std::lower_bound(items.begin(), items.end(), item);
  HALOREC_ASSERT_LIGHT(at != items.end() && *at == item);
  return static_cast<std::size_t>(begin_[static_cast<std::size_t>(user_row)] +
                                  (at - items.begin()));
}

double EdgeWeights::of(std::int64_t user_row, std::uint32_t item) const {
  return static_cast<double>(weights_[place(user_row, item)]);
}

}  // namespace halorec
