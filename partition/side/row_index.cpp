#include "partition/side/row_index.hpp"

#include <numeric>

namespace halorec {

RowIndex::RowIndex(const SparseRows& rows, std::uint32_t num_features)
    : num_rows_(rows.size()),
      begin_(std::size_t{num_features} + 1, 0),
      entries_(rows.feature.size()) {
  for (const std::uint32_t feature : rows.feature) ++begin_[std::size_t{feature} + 1];
  std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
  std::vector<std::uint64_t> next(begin_.begin(), begin_.end() - 1);
  for (std::uint32_t r = 0; r < rows.size(); ++r) {
    for (std::uint64_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e) {
      entries_[next[rows.feature[e]]++] = {r, rows.value[e]};
    }
  }
}

void RowIndex::multiply(std::span<const std::uint32_t> feature, std::span<const float> value,
                        Sums& sums) const {
  for (std::size_t f = 0; f < feature.size(); ++f) {
    for (std::uint64_t e = begin_[feature[f]]; e < begin_[std::size_t{feature[f]} + 1]; ++e) {
      float& sum = sums.of_row[entries_[e].row];
      // A product may be 0, or cancel out later: then the row is listed again.
      if (sum == 0) sums.met.push_back(entries_[e].row);
      sum += value[f] * entries_[e].value;
    }
  }
}

void RowIndex::clear(Sums& sums) {
  for (const std::uint32_t row : sums.met) sums.of_row[row] = 0;
  sums.met.clear();
}

}  // namespace halorec
