// What nodes are before any message: a row of their own and the rows of their features.
#pragma once

#include <span>
#include <vector>

#include "engine/tape.hpp"
#include "partition/adjacency.hpp"

namespace halorec {

// A sparse matrix of features, [num_owned x num_features], and its transpose.
class FeatureMatrix {
 public:
  // Entries of row r: columns and values [row_begin[r], row_begin[r + 1]); columns distinct in a
  // row.
  FeatureMatrix(std::span<const std::int64_t> row_begin, std::span<const std::uint32_t> column,
                std::span<const float> value, std::int64_t num_features);

  // Those rows alone, in that order.
  FeatureMatrix at(std::span<const std::int32_t> rows) const;

  std::int64_t num_rows() const { return entries_.num_rows(); }
  std::int64_t num_features() const { return transposed_.num_rows(); }
  bool has_row(std::int64_t row) const {
    const auto r = static_cast<std::size_t>(row);
    return entries_.row_begin[r] != entries_.row_begin[r + 1];
  }
  const Csr& entries() const { return entries_; }
  std::span<const float> value() const { return value_; }
  const Csr& transposed() const { return transposed_; }
  std::span<const float> transposed_value() const { return transposed_value_; }

 private:
  Csr entries_, transposed_;
  std::vector<float> value_, transposed_value_;
};

// y_i = keep_i e_i + sum over features f of i of value_if v_f (an embedding bag). own = e,
// [num_owned x dim]; table = v, [num_features x dim], replicated: its gradient is this rank's
// share. keep: [num_owned]; outlives the step, as does the matrix. Does not communicate.
template <typename T>
Variable<T>& feature_sum(Tape<T>& tape, const FeatureMatrix& features, std::span<const T> keep,
                         Variable<T>& own, Variable<T>& table);
// The same without features: y_i = keep_i e_i.
template <typename T>
Variable<T>& keep_rows(Tape<T>& tape, std::span<const T> keep, Variable<T>& own);

}  // namespace halorec
