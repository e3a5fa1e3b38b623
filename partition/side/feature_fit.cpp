#include "partition/side/feature_fit.hpp"

#include <algorithm>
#include <cmath>

#include "comm/check.hpp"

namespace halorec {

SparseRows raw_rows(const AttributeColumn& column) {
  return {column.begin, column.value, std::vector<float>(column.value.size(), 1.0F)};
}

SparseRows raw_rows(const NumberColumn& column) {
  SparseRows rows;
  for (const float value : column.value) {
    if (!std::isnan(value)) {
      rows.feature.push_back(0);
      rows.value.push_back(value);
    }
    rows.close_row();
  }
  return rows;
}

SparseRows raw_rows(const TextColumn& column) {
  SparseRows rows{column.begin, column.feature, {}};
  rows.value.reserve(column.count.size());
  for (const std::uint32_t count : column.count) {
    rows.value.push_back(static_cast<float>(1 + std::log(static_cast<double>(count))));
  }
  return rows;
}

SparseRows raw_rows(const VectorColumn& column) {
  SparseRows rows;
  for (std::uint64_t k = 0; k < column.known.size(); ++k) {
    for (std::uint32_t d = 0; d < column.dim; ++d) {
      const float value = column.value[k * column.dim + d];
      if (value == 0) continue;
      rows.feature.push_back(d);
      rows.value.push_back(value);
    }
    rows.close_row();
  }
  return rows;
}

std::uint64_t num_raw_features(const AttributeColumn& column) {
  return column.values.size();
}
std::uint64_t num_raw_features(const NumberColumn&) {
  return 1;
}
std::uint64_t num_raw_features(const TextColumn& column) {
  return 2 * std::uint64_t{column.buckets};
}
std::uint64_t num_raw_features(const VectorColumn& column) {
  return column.dim;
}

void FeatureCounts::add(const SparseRows& raw, std::span<const std::uint8_t> trained_nodes) {
  HALOREC_ASSERT_LIGHT(trained_nodes.size() == raw.size());
  for (std::uint64_t k = 0; k < raw.size(); ++k) {
    const bool counts = trained_nodes[k] != 0;
    for (std::uint64_t e = raw.begin[k]; e < raw.begin[k + 1]; ++e) {
      ++all[raw.feature[e]];
      if (counts) ++trained[raw.feature[e]];
    }
    if (counts && raw.begin[k] < raw.begin[k + 1]) ++num_trained;
  }
}

void NumberFit::add_to_mean(const NumberColumn& slice, std::span<const std::uint8_t> trained) {
  for (std::size_t k = 0; k < slice.value.size(); ++k) {
    const double value = static_cast<double>(slice.value[k]);
    if (trained[k] == 0 || std::isnan(value)) continue;
    ++count_;
    sum_ += value;
    largest_ = std::max(largest_, std::abs(value));
  }
}

void NumberFit::add_to_deviation(const NumberColumn& slice, std::span<const std::uint8_t> trained) {
  for (std::size_t k = 0; k < slice.value.size(); ++k) {
    const double value = static_cast<double>(slice.value[k]);
    if (trained[k] == 0 || std::isnan(value)) continue;
    squares_ += (value - mean()) * (value - mean());
  }
}

double NumberFit::deviation() const {
  return count_ > 0 ? std::sqrt(squares_ / count_) : 0;
}

ColumnFit::ColumnFit(const FeatureCounts& counts, Weight weight)
    : number_of_(counts.trained.size(), kDropped) {
  const double num_nodes = counts.num_trained;
  for (std::size_t f = 0; f < number_of_.size(); ++f) {
    if (counts.trained[f] == 0) {
      num_dropped_ += counts.all[f] > 0 ? 1 : 0;
      continue;
    }
    number_of_[f] = num_features();
    frequency_.push_back(counts.trained[f]);
    scale_.push_back(weight == Weight::plain ? 1 : std::log((1 + num_nodes) / counts.trained[f]));
  }
}

ColumnFit::ColumnFit(const NumberFit& number)
    : number_of_{kDropped}, num_dropped_(1), offset_(number.mean()), has_unit_rows_(false) {
  if (!number.varies()) return;
  number_of_[0] = 0;
  frequency_.push_back(number.count());
  scale_.push_back(1 / number.deviation());
  num_dropped_ = 0;
}

void ColumnFit::append_row(const SparseRows& raw, std::uint64_t k, std::uint32_t first,
                           SparseRows& rows) const {
  double squares = 0;
  const auto value_at = [&](std::uint64_t e) {
    return (static_cast<double>(raw.value[e]) - offset_) * scale_[number_of_[raw.feature[e]]];
  };
  for (std::uint64_t e = raw.begin[k]; e < raw.begin[k + 1]; ++e) {
    if (number_of_[raw.feature[e]] != kDropped) squares += value_at(e) * value_at(e);
  }
  const double length = has_unit_rows_ ? std::sqrt(squares) : 1;
  if (length == 0) return;
  for (std::uint64_t e = raw.begin[k]; e < raw.begin[k + 1]; ++e) {
    const std::uint32_t number = number_of_[raw.feature[e]];
    if (number == kDropped) continue;
    rows.feature.push_back(first + number);
    rows.value.push_back(static_cast<float>(value_at(e) / length));
  }
}

}  // namespace halorec
