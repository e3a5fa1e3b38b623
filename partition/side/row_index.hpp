// Inner products of sparse rows through an inverted index: of one row with all of a set, at a cost
// of the entries that they share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/side/feature_fit.hpp"

namespace halorec {

class RowIndex {
 public:
  // Features of `rows` are below num_features.
  RowIndex(const SparseRows& rows, std::uint32_t num_features);

  // Working space of a thread: all zero between calls.
  struct Sums {
    std::vector<float> of_row;       // [rows]
    std::vector<std::uint32_t> met;  // rows that share a feature, in no order
  };
  Sums make_sums() const { return {std::vector<float>(num_rows_, 0.0F), {}}; }

  // sums.of_row[r] = inner product with row r, for the rows in sums.met, which all share a feature.
  // Summed by ascending feature: two rows have the same product whichever of them asks. The caller
  // reads them and then calls clear().
  void multiply(std::span<const std::uint32_t> feature, std::span<const float> value,
                Sums& sums) const;
  static void clear(Sums& sums);

 private:
  struct Entry {
    std::uint32_t row;
    float value;
  };
  std::size_t num_rows_;
  std::vector<std::uint64_t> begin_;  // [features + 1], into entries_
  std::vector<Entry> entries_;
};

}  // namespace halorec
