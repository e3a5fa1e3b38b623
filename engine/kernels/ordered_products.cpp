#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/ordered_products.cpp"  // once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>

#include "engine/kernels/ordered_products.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// What fits beside each other in the registers of a target: sums of kRows x kVectors vectors.
constexpr int kRows = 4;
constexpr int kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

// The products of `kHere` rows of A with `kWide` vectors of columns. 0 <= rest <= lanes: how many
// numbers of the last vector there are.
template <int kHere, int kWide>
HWY_INLINE void tile(std::int64_t inner, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                     std::int64_t stride, std::int64_t rest, float* HWY_RESTRICT out,
                     std::int64_t out_stride) {
  const Tag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  Vector sum[kHere][kWide];
  for (auto& row : sum) {
    for (auto& one : row) one = hn::Zero(d);
  }
  for (std::int64_t k = 0; k < inner; ++k) {
    Vector columns[kWide];
    for (int v = 0; v < kWide; ++v) columns[v] = hn::LoadU(d, b + k * stride + v * lanes);
    for (int r = 0; r < kHere; ++r) {
      const Vector factor = hn::Set(d, a[r * inner + k]);
      for (int v = 0; v < kWide; ++v) sum[r][v] = hn::MulAdd(factor, columns[v], sum[r][v]);
    }
  }
  for (int r = 0; r < kHere; ++r) {
    for (int v = 0; v < kWide; ++v) {
      float* to = out + r * out_stride + v * lanes;
      if (v + 1 < kWide || rest == lanes) {
        hn::StoreU(sum[r][v], d, to);
      } else {
        HWY_ALIGN float numbers[kReadBehind];
        hn::Store(sum[r][v], d, numbers);
        std::copy_n(numbers, rest, to);
      }
    }
  }
}

template <int kWide>
HWY_INLINE void strip(std::int64_t rows, std::int64_t inner, const float* a, const float* b,
                      std::int64_t stride, std::int64_t rest, float* out, std::int64_t count) {
  std::int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    tile<kRows, kWide>(inner, a + r * inner, b, stride, rest, out + r * count, count);
  }
  for (; r < rows; ++r) {
    tile<1, kWide>(inner, a + r * inner, b, stride, rest, out + r * count, count);
  }
}

void ordered_products(std::int64_t rows, std::int64_t count, std::int64_t inner, const float* a,
                      const float* b, std::int64_t stride, float* out) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(Tag()));
  std::int64_t c = 0;
  for (; c + kVectors * lanes <= count; c += kVectors * lanes) {
    strip<kVectors>(rows, inner, a, b + c, stride, lanes, out + c, count);
  }
  for (; c < count; c += lanes) {
    strip<1>(rows, inner, a, b + c, stride, std::min(lanes, count - c), out + c, count);
  }
}

}  // namespace halorec::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halorec::kernels {

HWY_EXPORT(ordered_products);

void transpose(std::int64_t rows, std::int64_t cols, const float* from, std::int64_t from_stride,
               float* to, std::int64_t stride) {
  constexpr std::int64_t kBlock = 16;
  for (std::int64_t first = 0; first < rows; first += kBlock) {
    const std::int64_t last = std::min(rows, first + kBlock);
    for (std::int64_t c = 0; c < cols; ++c) {
      for (std::int64_t r = first; r < last; ++r) to[c * stride + r] = from[r * from_stride + c];
    }
  }
}

void ordered_products(std::int64_t rows, std::int64_t count, std::int64_t inner, const float* a,
                      const float* b, std::int64_t stride, float* out) {
  HWY_DYNAMIC_DISPATCH(ordered_products)(rows, count, inner, a, b, stride, out);
}

}  // namespace halorec::kernels
#endif  // HWY_ONCE
