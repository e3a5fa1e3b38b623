#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/dense.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "engine/kernels/dense.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
void add_scaled(std::int64_t n, T a, const T* HWY_RESTRICT x, T* HWY_RESTRICT y) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, a);
  std::int64_t k = 0;
  for (; k + lanes <= n; k += lanes) {
    hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + k), hn::LoadU(d, y + k)), d, y + k);
  }
  for (; k < n; ++k) y[k] = std::fma(a, x[k], y[k]);
}

template <typename T>
void scale_into(std::int64_t n, T a, const T* x, T* y) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, a);
  std::int64_t k = 0;
  for (; k + lanes <= n; k += lanes) {
    hn::StoreU(hn::Mul(factor, hn::LoadU(d, x + k)), d, y + k);
  }
  for (; k < n; ++k) y[k] = a * x[k];
}

template <typename T>
double exponentials(std::int64_t n, T scale, T* HWY_RESTRICT scores, T* largest) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto top = hn::Set(d, -std::numeric_limits<T>::infinity());
  std::int64_t k = 0;
  for (; k + lanes <= n; k += lanes) top = hn::Max(top, hn::LoadU(d, scores + k));
  T most = hn::GetLane(hn::MaxOfLanes(d, top));
  for (std::int64_t t = k; t < n; ++t) most = scores[t] > most ? scores[t] : most;
  *largest = most;

  const auto shift = hn::Set(d, most);
  const auto factor = hn::Set(d, scale);
  // Lane sums are flushed to double now and then, so that long rows lose no digits.
  constexpr std::int64_t kFlush = 64;
  double total = 0;
  k = 0;
  while (k + lanes <= n) {
    auto sum = hn::Zero(d);
    for (std::int64_t f = 0; f < kFlush && k + lanes <= n; ++f, k += lanes) {
      const auto value = hn::Exp(d, hn::Mul(factor, hn::Sub(hn::LoadU(d, scores + k), shift)));
      hn::StoreU(value, d, scores + k);
      sum = hn::Add(sum, value);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  for (; k < n; ++k) {
    scores[k] = std::exp(scale * (scores[k] - most));
    total += static_cast<double>(scores[k]);
  }
  return total;
}

template <typename T>
std::int64_t first_not_below(std::int64_t n, T threshold, const T* HWY_RESTRICT scores) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto limit = hn::Set(d, threshold);
  std::int64_t k = 0;
  for (; k + lanes <= n; k += lanes) {
    const auto first = hn::FindFirstTrue(d, hn::Not(hn::Lt(hn::LoadU(d, scores + k), limit)));
    if (first >= 0) return k + static_cast<std::int64_t>(first);
  }
  while (k < n && scores[k] < threshold) ++k;
  return k;
}

template <typename T>
void adam(std::int64_t n, T rate, T root, T b1, T b2, T epsilon, const T* HWY_RESTRICT gradient,
          T* HWY_RESTRICT m, T* HWY_RESTRICT v, T* HWY_RESTRICT x) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto keep1 = hn::Set(d, b1), take1 = hn::Set(d, T{1} - b1);
  const auto keep2 = hn::Set(d, b2), take2 = hn::Set(d, T{1} - b2);
  const auto step = hn::Set(d, rate), over = hn::Set(d, T{1} / root);
  const auto small = hn::Set(d, epsilon);
  std::int64_t k = 0;
  for (; k + lanes <= n; k += lanes) {
    const auto g = hn::LoadU(d, gradient + k);
    const auto first = hn::MulAdd(keep1, hn::LoadU(d, m + k), hn::Mul(take1, g));
    const auto second = hn::MulAdd(keep2, hn::LoadU(d, v + k), hn::Mul(take2, hn::Mul(g, g)));
    const auto size = hn::MulAdd(hn::Sqrt(second), over, small);
    hn::StoreU(first, d, m + k);
    hn::StoreU(second, d, v + k);
    hn::StoreU(hn::Sub(hn::LoadU(d, x + k), hn::Div(hn::Mul(step, first), size)), d, x + k);
  }
  for (; k < n; ++k) {
    const T g = gradient[k];
    m[k] = std::fma(b1, m[k], (T{1} - b1) * g);
    v[k] = std::fma(b2, v[k], (T{1} - b2) * (g * g));
    x[k] -= rate * m[k] / std::fma(std::sqrt(v[k]), T{1} / root, epsilon);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type, and pasted into names
#define HALOREC_TARGET_VERSIONS(T)                                                              \
  void add_scaled_##T(std::int64_t n, T a, const T* x, T* y) {                                  \
    add_scaled(n, a, x, y);                                                                     \
  }                                                                                             \
  void scale_into_##T(std::int64_t n, T a, const T* x, T* y) {                                  \
    scale_into(n, a, x, y);                                                                     \
  }                                                                                             \
  double exponentials_##T(std::int64_t n, T scale, T* scores, T* largest) {                     \
    return exponentials(n, scale, scores, largest);                                             \
  }                                                                                             \
  std::int64_t first_not_below_##T(std::int64_t n, T threshold, const T* scores) {              \
    return first_not_below(n, threshold, scores);                                               \
  }                                                                                             \
  void adam_##T(std::int64_t n, T rate, T root, T b1, T b2, T epsilon, const T* gradient, T* m, \
                T* v, T* x) {                                                                   \
    adam(n, rate, root, b1, b2, epsilon, gradient, m, v, x);                                    \
  }
