#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/spmm.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "comm/check.hpp"
#include "engine/kernels/spmm.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The edges of one row as rows of x. Those that follow in memory, up to `readable`, belong to rows
// that come next: they are prefetched.
struct Edges {
  const std::int32_t* x_row = nullptr;
  const float* value = nullptr;  // nullptr: ones
  std::int64_t count = 0;
  std::int64_t readable = 0;
};

// One row of the result: its edges, and how their sum is written.
template <typename T>
struct Row {
  Edges edges;
  T factor;
  const T* base;
  T base_factor;
  T* y;
};

// A vector of numbers of x.
template <typename D, typename T>
HWY_INLINE hn::VFromD<D> load(D d, const T* x) {
  return hn::LoadU(d, x);
}
template <typename D>
HWY_INLINE hn::VFromD<D> load(D d, const Bf16* x) {
  const hn::Rebind<std::uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const auto bits = hn::LoadU(narrow, reinterpret_cast<const std::uint16_t*>(x));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(wide, bits)));
}
// Two vectors at once, the numbers at even places and those at odd ones: each takes one instruction
// on what one load brought.
template <typename D>
HWY_INLINE void load_pair(D d, const Bf16* x, hn::VFromD<D>& even, hn::VFromD<D>& odd) {
  const hn::Repartition<std::uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const auto both = hn::BitCast(wide, hn::LoadU(narrow, reinterpret_cast<const std::uint16_t*>(x)));
  even = hn::BitCast(d, hn::ShiftLeft<16>(both));
  odd = hn::BitCast(d, hn::And(both, hn::Set(wide, 0xFFFF0000u)));
}

// What multiplies the row of x that an edge reads.
enum class Weigh { by_nothing, by_column, by_value, by_both };
template <Weigh kWeigh, typename T>
HWY_INLINE T edge_weight(const Spmm<T>& a, const Edges& edges, std::int64_t e) {
  if constexpr (kWeigh == Weigh::by_column) return a.column_scale[edges.x_row[e]];
  if constexpr (kWeigh == Weigh::by_value) return static_cast<T>(edges.value[e]);
  if constexpr (kWeigh == Weigh::by_both) {
    return static_cast<T>(edges.value[e]) * a.column_scale[edges.x_row[e]];
  }
  return T{1};
}

// Columns [c, c + kVectors lanes) of one row: the sums stay in registers over all edges. X: type of
// the numbers of x, T or Bf16.
template <int kVectors, Weigh kWeigh, typename T, typename X>
HWY_INLINE void row_block(const Spmm<T>& a, const X* all_x, const Row<T>& row, std::int64_t c) {
  constexpr std::int64_t kCacheLineBytes = 64;
  constexpr std::int64_t kAhead = 16;  // edges between a prefetch and its use
  // Sums of even and of odd columns, sorted at the end.
  constexpr bool kPairs = std::is_same_v<X, Bf16> && kVectors >= 2 && HWY_TARGET != HWY_SCALAR;
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto zero = hn::Zero(d);
  auto sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
  auto sum4 = zero, sum5 = zero, sum6 = zero, sum7 = zero;
  // f(sum, its first column) for each vector of the block.
  const auto for_each_vector = [&](const auto& f) HWY_ATTR __attribute__((always_inline)) {
    f(sum0, 0);
    if constexpr (kVectors >= 2) f(sum1, lanes);
    if constexpr (kVectors >= 4) {
      f(sum2, 2 * lanes);
      f(sum3, 3 * lanes);
    }
    if constexpr (kVectors >= 8) {
      f(sum4, 4 * lanes);
      f(sum5, 5 * lanes);
      f(sum6, 6 * lanes);
      f(sum7, 7 * lanes);
    }
  };
  // f(one sum, the next, the first column of both) for each two.
  [[maybe_unused]] const auto for_each_pair = [&](const auto& f) HWY_ATTR
      __attribute__((always_inline)) {
    f(sum0, sum1, 0);
    if constexpr (kVectors >= 4) f(sum2, sum3, 2 * lanes);
    if constexpr (kVectors >= 8) {
      f(sum4, sum5, 4 * lanes);
      f(sum6, sum7, 6 * lanes);
    }
  };
  const X* HWY_RESTRICT x = all_x + c;
  const Edges& edges = row.edges;
  for (std::int64_t e = 0; e < edges.count; ++e) {
    if (e + kAhead < edges.readable) {
      const auto* next = reinterpret_cast<const char*>(x + edges.x_row[e + kAhead] * a.x_stride);
      const std::int64_t bytes = kVectors * lanes * static_cast<std::int64_t>(sizeof(X));
      for (std::int64_t byte = 0; byte < bytes; byte += kCacheLineBytes) hwy::Prefetch(next + byte);
    }
    const X* HWY_RESTRICT in = x + edges.x_row[e] * a.x_stride;
    const auto w =
        kWeigh == Weigh::by_nothing ? zero : hn::Set(d, edge_weight<kWeigh>(a, edges, e));
    const auto add = [&](auto& sum, auto what) HWY_ATTR __attribute__((always_inline)) {
      if constexpr (kWeigh == Weigh::by_nothing) {
        sum = hn::Add(sum, what);
      } else {
        sum = hn::MulAdd(w, what, sum);
      }
    };
    if constexpr (kPairs) {
      for_each_pair([&](auto& sum, auto& next, std::int64_t at) HWY_ATTR
                    __attribute__((always_inline)) {
                      auto even = zero, odd = zero;
                      load_pair(d, in + at, even, odd);
                      add(sum, even);
                      add(next, odd);
                    });
      continue;
    }
    for_each_vector([&](auto& sum, std::int64_t at) HWY_ATTR
                    __attribute__((always_inline)) { add(sum, load(d, in + at)); });
  }
  if constexpr (kPairs) {
    HWY_ALIGN T in_order[2 * hn::MaxLanes(d)];
    for_each_pair([&](auto& sum, auto& next, std::int64_t /*at*/) HWY_ATTR
                  __attribute__((always_inline)) {
                    hn::StoreInterleaved2(sum, next, d, in_order);
                    sum = hn::Load(d, in_order);
                    next = hn::Load(d, in_order + lanes);
                  });
  }
  const auto times = hn::Set(d, row.factor);
  const auto base_times = hn::Set(d, row.base_factor);
  for_each_vector([&](auto& sum, std::int64_t at) HWY_ATTR __attribute__((always_inline)) {
    const auto start =
        row.base == nullptr ? zero : hn::Mul(base_times, hn::LoadU(d, row.base + c + at));
    hn::StoreU(hn::MulAdd(times, sum, start), d, row.y + c + at);
  });
}

