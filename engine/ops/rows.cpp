#include "engine/ops/rows.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/dense.hpp"

namespace halorec {
namespace {

// Below it a row has no direction.
constexpr double kShortest = 1e-12;

}  // namespace

template <typename T>
Variable<T>& select_rows(Tape<T>& tape, Variable<T>& from, std::span<const std::int32_t> rows) {
  const std::int64_t count = std::ssize(rows);
  const std::int64_t cols = from.value.cols;
  Variable<T>& result = tape.result(count, cols);
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < count; ++k) {
    std::copy_n(from.value.row(rows[static_cast<std::size_t>(k)]), cols, result.value.row(k));
  }
  tape.record([&from, &result, rows, count, cols] {
    from.clear_stale_gradient();
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < count; ++k) {
      kernels::add_scaled(cols, T{1}, result.gradient.row(k),
                          from.gradient.row(rows[static_cast<std::size_t>(k)]));
    }
  });
  return result;
}

template <typename T>
Variable<T>& gather_rows(Tape<T>& tape, const BatchGather& plan, Variable<T>& rows) {
  Variable<T>& result = tape.result(plan.num_wanted(), rows.value.cols);
  HALOREC_ASSERT_LIGHT(rows.value.rows == plan.num_served());
  plan.gather(rows.value.data, rows.value.stride, rows.value.cols, result.value.data);
  tape.record([&plan, &rows, &result] {
    plan.scatter_add(result.gradient.data, rows.value.cols, rows.gradient.data,
                     rows.gradient.stride);
  });
  return result;
}

template <typename T>
Variable<T>& row_range(Tape<T>& tape, Variable<T>& rows, std::int64_t first, std::int64_t count) {
  return tape.leaf(rows.value.rows_from(first, count), rows.gradient.rows_from(first, count));
}

template <typename T>
Variable<T>& normalise_rows(Tape<T>& tape, Variable<T>& rows) {
  const std::int64_t num_rows = rows.value.rows;
  const std::int64_t cols = rows.value.cols;
  Variable<T>& result = tape.result(num_rows, cols);
  MatrixView<T> inverse_norm = tape.scratch(num_rows, 1).view();
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < num_rows; ++r) {
    double square = 0;
    for (std::int64_t c = 0; c < cols; ++c) {
      square += static_cast<double>(rows.value(r, c)) * static_cast<double>(rows.value(r, c));
    }
    const double norm = std::sqrt(square);
    const T inverse = norm < kShortest ? T{0} : static_cast<T>(1.0 / norm);
    inverse_norm(r, 0) = inverse;
    for (std::int64_t c = 0; c < cols; ++c) result.value(r, c) = rows.value(r, c) * inverse;
  }
  // y = x / |x|:  dx = (dy - y <y, dy>) / |x|; zero where the row has no direction, since 1e12 dy
  // would fill the moments of the row, and of all rows that it was made from, for good.
  tape.record([&rows, &result, inverse_norm, num_rows, cols] {
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < num_rows; ++r) {
      double along = 0;
      for (std::int64_t c = 0; c < cols; ++c) {
        along +=
            static_cast<double>(result.value(r, c)) * static_cast<double>(result.gradient(r, c));
      }
      for (std::int64_t c = 0; c < cols; ++c) {
        rows.gradient(r, c) += inverse_norm(r, 0) *
                               (result.gradient(r, c) - result.value(r, c) * static_cast<T>(along));
      }
    }
  });
  return result;
}

#define HALOREC_INSTANTIATE(T)                                                                 \
  template Variable<T>& select_rows<T>(Tape<T>&, Variable<T>&, std::span<const std::int32_t>); \
  template Variable<T>& gather_rows<T>(Tape<T>&, const BatchGather&, Variable<T>&);            \
  template Variable<T>& row_range<T>(Tape<T>&, Variable<T>&, std::int64_t, std::int64_t);      \
  template Variable<T>& normalise_rows<T>(Tape<T>&, Variable<T>&);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
