#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/attention.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>

#include "engine/kernels/attention.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// f(d, c) for columns [first, last): by whole vectors of d as long as they fit, then one by one.
template <typename T, typename F>
HWY_INLINE void for_columns(std::int64_t first, std::int64_t last, const F& f) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = first;
  for (; c + lanes <= last; c += lanes) f(d, c);
  for (; c < last; ++c) f(hn::CappedTag<T, 1>(), c);
}

// The sum over columns [first, last) of what f(d, c, sum) adds to `sum`.
template <typename T, typename F>
HWY_INLINE T sum_columns(std::int64_t first, std::int64_t last, const F& f) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  auto rest = hn::Zero(one);
  std::int64_t c = first;
  for (; c + lanes <= last; c += lanes) sum = f(d, c, sum);
  for (; c < last; ++c) rest = f(one, c, rest);
  return hn::GetLane(hn::SumOfLanes(d, sum)) + hn::GetLane(rest);
}

template <typename D>
HWY_INLINE hn::VFromD<D> leaky(D d, hn::VFromD<D> v) {
  return hn::Max(v, hn::Mul(v, hn::Set(d, static_cast<hn::TFromD<D>>(0.2))));
}
// x LeakyReLU'(v).
template <typename D>
HWY_INLINE hn::VFromD<D> times_leaky_slope(D d, hn::VFromD<D> x, hn::VFromD<D> v) {
  const auto low = hn::Mul(x, hn::Set(d, static_cast<hn::TFromD<D>>(0.2)));
  return hn::IfThenElse(hn::Gt(v, hn::Zero(d)), x, low);
}

template <typename T>
HWY_INLINE T inner(const T* HWY_RESTRICT x, const T* HWY_RESTRICT y, std::int64_t first,
                   std::int64_t last) {
  return sum_columns<T>(
      first, last, [&](auto d, std::int64_t c, auto sum) HWY_ATTR __attribute__((always_inline)) {
        return hn::MulAdd(hn::LoadU(d, x + c), hn::LoadU(d, y + c), sum);
      });
}

// y += a x.
template <typename T>
HWY_INLINE void add(T a, const T* HWY_RESTRICT x, T* HWY_RESTRICT y, std::int64_t first,
                    std::int64_t last) {
  for_columns<T>(
      first, last, [&](auto d, std::int64_t c) HWY_ATTR __attribute__((always_inline)) {
        hn::StoreU(hn::MulAdd(hn::Set(d, a), hn::LoadU(d, x + c), hn::LoadU(d, y + c)), d, y + c);
      });
}

// Row e of the neighbours; columns [first, last) of one that is read some edges later are fetched.
template <typename T>
HWY_INLINE const T* row_of(const EdgeRow<T>& row, std::int64_t e, std::int64_t first,
                           std::int64_t last) {
  constexpr std::int64_t kAhead = 8;
  constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  if (e + kAhead < row.count) {
    const T* next = row.x + row.column[e + kAhead] * row.stride;
    for (std::int64_t c = first; c < last; c += kLine) hwy::Prefetch(next + c);
  }
  return row.x + row.column[e] * row.stride;
}
template <typename T>
HWY_INLINE const T* row_of(const EdgeRow<T>& row, std::int64_t e) {
  return row_of(row, e, 0, row.num_heads * row.width);
}

template <typename T>
void weighted_rows(const EdgeRow<T>& row, const T* weights, T* HWY_RESTRICT y) {
  std::fill_n(y, row.num_heads * row.width, T{0});
  for (std::int64_t e = 0; e < row.count; ++e) {
    const T* x = row_of(row, e);
    for (std::int64_t h = 0; h < row.num_heads; ++h) {
      add(weights[e * row.num_heads + h], x, y, h * row.width, (h + 1) * row.width);
    }
  }
}

template <typename T>
void gat_scores(const EdgeRow<T>& row, const T* HWY_RESTRICT t, const T* HWY_RESTRICT a,
                T* HWY_RESTRICT scores) {
  for (std::int64_t e = 0; e < row.count; ++e) {
    const T* HWY_RESTRICT x = row_of(row, e);
    for (std::int64_t h = 0; h < row.num_heads; ++h) {
      scores[e * row.num_heads + h] = sum_columns<T>(
          h * row.width, (h + 1) * row.width,
          [&](auto d, std::int64_t c, auto sum) HWY_ATTR __attribute__((always_inline)) {
            const auto v = hn::Add(hn::LoadU(d, t + c), hn::LoadU(d, x + c));
            return hn::MulAdd(hn::LoadU(d, a + c), leaky(d, v), sum);
          });
    }
  }
}