template <typename T>
HWY_INLINE T number(T x) {
  return x;
}
HWY_INLINE float number(Bf16 x) {
  return to_float(x);
}

// One column, for what is left of a row.
template <Weigh kWeigh, typename T, typename X>
HWY_INLINE void row_column(const Spmm<T>& a, const X* x, const Row<T>& row, std::int64_t c) {
  T sum{0};
  for (std::int64_t e = 0; e < row.edges.count; ++e) {
    const T what = number(x[row.edges.x_row[e] * a.x_stride + c]);
    sum += kWeigh == Weigh::by_nothing ? what : edge_weight<kWeigh>(a, row.edges, e) * what;
  }
  row.y[c] = row.factor * sum + (row.base == nullptr ? T{0} : row.base_factor * row.base[c]);
}

template <Weigh kWeigh, typename T, typename X>
HWY_INLINE void one_row(const Spmm<T>& a, const X* x, const Row<T>& row) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  std::int64_t c = 0;
  const auto blocks = [&]<int kVectors>() HWY_ATTR {
    for (; c + kVectors * lanes <= a.cols; c += kVectors * lanes) {
      row_block<kVectors, kWeigh>(a, x, row, c);
    }
  };
  blocks.template operator()<8>();
  blocks.template operator()<4>();
  blocks.template operator()<2>();
  blocks.template operator()<1>();
  for (; c < a.cols; ++c) row_column<kWeigh>(a, x, row, c);
}

// Writes the rows of x of those columns that have one to `kept`, and the values beside them, if
// there are any, to `kept_value`; returns their number. Writes one more entry than that. One edge
// after the other without a branch: gathers and compressing stores took seven times as long on an
// AMD EPYC with AVX2.
template <bool kValues>
HWY_INLINE std::int64_t compact(const std::int32_t* HWY_RESTRICT column,
                                const float* HWY_RESTRICT value, std::int64_t count,
                                const std::int32_t* HWY_RESTRICT x_row,
                                std::int32_t* HWY_RESTRICT kept, float* HWY_RESTRICT kept_value) {
  std::int64_t num_kept = 0;
  for (std::int64_t e = 0; e < count; ++e) {
    const std::int32_t row = x_row[column[e]];
    kept[num_kept] = row;
    if constexpr (kValues) kept_value[num_kept] = value[e];
    num_kept += row >= 0 ? 1 : 0;
  }
  return num_kept;
}

// The edges of a few rows, one row after the other in memory, so that prefetching runs from row to
// row: the matrix's own lists of columns and values where all rows are wanted, else what is wanted
// of them, copied.
class RowBlock {
 public:
  // All rows; columns up to `readable` may be looked at.
  RowBlock(const std::int32_t* column, const float* value, std::int64_t readable)
      : column_(column), value_(value), readable_(readable) {}
  // Some rows, or with x_row some columns; all as in Spmm.
  RowBlock(const std::int32_t* column, const float* value, const std::int32_t* x_row,
           std::int32_t* kept, float* kept_value)
      : column_(column), value_(value), x_row_(x_row), kept_(kept), kept_value_(kept_value) {}

