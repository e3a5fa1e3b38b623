#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/spmm.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "comm/check.hpp"
#include "engine/kernels/spmm.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The edges of one row as rows of x.
struct Edges {
  const std::int32_t* x_row;
  std::int64_t count;
  std::int64_t readable;  // x_row may be looked at up to here: prefetching runs into the next row
};

// Columns [c, c + kVectors lanes) of one row: the sums stay in registers over all edges.
template <int kVectors, bool kScaled, typename T>
HWY_INLINE void row_block(const Spmm<T>& a, const Edges& edges, T factor, const T* base,
                          T base_factor, T* y, std::int64_t c) {
  constexpr std::int64_t kCacheLineBytes = 64;
  constexpr std::int64_t kAhead = 16;  // edges between a prefetch and its use
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto zero = hn::Zero(d);
  auto sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
  auto sum4 = zero, sum5 = zero, sum6 = zero, sum7 = zero;
  const T* HWY_RESTRICT x = a.x + c;
  for (std::int64_t e = 0; e < edges.count; ++e) {
    if (e + kAhead < edges.readable) {
      const T* next = x + edges.x_row[e + kAhead] * a.x_stride;
      for (std::int64_t byte = 0; byte < kVectors * lanes * static_cast<std::int64_t>(sizeof(T));
           byte += kCacheLineBytes) {
        hwy::Prefetch(reinterpret_cast<const char*>(next) + byte);
      }
    }
    const T* HWY_RESTRICT in = x + edges.x_row[e] * a.x_stride;
    const auto w = kScaled ? hn::Set(d, a.column_scale[edges.x_row[e]]) : zero;
    const auto add = [&](auto& sum, std::int64_t at) HWY_ATTR {
      if constexpr (kScaled) {
        sum = hn::MulAdd(w, hn::LoadU(d, in + at), sum);
      } else {
        sum = hn::Add(sum, hn::LoadU(d, in + at));
      }
    };
    add(sum0, 0);
    if constexpr (kVectors >= 2) add(sum1, lanes);
    if constexpr (kVectors >= 4) {
      add(sum2, 2 * lanes);
      add(sum3, 3 * lanes);
    }
    if constexpr (kVectors >= 8) {
      add(sum4, 4 * lanes);
      add(sum5, 5 * lanes);
      add(sum6, 6 * lanes);
      add(sum7, 7 * lanes);
    }
  }
  const auto times = hn::Set(d, factor);
  const auto base_times = hn::Set(d, base_factor);
  const auto finish = [&](const auto& sum, std::int64_t at) HWY_ATTR {
    const auto start = base == nullptr ? zero : hn::Mul(base_times, hn::LoadU(d, base + c + at));
    hn::StoreU(hn::MulAdd(times, sum, start), d, y + c + at);
  };
  finish(sum0, 0);
  if constexpr (kVectors >= 2) finish(sum1, lanes);
  if constexpr (kVectors >= 4) {
    finish(sum2, 2 * lanes);
    finish(sum3, 3 * lanes);
  }
  if constexpr (kVectors >= 8) {
    finish(sum4, 4 * lanes);
    finish(sum5, 5 * lanes);
    finish(sum6, 6 * lanes);
    finish(sum7, 7 * lanes);
  }
}

template <bool kScaled, typename T>
HWY_INLINE void one_row(const Spmm<T>& a, const Edges& edges, T factor, const T* base,
                        T base_factor, T* y) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  std::int64_t c = 0;
  const auto blocks = [&]<int kVectors>() HWY_ATTR {
    for (; c + kVectors * lanes <= a.cols; c += kVectors * lanes) {
      row_block<kVectors, kScaled>(a, edges, factor, base, base_factor, y, c);
    }
  };
  blocks.template operator()<8>();
  blocks.template operator()<4>();
  blocks.template operator()<2>();
  blocks.template operator()<1>();
  for (; c < a.cols; ++c) {
    T sum{0};
    for (std::int64_t e = 0; e < edges.count; ++e) {
      const std::int32_t row = edges.x_row[e];
      sum += (kScaled ? a.column_scale[row] : T{1}) * a.x[row * a.x_stride + c];
    }
    y[c] = factor * sum + (base == nullptr ? T{0} : base_factor * base[c]);
  }
}

// Writes the rows of x of those columns that have one to `kept`; returns their number.
HWY_INLINE std::int64_t compact(const std::int32_t* HWY_RESTRICT column, std::int64_t count,
                                const std::int32_t* HWY_RESTRICT x_row,
                                std::int32_t* HWY_RESTRICT kept) {
  const hn::ScalableTag<std::int32_t> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t num_kept = 0, e = 0;
  for (; e + lanes <= count; e += lanes) {
    const auto row = hn::GatherIndex(d, x_row, hn::LoadU(d, column + e));
    const auto there = hn::Gt(row, hn::Set(d, -1));
    num_kept += static_cast<std::int64_t>(hn::CompressStore(row, there, d, kept + num_kept));
  }
  for (; e < count; ++e) {
    if (x_row[column[e]] >= 0) kept[num_kept++] = x_row[column[e]];
  }
  return num_kept;
}

template <typename T>
void spmm(const Spmm<T>& a, std::int64_t first, std::int64_t last) {
  HALOREC_ASSERT_LIGHT(first == last || a.y != nullptr);
  for (std::int64_t k = first; k < last; ++k) {
    const std::int64_t row = a.rows == nullptr ? k : a.rows[k];
    const std::int64_t begin = a.row_begin[row], count = a.row_begin[row + 1] - begin;
    T* y = a.y + (a.y_by_row ? row : k) * a.y_stride;
    const T factor = a.row_scale == nullptr ? a.factor : a.factor * a.row_scale[row];
    const T* base = nullptr;
    T base_factor = a.base_factor;
    if (a.accumulate) {
      base = y;
      base_factor = T{1};
    } else if (a.base != nullptr) {
      const std::int64_t at = a.base_row == nullptr ? row : a.base_row[row];
      if (at >= 0) base = a.base + at * a.base_stride;
    }
    if (a.x_row != nullptr) {
      const std::int64_t kept = compact(a.column + begin, count, a.x_row, a.kept);
      one_row<false>(a, {a.kept, kept, kept}, factor, base, base_factor, y);
      continue;
    }
    // Listed rows do not follow each other in memory.
    const Edges edges{a.column + begin, count,
                      a.rows == nullptr ? a.row_begin[last] - begin : count};
    if (a.column_scale != nullptr) {
      one_row<true>(a, edges, factor, base, base_factor, y);
    } else {
      one_row<false>(a, edges, factor, base, base_factor, y);
    }
  }
}

void spmm_float(const Spmm<float>& a, std::int64_t first, std::int64_t last) {
  spmm(a, first, last);
}
void spmm_double(const Spmm<double>& a, std::int64_t first, std::int64_t last) {
  spmm(a, first, last);
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

template <>
void spmm_rows<float>(const Spmm<float>& product, std::int64_t first, std::int64_t last) {
  if (first < last) HWY_DYNAMIC_DISPATCH(spmm_float)(product, first, last);
}
template <>
void spmm_rows<double>(const Spmm<double>& product, std::int64_t first, std::int64_t last) {
  if (first < last) HWY_DYNAMIC_DISPATCH(spmm_double)(product, first, last);
}

std::string simd_target() {
  return HWY_DYNAMIC_DISPATCH(target_name)();
}

}  // namespace halorec::kernels
#endif  // HWY_ONCE