// The slopes of a node's edges sum to zero, as those of any softmax do.
// So dt_c = a_c (P_c + N_c / 5), P_c the sum of slopes where t_c + x_jc is above zero, N_c of the
// others, is 4/5 a_c P_c or -4/5 a_c N_c; the smaller of the two is taken. Where all signs are
// alike it is zero exactly, and no rounding is left that Adam would blow up to a whole step.
template <typename T>
void gat_backward_target(const EdgeRow<T>& row, const T* HWY_RESTRICT t, const T* HWY_RESTRICT a,
                         const T* HWY_RESTRICT weights, const T* HWY_RESTRICT y,
                         const T* HWY_RESTRICT g, T* HWY_RESTRICT slopes, T* HWY_RESTRICT above,
                         T* HWY_RESTRICT dt, T* HWY_RESTRICT da) {
  std::fill_n(above, row.num_heads * row.width, T{0});
  for (std::int64_t h = 0; h < row.num_heads; ++h) {
    const std::int64_t first = h * row.width, last = first + row.width;
    const T along = inner(g, y, first, last);
    T sum{0};
    for (std::int64_t e = 0; e < row.count; ++e) {
      const T* HWY_RESTRICT x = row_of(row, e, first, last);
      const std::int64_t at = e * row.num_heads + h;
      const T of_y = row.scale == nullptr ? along : along / row.scale[row.column[e]];
      const T slope = weights[at] * (inner(g, x, first, last) - of_y);
      slopes[at] = slope;
      sum += slope;
      for_columns<T>(
          first, last, [&](auto d, std::int64_t c) HWY_ATTR __attribute__((always_inline)) {
            const auto s = hn::Set(d, slope);
            const auto v = hn::Add(hn::LoadU(d, t + c), hn::LoadU(d, x + c));
            const auto where_above = hn::IfThenElseZero(hn::Gt(v, hn::Zero(d)), s);
            hn::StoreU(hn::Add(hn::LoadU(d, above + c), where_above), d, above + c);
            hn::StoreU(hn::MulAdd(s, leaky(d, v), hn::LoadU(d, da + c)), d, da + c);
          });
    }
    for_columns<T>(
        first, last, [&](auto d, std::int64_t c) HWY_ATTR __attribute__((always_inline)) {
          const auto p = hn::LoadU(d, above + c), minus_n = hn::Sub(p, hn::Set(d, sum));
          const auto smaller = hn::IfThenElse(hn::Lt(hn::Abs(p), hn::Abs(minus_n)), p, minus_n);
          const auto factor = hn::Mul(hn::Set(d, static_cast<T>(0.8)), hn::LoadU(d, a + c));
          hn::StoreU(hn::MulAdd(factor, smaller, hn::LoadU(d, dt + c)), d, dt + c);
        });
  }
}

template <typename T>
void gat_backward_source(const ReaderRow& readers, std::int64_t num_heads, std::int64_t width,
                         const T* HWY_RESTRICT x, const T* HWY_RESTRICT a,
                         const T* HWY_RESTRICT targets, const T* HWY_RESTRICT weights,
                         const T* HWY_RESTRICT slopes, const T* HWY_RESTRICT gradients,
                         T* HWY_RESTRICT dx) {
  const std::int64_t dim = num_heads * width;
  for (std::int64_t q = 0; q < readers.count; ++q) {
    const std::int32_t node = readers.reader[q];
    const std::int32_t k = readers.place == nullptr ? node : readers.place[node];
    if (k < 0) continue;
    const T* HWY_RESTRICT t = targets + k * dim;
    const T* HWY_RESTRICT g = gradients + k * dim;
    for (std::int64_t h = 0; h < num_heads; ++h) {
      const T weight = weights[readers.edge[q] * num_heads + h];
      const T slope = slopes[readers.edge[q] * num_heads + h];
      for_columns<T>(
          h * width,
          (h + 1) * width, [&](auto d, std::int64_t c) HWY_ATTR __attribute__((always_inline)) {
            const auto v = hn::Add(hn::LoadU(d, t + c), hn::LoadU(d, x + c));
            const auto to_score =
                times_leaky_slope(d, hn::Mul(hn::Set(d, slope), hn::LoadU(d, a + c)), v);
            const auto sum =
                hn::MulAdd(hn::Set(d, weight), hn::LoadU(d, g + c), hn::LoadU(d, dx + c));
            hn::StoreU(hn::Add(sum, to_score), d, dx + c);
          });
    }
  }
}