// NOLINTEND(bugprone-macro-parentheses)
HALOREC_TARGET_VERSIONS(float)
HALOREC_TARGET_VERSIONS(double)

}  // namespace halorec::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cblas.h>

#include "comm/check.hpp"

namespace halorec::kernels {

// NOLINTBEGIN(bugprone-macro-parentheses): as above
#define HALOREC_DISPATCH(T)                                                                    \
  HWY_EXPORT(add_scaled_##T);                                                                  \
  HWY_EXPORT(scale_into_##T);                                                                  \
  HWY_EXPORT(exponentials_##T);                                                                \
  HWY_EXPORT(first_not_below_##T);                                                             \
  HWY_EXPORT(adam_##T);                                                                        \
  template <>                                                                                  \
  void add_scaled<T>(std::int64_t n, T a, const T* x, T* y) {                                  \
    HWY_DYNAMIC_DISPATCH(add_scaled_##T)(n, a, x, y);                                          \
  }                                                                                            \
  template <>                                                                                  \
  void scale_into<T>(std::int64_t n, T a, const T* x, T* y) {                                  \
    HWY_DYNAMIC_DISPATCH(scale_into_##T)(n, a, x, y);                                          \
  }                                                                                            \
  template <>                                                                                  \
  double exponentials<T>(std::int64_t n, T scale, T * scores, T * largest) {                   \
    return HWY_DYNAMIC_DISPATCH(exponentials_##T)(n, scale, scores, largest);                  \
  }                                                                                            \
  template <>                                                                                  \
  std::int64_t first_not_below<T>(std::int64_t n, T threshold, const T* scores) {              \
    return HWY_DYNAMIC_DISPATCH(first_not_below_##T)(n, threshold, scores);                    \
  }                                                                                            \
  template <>                                                                                  \
  void adam<T>(std::int64_t n, T rate, T root, T b1, T b2, T epsilon, const T* gradient, T* m, \
               T* v, T* x) {                                                                   \
    HWY_DYNAMIC_DISPATCH(adam_##T)(n, rate, root, b1, b2, epsilon, gradient, m, v, x);         \
  }
// NOLINTEND(bugprone-macro-parentheses)
HALOREC_DISPATCH(float)
HALOREC_DISPATCH(double)

namespace {

int blas_int(std::int64_t n) {
  static const bool one_thread = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(one_thread);
  return checked_int(n, "matrix product");
}

}  // namespace

template <>
void matrix_product<float>(bool a_transposed, bool b_transposed, std::int64_t rows,
                           std::int64_t cols, std::int64_t inner, float alpha, const float* a,
                           std::int64_t a_stride, const float* b, std::int64_t b_stride, float beta,
                           float* c, std::int64_t c_stride) {
  cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans,
              b_transposed ? CblasTrans : CblasNoTrans, blas_int(rows), blas_int(cols),
              blas_int(inner), alpha, a, blas_int(a_stride), b, blas_int(b_stride), beta, c,
              blas_int(c_stride));
}

template <>
void matrix_product<double>(bool a_transposed, bool b_transposed, std::int64_t rows,
                            std::int64_t cols, std::int64_t inner, double alpha, const double* a,
                            std::int64_t a_stride, const double* b, std::int64_t b_stride,
                            double beta, double* c, std::int64_t c_stride) {
  cblas_dgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans,
              b_transposed ? CblasTrans : CblasNoTrans, blas_int(rows), blas_int(cols),
              blas_int(inner), alpha, a, blas_int(a_stride), b, blas_int(b_stride), beta, c,
              blas_int(c_stride));
}

}  // namespace halorec::kernels
#endif  // HWY_ONCE
