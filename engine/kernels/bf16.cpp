#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/bf16.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "engine/kernels/bf16.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The bits of the bfloat16s nearest to floats, in the lower half of each lane.
template <typename D>
HWY_INLINE hn::VFromD<hn::RebindToUnsigned<D>> rounded_bits(D /*d*/, hn::VFromD<D> value) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, value);
  const auto upper = hn::ShiftRight<16>(bits);
  const auto is_odd = hn::And(upper, hn::Set(du, 1u));
  const auto nearest = hn::ShiftRight<16>(hn::Add(bits, hn::Add(is_odd, hn::Set(du, 0x7FFFu))));
  // Adding could make an infinity of a NaN.
  const auto quiet = hn::Or(upper, hn::Set(du, 0x40u));
  return hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(value)), quiet, nearest);
}

void store_rows(std::int64_t rows, std::int64_t cols, const float* scale, const float* x,
                std::int64_t stride, Bf16* to) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<std::uint16_t, decltype(d)> narrow;
  const hn::CappedTag<float, 1> one;
  const hn::Rebind<std::uint16_t, decltype(one)> narrow_one;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* HWY_RESTRICT from = x + r * stride;
    auto* HWY_RESTRICT bits = reinterpret_cast<std::uint16_t*>(to + r * cols);
    const auto times = hn::Set(d, scale[r]);
    std::int64_t c = 0;
    for (; c + lanes <= cols; c += lanes) {
      const auto value = hn::Mul(times, hn::LoadU(d, from + c));
      hn::StoreU(hn::TruncateTo(narrow, rounded_bits(d, value)), narrow, bits + c);
    }
    for (; c < cols; ++c) {
      const auto value = hn::Set(one, scale[r] * from[c]);
      hn::StoreU(hn::TruncateTo(narrow_one, rounded_bits(one, value)), narrow_one, bits + c);
    }
  }
}

}  // namespace halorec::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halorec::kernels {

HWY_EXPORT(store_rows);

void store_rows(std::int64_t rows, std::int64_t cols, const float* scale, const float* x,
                std::int64_t stride, Bf16* to) {
  HWY_DYNAMIC_DISPATCH(store_rows)(rows, cols, scale, x, stride, to);
}

}  // namespace halorec::kernels
#endif  // HWY_ONCE
