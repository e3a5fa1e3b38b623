// Side information as numbers: each column becomes a sparse row of features for each node. What has
// to be fitted is fitted on the trained nodes, those with a training interaction, alone. Of a
// column that N trained nodes have a value in, n_f of them feature f:
//   attribute  a feature for each value: 1 / sqrt(values of the node)
//   text       a feature for each n-gram: (1 + log count) log((1 + N) / n_f), rows of length 1
//   vector     a feature for each dimension; rows of length 1, not centred
//   number     one feature: (x - mean) / deviation
// Features that no trained node has are left out before rows are scaled: nothing can be learned of
// them. A number that is the same at all trained nodes is left out likewise. So columns weigh
// alike: a node that has one has a row of length 1 there, of numbers 1 in the mean square.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/side/side_info.hpp"

namespace halorec {

// Rows of some nodes, end to end. Features ascend within a row and are distinct.
struct SparseRows {
  std::vector<std::uint64_t> begin{0};  // [nodes + 1]
  std::vector<std::uint32_t> feature;
  std::vector<float> value;

  std::uint64_t size() const { return begin.size() - 1; }
  void close_row() { begin.push_back(feature.size()); }
};

// What stands in a column, unfitted: 1 for a value, 1 + log count, the vector's numbers that are
// not 0, the number. Missing values have no entry.
SparseRows raw_rows(const AttributeColumn& column);
SparseRows raw_rows(const NumberColumn& column);
SparseRows raw_rows(const TextColumn& column);
SparseRows raw_rows(const VectorColumn& column);

std::uint64_t num_raw_features(const AttributeColumn& column);
std::uint64_t num_raw_features(const NumberColumn& column);
std::uint64_t num_raw_features(const TextColumn& column);
std::uint64_t num_raw_features(const VectorColumn& column);

// Nodes that have each raw feature.
struct FeatureCounts {
  std::vector<std::uint32_t> trained, all;  // [raw features]
  std::uint32_t num_trained = 0;            // trained nodes that have any

  explicit FeatureCounts(std::uint64_t num_raw_features)
      : trained(num_raw_features, 0), all(num_raw_features, 0) {}
  // trained_nodes: [nodes of the slice], 1 for trained.
  void add(const SparseRows& raw, std::span<const std::uint8_t> trained_nodes);
};

// Mean and deviation of the known numbers at trained nodes, taken slice after slice in the order of
// nodes, twice: first all slices to add_to_mean(), then all to add_to_deviation().
class NumberFit {
 public:
  void add_to_mean(const NumberColumn& slice, std::span<const std::uint8_t> trained);
  void add_to_deviation(const NumberColumn& slice, std::span<const std::uint8_t> trained);
  std::uint32_t count() const { return count_; }
  double mean() const { return count_ > 0 ? sum_ / count_ : 0; }
  double deviation() const;
  // Whether the numbers differ by more than rounding does.
  bool varies() const { return deviation() > 1e-7 * largest_; }

 private:
  std::uint32_t count_ = 0;
  double sum_ = 0, squares_ = 0, largest_ = 0;
};

// What is fitted of one column, and the rows that follow.
class ColumnFit {
 public:
  enum class Weight : std::uint8_t { plain, inverse_frequency };
  // Of attributes, text and vectors. `counts`: over all slices.
  ColumnFit(const FeatureCounts& counts, Weight weight);
  explicit ColumnFit(const NumberFit& number);

  std::uint32_t num_features() const { return static_cast<std::uint32_t>(frequency_.size()); }
  // Features that some node has and no trained one does.
  std::uint64_t num_dropped() const { return num_dropped_; }
  // Trained nodes that have each feature.
  const std::vector<std::uint32_t>& frequency() const { return frequency_; }

  // Appends the row of raw row k, its features numbered from `first`; closes no row.
  void append_row(const SparseRows& raw, std::uint64_t k, std::uint32_t first,
                  SparseRows& rows) const;

 private:
  static constexpr std::uint32_t kDropped = 0xFFFF'FFFF;
  std::vector<std::uint32_t> number_of_;  // [raw features], kDropped where left out
  std::vector<std::uint32_t> frequency_;  // [features]
  std::vector<double> scale_;             // [features]
  std::uint64_t num_dropped_ = 0;
  double offset_ = 0;  // of a number
  bool has_unit_rows_ = true;
};

}  // namespace halorec