template <typename T>
void aware_weights(const EdgeRow<T>& row, const T* HWY_RESTRICT inverse_norm, T* HWY_RESTRICT mean,
                   T* HWY_RESTRICT weights) {
  const T share = T{1} / static_cast<T>(std::max<std::int64_t>(row.count, 1));
  std::fill_n(mean, row.width, T{0});
  for (std::int64_t e = 0; e < row.count; ++e) {
    add(share * inverse_norm[row.column[e]], row_of(row, e), mean, 0, row.width);
  }
  for (std::int64_t e = 0; e < row.count; ++e) {
    const T cosine = inverse_norm[row.column[e]] * inner(row_of(row, e), mean, 0, row.width);
    weights[e] = cosine > T{0} ? cosine : T{0};
  }
}

template <typename T>
void aware_backward_target(const EdgeRow<T>& row, const T* HWY_RESTRICT inverse_norm,
                           const T* HWY_RESTRICT weights, T scale, const T* HWY_RESTRICT g,
                           T* HWY_RESTRICT slopes, T* HWY_RESTRICT d_mean) {
  const T share = T{1} / static_cast<T>(std::max<std::int64_t>(row.count, 1));
  std::fill_n(d_mean, row.width, T{0});
  for (std::int64_t e = 0; e < row.count; ++e) {
    const T* x = row_of(row, e);
    slopes[e] = weights[e] > T{0} ? scale * inner(g, x, 0, row.width) : T{0};
    add(share * slopes[e] * inverse_norm[row.column[e]], x, d_mean, 0, row.width);
  }
}

template <typename T>
void aware_backward_source(const ReaderRow& readers, std::int64_t width,
                           const T* HWY_RESTRICT scale, const T* HWY_RESTRICT weights,
                           const T* HWY_RESTRICT slopes, const T* HWY_RESTRICT gradients,
                           const T* HWY_RESTRICT means, const T* HWY_RESTRICT d_means,
                           T* HWY_RESTRICT direct, T* HWY_RESTRICT unit) {
  std::fill_n(direct, width, T{0});
  std::fill_n(unit, width, T{0});
  for (std::int64_t q = 0; q < readers.count; ++q) {
    const std::int32_t node = readers.reader[q];
    const std::int32_t k = readers.place == nullptr ? node : readers.place[node];
    if (k < 0) continue;
    add(scale[k] * weights[readers.edge[q]], gradients + k * width, direct, 0, width);
    add(slopes[readers.edge[q]], means + k * width, unit, 0, width);
    add(T{1}, d_means + k * width, unit, 0, width);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type, and pasted into names
#define HALOREC_TARGET_VERSIONS(T)                                                                 \
  void weighted_rows_##T(const EdgeRow<T>& row, const T* weights, T* y) {                          \
    HWY_NAMESPACE::weighted_rows(row, weights, y);                                                 \
  }                                                                                                \
  void gat_scores_##T(const EdgeRow<T>& row, const T* t, const T* a, T* scores) {                  \
    HWY_NAMESPACE::gat_scores(row, t, a, scores);                                                  \
  }                                                                                                \
  void gat_backward_target_##T(const EdgeRow<T>& row, const T* t, const T* a, const T* weights,    \
                               const T* y, const T* g, T* slopes, T* above, T* dt, T* da) {        \
    HWY_NAMESPACE::gat_backward_target(row, t, a, weights, y, g, slopes, above, dt, da);           \
  }                                                                                                \
  void gat_backward_source_##T(const ReaderRow& readers, std::int64_t num_heads,                   \
                               std::int64_t width, const T* x, const T* a, const T* targets,       \
                               const T* weights, const T* slopes, const T* gradients, T* dx) {     \
    HWY_NAMESPACE::gat_backward_source(readers, num_heads, width, x, a, targets, weights, slopes,  \
                                       gradients, dx);                                             \
  }                                                                                                \
  void aware_weights_##T(const EdgeRow<T>& row, const T* inverse_norm, T* mean, T* weights) {      \
    HWY_NAMESPACE::aware_weights(row, inverse_norm, mean, weights);                                \
  }                                                                                                \
  void aware_backward_target_##T(const EdgeRow<T>& row, const T* inverse_norm, const T* weights,   \
                                 T scale, const T* g, T* slopes, T* d_mean) {                      \
    HWY_NAMESPACE::aware_backward_target(row, inverse_norm, weights, scale, g, slopes, d_mean);    \
  }                                                                                                \
  void aware_backward_source_##T(const ReaderRow& readers, std::int64_t width, const T* scale,     \
                                 const T* weights, const T* slopes, const T* gradients,            \
                                 const T* means, const T* d_means, T* direct, T* unit) {           \
    HWY_NAMESPACE::aware_backward_source(readers, width, scale, weights, slopes, gradients, means, \
                                         d_means, direct, unit);                                   \
  }
