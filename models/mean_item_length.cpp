#include "models/mean_item_length.hpp"

#include "engine/row_length.hpp"

namespace halorec {

double mean_item_length(const Shard& shard, MatrixView<const float> rows) {
  double sums[2] = {0, 0};
  for (std::int64_t i = 0; i < shard.num_owned_items(); ++i) {
    if (shard.item_degree(shard.owned_items()[static_cast<std::size_t>(i)]) == 0) continue;
    sums[0] += row_length(rows.row(shard.num_owned_users() + i), rows.cols);
    sums[1] += 1;
  }
  shard.communicator().sum(std::span<double>(sums));
  return sums[1] == 0 ? 0 : sums[0] / sums[1];
}

}  // namespace halorec
