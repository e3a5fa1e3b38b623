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

template <typename T>
HWY_INLINE T leaky(T v) {
  return v > T{0} ? v : v * static_cast<T>(0.2);
}
template <typename T>
HWY_INLINE T leaky_slope(T v) {
  return v > T{0} ? T{1} : static_cast<T>(0.2);
}

template <typename T>
HWY_INLINE T inner(const T* HWY_RESTRICT x, const T* HWY_RESTRICT y, std::int64_t n) {
  T sum{0};
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < n; ++c) sum += x[c] * y[c];
  return sum;
}

// y += a x.
template <typename T>
HWY_INLINE void add(T a, const T* HWY_RESTRICT x, T* HWY_RESTRICT y, std::int64_t n) {
#pragma omp simd
  for (std::int64_t c = 0; c < n; ++c) y[c] += a * x[c];
}

// Row e of the neighbours; the one that is read a few edges later is fetched.
template <typename T>
HWY_INLINE const T* row_of(const EdgeRow<T>& row, std::int64_t e) {
  constexpr std::int64_t kAhead = 8;
  constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  if (e + kAhead < row.count) {
    const T* next = row.x + row.column[e + kAhead] * row.stride;
    for (std::int64_t c = 0; c < row.num_heads * row.width; c += kLine) hwy::Prefetch(next + c);
  }
  return row.x + row.column[e] * row.stride;
}

template <typename T>
void weighted_rows(const EdgeRow<T>& row, const T* weights, T* HWY_RESTRICT y) {
  std::fill_n(y, row.num_heads * row.width, T{0});
  for (std::int64_t e = 0; e < row.count; ++e) {
    const T* x = row_of(row, e);
    for (std::int64_t h = 0; h < row.num_heads; ++h) {
      add(weights[e * row.num_heads + h], x + h * row.width, y + h * row.width, row.width);
    }
  }
}

template <typename T>
void gat_scores(const EdgeRow<T>& row, const T* HWY_RESTRICT t, const T* HWY_RESTRICT a,
                T* HWY_RESTRICT scores) {
  for (std::int64_t e = 0; e < row.count; ++e) {
    const T* HWY_RESTRICT x = row_of(row, e);
    for (std::int64_t h = 0; h < row.num_heads; ++h) {
      T sum{0};
      const std::int64_t first = h * row.width;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = first; c < first + row.width; ++c) sum += a[c] * leaky(t[c] + x[c]);
      scores[e * row.num_heads + h] = sum;
    }
  }
}

template <typename T>
void gat_backward_target(const EdgeRow<T>& row, const T* HWY_RESTRICT t, const T* HWY_RESTRICT a,
                         const T* HWY_RESTRICT weights, const T* HWY_RESTRICT y,
                         const T* HWY_RESTRICT g, T* HWY_RESTRICT slopes, T* HWY_RESTRICT dt,
                         T* HWY_RESTRICT da) {
  for (std::int64_t h = 0; h < row.num_heads; ++h) {
    const std::int64_t first = h * row.width;
    const T along = inner(g + first, y + first, row.width);
    for (std::int64_t e = 0; e < row.count; ++e) {
      const T* HWY_RESTRICT x = row_of(row, e);
      const std::int64_t at = e * row.num_heads + h;
      const T slope = weights[at] * (inner(g + first, x + first, row.width) - along);
      slopes[at] = slope;
#pragma omp simd
      for (std::int64_t c = first; c < first + row.width; ++c) {
        const T v = t[c] + x[c];
        dt[c] += slope * a[c] * leaky_slope(v);
        da[c] += slope * leaky(v);
      }
    }
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
#pragma omp simd
      for (std::int64_t c = h * width; c < (h + 1) * width; ++c) {
        dx[c] += weight * g[c] + slope * a[c] * leaky_slope(t[c] + x[c]);
      }
    }
  }
}

template <typename T>
void aware_weights(const EdgeRow<T>& row, const T* HWY_RESTRICT inverse_norm, T* HWY_RESTRICT mean,
                   T* HWY_RESTRICT weights) {
  const T share = T{1} / static_cast<T>(std::max<std::int64_t>(row.count, 1));
  std::fill_n(mean, row.width, T{0});
  for (std::int64_t e = 0; e < row.count; ++e) {
    add(share * inverse_norm[row.column[e]], row_of(row, e), mean, row.width);
  }
  for (std::int64_t e = 0; e < row.count; ++e) {
    const T cosine = inverse_norm[row.column[e]] * inner(row_of(row, e), mean, row.width);
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
    slopes[e] = weights[e] > T{0} ? scale * inner(g, x, row.width) : T{0};
    add(share * slopes[e] * inverse_norm[row.column[e]], x, d_mean, row.width);
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
    const T weight = scale[k] * weights[readers.edge[q]];
    const T slope = slopes[readers.edge[q]];
    const T* HWY_RESTRICT g = gradients + k * width;
    const T* HWY_RESTRICT m = means + k * width;
    const T* HWY_RESTRICT dm = d_means + k * width;
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) {
      direct[c] += weight * g[c];
      unit[c] += slope * m[c] + dm[c];
    }
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
                               const T* y, const T* g, T* slopes, T* dt, T* da) {                  \
    HWY_NAMESPACE::gat_backward_target(row, t, a, weights, y, g, slopes, dt, da);                  \
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
                              const T* y, const T* g, T* slopes, T* dt, T* da) {                \
    HWY_DYNAMIC_DISPATCH(gat_backward_target_##T)(row, t, a, weights, y, g, slopes, dt, da);    \
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
