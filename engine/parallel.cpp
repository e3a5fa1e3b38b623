#include "engine/parallel.hpp"

#include <numeric>
#include <vector>

#include "engine/kernels/dense.hpp"

namespace halorec {

template <typename T>
void scale_into(T a, MatrixView<const T> x, MatrixView<T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == y.rows && x.cols == y.cols);
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < x.rows; ++r) kernels::scale_into(x.cols, a, x.row(r), y.row(r));
}

template <typename T>
void add_scaled(T a, MatrixView<const T> x, MatrixView<T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == y.rows && x.cols == y.cols);
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < x.rows; ++r) kernels::add_scaled(x.cols, a, x.row(r), y.row(r));
}

template <typename T>
void scale_rows(std::span<const T> factor, const std::int32_t* rows, MatrixView<const T> x,
                bool adds, MatrixView<T> y) {
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < x.rows; ++k) {
    const T f = factor[static_cast<std::size_t>(rows == nullptr ? k : rows[k])];
    if (adds) {
      kernels::add_scaled(x.cols, f, x.row(k), y.row(k));
    } else {
      kernels::scale_into(x.cols, f, x.row(k), y.row(k));
    }
  }
}

void store_rows(std::span<const float> scale, MatrixView<const float> x,
                LargeVector<kernels::Bf16>& stored) {
  HALOREC_ASSERT_LIGHT(std::ssize(scale) == x.rows);
  constexpr std::int64_t kBlockRows = 256;
  // Never smaller: growing again would touch every number.
  const auto size = static_cast<std::size_t>(x.rows * x.cols);
  if (stored.size() < size) stored.resize(size);
#pragma omp parallel for schedule(static)
  for (std::int64_t first = 0; first < x.rows; first += kBlockRows) {
    kernels::store_rows(std::min(kBlockRows, x.rows - first), x.cols, scale.data() + first,
                        x.row(first), x.stride, stored.data() + first * x.cols);
  }
}

template <typename T>
double dot(MatrixView<const T> x, MatrixView<const T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == y.rows && x.cols == y.cols);
  constexpr std::int64_t kBlock = 1024;
  const std::int64_t num_blocks = (x.rows + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<std::size_t>(num_blocks), 0.0);
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < num_blocks; ++b) {
    double sum = 0;
    for (std::int64_t r = b * kBlock; r < std::min(x.rows, (b + 1) * kBlock); ++r) {
      for (std::int64_t c = 0; c < x.cols; ++c) {
        sum += static_cast<double>(x(r, c)) * static_cast<double>(y(r, c));
      }
    }
    sums[static_cast<std::size_t>(b)] = sum;
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

#define HALOREC_INSTANTIATE(T)                                                                    \
  template void scale_into<T>(T, MatrixView<const T>, MatrixView<T>);                             \
  template void add_scaled<T>(T, MatrixView<const T>, MatrixView<T>);                             \
  template void scale_rows<T>(std::span<const T>, const std::int32_t*, MatrixView<const T>, bool, \
                              MatrixView<T>);                                                     \
  template double dot<T>(MatrixView<const T>, MatrixView<const T>);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
