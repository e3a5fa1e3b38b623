#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/spmm.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "engine/kernels/spmm.hpp"

#ifndef HALOREC_SPMM_ARGUMENTS
#define HALOREC_SPMM_ARGUMENTS
namespace halorec::kernels {
template <typename T>
struct SpmmArguments {
  const std::int64_t* row_begin;
  const std::int32_t* column;
  const float* weight;
  const T* x;
  std::int64_t x_stride;
  T* y;
  std::int64_t y_stride;
  bool accumulate;
};

}  // namespace halorec::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns [c, c + kVectors lanes) of one row: the sums stay in registers over all edges.
template <int kVectors, typename T>
HWY_INLINE void row_block(const SpmmArguments<T>& a, std::int64_t row, std::int64_t c) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  T* HWY_RESTRICT out = a.y + row * a.y_stride + c;
  const auto zero = hn::Zero(d);
  auto sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
  auto sum4 = zero, sum5 = zero, sum6 = zero, sum7 = zero;
  if (a.accumulate) {
    sum0 = hn::LoadU(d, out);
    if constexpr (kVectors >= 2) sum1 = hn::LoadU(d, out + lanes);
    if constexpr (kVectors >= 4) {
      sum2 = hn::LoadU(d, out + 2 * lanes);
      sum3 = hn::LoadU(d, out + 3 * lanes);
    }
    if constexpr (kVectors >= 8) {
      sum4 = hn::LoadU(d, out + 4 * lanes);
      sum5 = hn::LoadU(d, out + 5 * lanes);
      sum6 = hn::LoadU(d, out + 6 * lanes);
      sum7 = hn::LoadU(d, out + 7 * lanes);
    }
  }
  constexpr std::int64_t kCacheLineBytes = 64;
  constexpr std::int64_t kAhead = 6;  // edges between a prefetch and its use
  const std::int64_t end = a.row_begin[row + 1];
  for (std::int64_t e = a.row_begin[row]; e < end; ++e) {
    if (e + kAhead < end) {
      const T* next = a.x + a.column[e + kAhead] * a.x_stride + c;
      for (std::int64_t byte = 0; byte < kVectors * lanes * static_cast<std::int64_t>(sizeof(T));
           byte += kCacheLineBytes) {
        hwy::Prefetch(reinterpret_cast<const char*>(next) + byte);
      }
    }
    const T* HWY_RESTRICT in = a.x + a.column[e] * a.x_stride + c;
    const auto w = hn::Set(d, static_cast<T>(a.weight[e]));
    sum0 = hn::MulAdd(w, hn::LoadU(d, in), sum0);
    if constexpr (kVectors >= 2) sum1 = hn::MulAdd(w, hn::LoadU(d, in + lanes), sum1);
    if constexpr (kVectors >= 4) {
      sum2 = hn::MulAdd(w, hn::LoadU(d, in + 2 * lanes), sum2);
      sum3 = hn::MulAdd(w, hn::LoadU(d, in + 3 * lanes), sum3);
    }
    if constexpr (kVectors >= 8) {
      sum4 = hn::MulAdd(w, hn::LoadU(d, in + 4 * lanes), sum4);
      sum5 = hn::MulAdd(w, hn::LoadU(d, in + 5 * lanes), sum5);
      sum6 = hn::MulAdd(w, hn::LoadU(d, in + 6 * lanes), sum6);
      sum7 = hn::MulAdd(w, hn::LoadU(d, in + 7 * lanes), sum7);
    }
  }
  hn::StoreU(sum0, d, out);
  if constexpr (kVectors >= 2) hn::StoreU(sum1, d, out + lanes);
  if constexpr (kVectors >= 4) {
    hn::StoreU(sum2, d, out + 2 * lanes);
    hn::StoreU(sum3, d, out + 3 * lanes);
  }
  if constexpr (kVectors >= 8) {
    hn::StoreU(sum4, d, out + 4 * lanes);
    hn::StoreU(sum5, d, out + 5 * lanes);
    hn::StoreU(sum6, d, out + 6 * lanes);
    hn::StoreU(sum7, d, out + 7 * lanes);
  }
}

template <typename T>
void spmm(const SpmmArguments<T>& a, std::int64_t first_row, std::int64_t last_row,
          std::int64_t cols) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  for (std::int64_t row = first_row; row < last_row; ++row) {
    std::int64_t c = 0;
    for (; c + 8 * lanes <= cols; c += 8 * lanes) row_block<8>(a, row, c);
    for (; c + 4 * lanes <= cols; c += 4 * lanes) row_block<4>(a, row, c);
    for (; c + 2 * lanes <= cols; c += 2 * lanes) row_block<2>(a, row, c);
    for (; c + lanes <= cols; c += lanes) row_block<1>(a, row, c);
    for (; c < cols; ++c) {
      T sum = a.accumulate ? a.y[row * a.y_stride + c] : T{0};
      for (std::int64_t e = a.row_begin[row]; e < a.row_begin[row + 1]; ++e) {
        sum += static_cast<T>(a.weight[e]) * a.x[a.column[e] * a.x_stride + c];
      }
      a.y[row * a.y_stride + c] = sum;
    }
  }
}

void spmm_float(const SpmmArguments<float>& a, std::int64_t first_row, std::int64_t last_row,
                std::int64_t cols) {
  spmm(a, first_row, last_row, cols);
}
void spmm_double(const SpmmArguments<double>& a, std::int64_t first_row, std::int64_t last_row,
                 std::int64_t cols) {
  spmm(a, first_row, last_row, cols);
}
const char* target_name() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace halorec::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halorec::kernels {

HWY_EXPORT(spmm_float);
HWY_EXPORT(spmm_double);
HWY_EXPORT(target_name);

#define HALOREC_DEFINE_SPMM(T, target_function)                                         \
  template <>                                                                           \
  void spmm_rows<T>(const std::int64_t* row_begin, const std::int32_t* column,          \
                    const float* weight, std::int64_t first_row, std::int64_t last_row, \
                    const T* x, std::int64_t x_stride, T* y, std::int64_t y_stride,     \
                    std::int64_t cols, bool accumulate) {                               \
    const SpmmArguments<T> arguments{row_begin, column, weight,   x,                    \
                                     x_stride,  y,      y_stride, accumulate};          \
    HWY_DYNAMIC_DISPATCH(target_function)(arguments, first_row, last_row, cols);        \
  }
HALOREC_DEFINE_SPMM(float, spmm_float)
HALOREC_DEFINE_SPMM(double, spmm_double)

std::string simd_target() {
  return HWY_DYNAMIC_DISPATCH(target_name)();
}

}  // namespace halorec::kernels
#endif  // HWY_ONCE
