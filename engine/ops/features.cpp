#include "engine/ops/features.hpp"

#include <algorithm>

#include "engine/kernels/dense.hpp"

namespace halorec {

FeatureMatrix::FeatureMatrix(std::span<const std::int64_t> row_begin,
                             std::span<const std::uint32_t> column, std::span<const float> value,
                             std::int64_t num_features)
    : value_(value.begin(), value.end()) {
  HALOREC_ASSERT_LIGHT(column.size() == value.size());
  entries_.row_begin.assign(row_begin.begin(), row_begin.end());
  for (const std::uint32_t f : column) entries_.column.push_back(static_cast<std::int32_t>(f));
  transposed_ = transpose(entries_, num_features);
  transposed_value_.resize(value_.size());
  std::vector<std::int64_t> next(transposed_.row_begin.begin(), transposed_.row_begin.end() - 1);
  for (std::size_t e = 0; e < value_.size(); ++e) {
    const auto feature = static_cast<std::size_t>(entries_.column[e]);
    transposed_value_[static_cast<std::size_t>(next[feature]++)] = value_[e];
  }
}

FeatureMatrix FeatureMatrix::at(std::span<const std::int32_t> rows) const {
  std::vector<std::int64_t> row_begin{0};
  std::vector<std::uint32_t> column;
  std::vector<float> value;
  for (const std::int32_t row : rows) {
    const auto r = static_cast<std::size_t>(row);
    const auto begin = static_cast<std::size_t>(entries_.row_begin[r]);
    const auto end = static_cast<std::size_t>(entries_.row_begin[r + 1]);
    for (std::size_t e = begin; e < end; ++e) {
      column.push_back(static_cast<std::uint32_t>(entries_.column[e]));
    }
    value.insert(value.end(), value_.begin() + static_cast<std::ptrdiff_t>(begin),
                 value_.begin() + static_cast<std::ptrdiff_t>(end));
    row_begin.push_back(std::ssize(column));
  }
  return {row_begin, column, value, num_features()};
}

namespace {

// y += sum over the entries of row r of value times the row of x.
template <typename T>
void add_row(const Csr& entries, std::span<const float> value, std::int64_t row,
             MatrixView<const T> x, T* y) {
  const auto r = static_cast<std::size_t>(row);
  for (std::int64_t e = entries.row_begin[r]; e < entries.row_begin[r + 1]; ++e) {
    kernels::add_scaled(x.cols, static_cast<T>(value[static_cast<std::size_t>(e)]),
                        x.row(entries.column[static_cast<std::size_t>(e)]), y);
  }
}

template <typename T>
void keep_into(std::span<const T> keep, MatrixView<const T> own, MatrixView<T> y) {
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < own.rows; ++r) {
    kernels::scale_into(own.cols, keep[static_cast<std::size_t>(r)], own.row(r), y.row(r));
  }
}

// de_i += keep_i dy_i.
template <typename T>
void add_kept(std::span<const T> keep, const Variable<T>& result, Variable<T>& own) {
  if (!own.wants_gradient()) return;
  const bool first = own.claim_gradient();
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < result.gradient.rows; ++r) {
    const T factor = keep[static_cast<std::size_t>(r)];
    const T* dy = result.gradient.row(r);
    if (first) {
      kernels::scale_into(own.gradient.cols, factor, dy, own.gradient.row(r));
    } else {
      kernels::add_scaled(own.gradient.cols, factor, dy, own.gradient.row(r));
    }
  }
}

}  // namespace

template <typename T>
Variable<T>& feature_sum(Tape<T>& tape, const FeatureMatrix& features, std::span<const T> keep,
                         Variable<T>& own, Variable<T>& table) {
  HALOREC_ASSERT_LIGHT(
      own.value.rows == features.num_rows() && std::ssize(keep) == features.num_rows() &&
      table.value.rows == features.num_features() && table.value.cols == own.value.cols);
  Variable<T>& result = tape.result(own.value.rows, own.value.cols);
  keep_into<T>(keep, own.value, result.value);
#pragma omp parallel for schedule(dynamic, 64)
  for (std::int64_t r = 0; r < result.value.rows; ++r) {
    add_row<T>(features.entries(), features.value(), r, table.value, result.value.row(r));
  }
  // de_i += keep_i dy_i,  dv_f += sum over nodes i with f of value_if dy_i.
  tape.record([&features, keep, &own, &table, &result] {
    add_kept(keep, result, own);
    if (!table.wants_gradient()) return;
    table.clear_stale_gradient();
#pragma omp parallel for schedule(dynamic, 16)
    for (std::int64_t f = 0; f < features.num_features(); ++f) {
      add_row<T>(features.transposed(), features.transposed_value(), f, result.gradient,
                 table.gradient.row(f));
    }
  });
  return result;
}

template <typename T>
Variable<T>& keep_rows(Tape<T>& tape, std::span<const T> keep, Variable<T>& own) {
  HALOREC_ASSERT_LIGHT(own.value.rows == std::ssize(keep));
  Variable<T>& result = tape.result(own.value.rows, own.value.cols);
  keep_into<T>(keep, own.value, result.value);
  tape.record([keep, &own, &result] { add_kept(keep, result, own); });
  return result;
}

#define HALOREC_INSTANTIATE(T)                                                             \
  template Variable<T>& feature_sum<T>(Tape<T>&, const FeatureMatrix&, std::span<const T>, \
                                       Variable<T>&, Variable<T>&);                        \
  template Variable<T>& keep_rows<T>(Tape<T>&, std::span<const T>, Variable<T>&);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