  void clear() { num_rows_ = num_kept_ = 0; }
  bool is_full() const { return num_rows_ == kMaxRows || num_kept_ >= kKeptEdges; }
  // The row with the edges [begin, end).
  HWY_INLINE void add(std::int64_t begin, std::int64_t end) {
    if (kept_ == nullptr) {
      const float* value = value_ == nullptr ? nullptr : value_ + begin;
      edges_[num_rows_++] = {column_ + begin, value, end - begin, readable_ - begin};
      return;
    }
    std::int32_t* to = kept_ + num_kept_;
    float* value_to = value_ == nullptr ? nullptr : kept_value_ + num_kept_;
    std::int64_t count = end - begin;
    if (x_row_ == nullptr) {
      std::copy_n(column_ + begin, count, to);
      if (value_ != nullptr) std::copy_n(value_ + begin, count, value_to);
    } else if (value_ == nullptr) {
      count = compact<false>(column_ + begin, nullptr, count, x_row_, to, nullptr);
    } else {
      count = compact<true>(column_ + begin, value_ + begin, count, x_row_, to, value_to);
    }
    edges_[num_rows_++] = {to, value_to, count, 0};
    num_kept_ += count;
  }
  HWY_INLINE Edges edges(std::int64_t k) const {
    Edges edges = edges_[k];
    if (kept_ != nullptr) edges.readable = kept_ + num_kept_ - edges.x_row;
    return edges;
  }

 private:
  static constexpr std::int64_t kMaxRows = 64;

  const std::int32_t* column_;
  const float* value_;
  const std::int32_t* x_row_ = nullptr;
  std::int32_t* kept_ = nullptr;
  float* kept_value_ = nullptr;
  std::int64_t readable_ = 0, num_rows_ = 0, num_kept_ = 0;
  Edges edges_[kMaxRows];
};

template <typename T, typename X>
void spmm(const Spmm<T>& a, const X* x, std::int64_t first, std::int64_t last) {
  HALOREC_ASSERT_LIGHT(first == last || a.y != nullptr);
  constexpr bool kMayScale = std::is_same_v<X, T>;
  HALOREC_ASSERT_LIGHT(kMayScale || a.column_scale == nullptr);
  const auto row_at = [&](std::int64_t k) { return a.rows == nullptr ? k : a.rows[k]; };
  RowBlock block(a.column, a.value, a.x_row, a.kept, a.kept_value);
  if (a.x_row == nullptr && a.rows == nullptr) {
    block = RowBlock(a.column, a.value, a.row_begin[last]);
  }
  for (std::int64_t next = first; next < last;) {
    const std::int64_t begin = next;
    for (block.clear(); next < last && !block.is_full(); ++next) {
      const std::int64_t r = row_at(next);
      block.add(a.row_begin[r], a.row_begin[r + 1]);
    }
    for (std::int64_t k = begin; k < next; ++k) {
      const std::int64_t r = row_at(k);
      Row<T> row{};
      row.edges = block.edges(k - begin);
      row.y = a.y + (a.y_by_row ? r : k) * a.y_stride;
      row.factor = a.row_scale == nullptr ? a.factor : a.factor * a.row_scale[r];
      row.base_factor = a.base_factor;
      if (a.accumulate) {
        if (row.edges.count == 0) continue;
        row.base = row.y;
        row.base_factor = T{1};
      } else if (a.base != nullptr) {
        const std::int64_t at = a.base_row == nullptr ? r : a.base_row[r];
        if (at >= 0) row.base = a.base + at * a.base_stride;
      }
      if constexpr (kMayScale) {
        if (a.column_scale != nullptr) {
          if (a.value == nullptr) {
            one_row<Weigh::by_column>(a, x, row);
          } else {
            one_row<Weigh::by_both>(a, x, row);
          }
          continue;
        }
      }
      if (a.value == nullptr) {
        one_row<Weigh::by_nothing>(a, x, row);
      } else {
        one_row<Weigh::by_value>(a, x, row);
      }
    }
  }
}

void spmm_float(const Spmm<float>& a, std::int64_t first, std::int64_t last) {
  spmm(a, a.x, first, last);
}
void spmm_bf16(const Spmm<float>& a, std::int64_t first, std::int64_t last) {
  spmm(a, a.stored_x, first, last);
}
void spmm_double(const Spmm<double>& a, std::int64_t first, std::int64_t last) {
  spmm(a, a.x, first, last);
}
const char* target_name() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace halorec::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halorec::kernels {

HWY_EXPORT(spmm_float);
HWY_EXPORT(spmm_bf16);
HWY_EXPORT(spmm_double);
HWY_EXPORT(target_name);

template <>
void spmm_rows<float>(const Spmm<float>& product, std::int64_t first, std::int64_t last) {
  if (first >= last) return;
  if (product.stored_x != nullptr) {
    HWY_DYNAMIC_DISPATCH(spmm_bf16)(product, first, last);
  } else {
    HWY_DYNAMIC_DISPATCH(spmm_float)(product, first, last);
  }
}
template <>
void spmm_rows<double>(const Spmm<double>& product, std::int64_t first, std::int64_t last) {
  HALOREC_ASSERT_LIGHT(product.stored_x == nullptr);
  if (first < last) HWY_DYNAMIC_DISPATCH(spmm_double)(product, first, last);
}

std::string simd_target() {
  return HWY_DYNAMIC_DISPATCH(target_name)();
}

}  // namespace halorec::kernels
#endif  // HWY_ONCE