// NOLINTEND(bugprone-macro-parentheses)
HALOREC_TARGET_VERSIONS(float)
HALOREC_TARGET_VERSIONS(double)

}  // namespace halorec::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halorec::kernels {

// NOLINTBEGIN(bugprone-macro-parentheses): as above
#define HALOREC_DISPATCH(T)                                                                     \
  HWY_EXPORT(weighted_rows_##T);                                                                \
  HWY_EXPORT(gat_scores_##T);                                                                   \
  HWY_EXPORT(gat_backward_target_##T);                                                          \
  HWY_EXPORT(gat_backward_source_##T);                                                          \
  HWY_EXPORT(aware_weights_##T);                                                                \
  HWY_EXPORT(aware_backward_target_##T);                                                        \
  HWY_EXPORT(aware_backward_source_##T);                                                        \
  template <>                                                                                   \
  void weighted_rows<T>(const EdgeRow<T>& row, const T* weights, T* y) {                        \
    HWY_DYNAMIC_DISPATCH(weighted_rows_##T)(row, weights, y);                                   \
  }                                                                                             \
  template <>                                                                                   \
  void gat_scores<T>(const EdgeRow<T>& row, const T* t, const T* a, T* scores) {                \
    HWY_DYNAMIC_DISPATCH(gat_scores_##T)(row, t, a, scores);                                    \
  }                                                                                             \
  template <>                                                                                   \
  void gat_backward_target<T>(const EdgeRow<T>& row, const T* t, const T* a, const T* weights,  \
                              const T* y, const T* g, T* slopes, T* above, T* dt, T* da) {      \
    HWY_DYNAMIC_DISPATCH(gat_backward_target_##T)                                               \
    (row, t, a, weights, y, g, slopes, above, dt, da);                                          \
  }                                                                                             \
  template <>                                                                                   \
  void gat_backward_source<T>(const ReaderRow& readers, std::int64_t num_heads,                 \
                              std::int64_t width, const T* x, const T* a, const T* targets,     \
                              const T* weights, const T* slopes, const T* gradients, T* dx) {   \
    HWY_DYNAMIC_DISPATCH(gat_backward_source_##T)                                               \
    (readers, num_heads, width, x, a, targets, weights, slopes, gradients, dx);                 \
  }                                                                                             \
  template <>                                                                                   \
  void aware_weights<T>(const EdgeRow<T>& row, const T* inverse_norm, T* mean, T* weights) {    \
    HWY_DYNAMIC_DISPATCH(aware_weights_##T)(row, inverse_norm, mean, weights);                  \
  }                                                                                             \
  template <>                                                                                   \
  void aware_backward_target<T>(const EdgeRow<T>& row, const T* inverse_norm, const T* weights, \
                                T scale, const T* g, T* slopes, T* d_mean) {                    \
    HWY_DYNAMIC_DISPATCH(aware_backward_target_##T)                                             \
    (row, inverse_norm, weights, scale, g, slopes, d_mean);                                     \
  }                                                                                             \
  template <>                                                                                   \
  void aware_backward_source<T>(const ReaderRow& readers, std::int64_t width, const T* scale,   \
                                const T* weights, const T* slopes, const T* gradients,          \
                                const T* means, const T* d_means, T* direct, T* unit) {         \
    HWY_DYNAMIC_DISPATCH(aware_backward_source_##T)                                             \
    (readers, width, scale, weights, slopes, gradients, means, d_means, direct, unit);          \
  }
// NOLINTEND(bugprone-macro-parentheses)
HALOREC_DISPATCH(float)
HALOREC_DISPATCH(double)

}  // namespace halorec::kernels
#endif  // HWY_ONCE
