#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/gates.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "engine/kernels/gates.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1 / (1 + exp(-x)). Exp takes no more than 104: below -80 the result counts as exp(-80).
template <typename D>
HWY_INLINE hn::VFromD<D> sigmoid(D d, hn::VFromD<D> x) {
  const auto one = hn::Set(d, 1);
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Min(hn::Neg(x), hn::Set(d, 80)))));
}

// Columns [first, last) by vectors of d as long as they fit; returns the first that is left.
template <typename D, typename T>
HWY_INLINE std::int64_t gru_columns(D d, std::int64_t first, std::int64_t dim, const T* input,
                                    const T* state, const T* h, T* gates, T* y) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = first;
  for (; c + lanes <= dim; c += lanes) {
    const auto at = [&](const T* x, std::int64_t block)
                        HWY_ATTR { return hn::LoadU(d, x + block * dim + c); };
    const auto r = sigmoid(d, hn::Add(at(input, 0), at(state, 0)));
    const auto z = sigmoid(d, hn::Add(at(input, 1), at(state, 1)));
    const auto n = hn::Tanh(d, hn::MulAdd(r, at(state, 2), at(input, 2)));
    hn::StoreU(r, d, gates + c);
    hn::StoreU(z, d, gates + dim + c);
    hn::StoreU(n, d, gates + 2 * dim + c);
    hn::StoreU(hn::MulAdd(z, hn::Sub(at(h, 0), n), n), d, y + c);
  }
  return c;
}

template <typename T>
void gru_forward(std::int64_t dim, const T* input, const T* state, const T* h, T* gates, T* y) {
  const std::int64_t rest = gru_columns(hn::ScalableTag<T>(), 0, dim, input, state, h, gates, y);
  gru_columns(hn::CappedTag<T, 1>(), rest, dim, input, state, h, gates, y);
}

void gru_forward_float(std::int64_t dim, const float* input, const float* state, const float* h,
                       float* gates, float* y) {
  gru_forward(dim, input, state, h, gates, y);
}
void gru_forward_double(std::int64_t dim, const double* input, const double* state, const double* h,
                        double* gates, double* y) {
  gru_forward(dim, input, state, h, gates, y);
}

}  // namespace halorec::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halorec::kernels {

HWY_EXPORT(gru_forward_float);
HWY_EXPORT(gru_forward_double);

template <>
void gru_forward<float>(std::int64_t dim, const float* input, const float* state, const float* h,
                        float* gates, float* y) {
  HWY_DYNAMIC_DISPATCH(gru_forward_float)(dim, input, state, h, gates, y);
}
template <>
void gru_forward<double>(std::int64_t dim, const double* input, const double* state,
                         const double* h, double* gates, double* y) {
  HWY_DYNAMIC_DISPATCH(gru_forward_double)(dim, input, state, h, gates, y);
}

}  // namespace halorec::kernels
#endif  // HWY_ONCE
