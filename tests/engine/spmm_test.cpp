// The sparse product, of rows as they are and of rows stored as bfloat16, and the rounding that
// stores them, against naive code in long double on every SIMD target that this machine has.
#include "engine/kernels/spmm.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "tests/engine/kernel_numbers.hpp"

namespace halorec {
namespace {

using kernels::Bf16;

// What rows of X are summed in.
template <typename X>
using SumOf = std::conditional_t<std::is_same_v<X, Bf16>, float, X>;

template <typename T>
long double value(T x) {
  return x;
}
long double value(Bf16 x) {
  return kernels::to_float(x);
}

template <typename X>
std::vector<X> stored(std::int64_t n, std::uint64_t key) {
  if constexpr (std::is_same_v<X, Bf16>) {
    std::vector<Bf16> upper_halves;
    for (const float number : numbers<float>(n, key)) {
      upper_halves.push_back(
          {static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(number) >> 16)});
    }
    return upper_halves;
  } else {
    return numbers<X>(n, key);
  }
}

template <typename T>
void read(const std::vector<T>& x, kernels::Spmm<T>& what) {
  what.x = x.data();
}
void read(const std::vector<Bf16>& x, kernels::Spmm<float>& what) {
  what.stored_x = x.data();
}

template <typename X>
class SpmmOf : public testing::Test {};
using Stored = testing::Types<float, double, Bf16>;
TYPED_TEST_SUITE(SpmmOf, Stored);

// 7 rows over 9 columns: row 0 is empty, row 3 has one entry, row 5 names a column twice, row 6 has
// more entries than the kernel prefetches ahead.
struct Sparse {
  std::vector<std::int64_t> begin{0, 0, 2, 5, 6, 8, 11, 31};
  std::vector<std::int32_t> column{0, 8, 1, 2, 3, 4, 0, 5, 7, 7, 2};
  Sparse() {
    for (std::int32_t e = 0; e < 20; ++e) column.push_back((e * 7) % 9);
  }
};

// Every way of calling the product: scaled columns or columns that stand elsewhere, edges with
// values and without, all rows or a list, and what is added.
TYPED_TEST(SpmmOf, EveryWayOfCalling) {
  using X = TypeParam;
  using T = SumOf<X>;
  const Sparse a;
  const std::vector<std::int32_t> listed{1, 2, 4, 6};
  const std::vector<std::int32_t> x_row{2, -1, 0, 1, -1, -1, 3, 4, -1};  // of 9 columns
  const std::vector<std::int32_t> base_row{-1, 0, -1, 1, 2, -1, 3};      // of 7 rows
  const auto row_scale = numbers<T>(7, 6), column_scale = numbers<T>(9, 7);
  const auto edge_value = numbers<float>(31, 9);
  std::vector<std::int32_t> kept(
      static_cast<std::size_t>(20 + kernels::kKeptEdges + kernels::kKeptPadding));
  std::vector<float> kept_value(kept.size());
  enum { kPlain, kScaled, kElsewhere };
  enum { kNothing, kItself, kRows, kRowsElsewhere };
  on_every_target([&] {
    for (std::int64_t cols = 1; cols <= 130; cols += cols < 36 ? 1 : 7) {
      const std::int64_t x_stride = cols + cols % 3, y_stride = cols + cols % 5;
      const auto x = stored<X>(9 * x_stride, 2);
      const auto base = numbers<T>(7 * cols, 8);
      for (const int mode : {kPlain, kScaled, kElsewhere}) {
        if (mode == kScaled && std::is_same_v<X, Bf16>) continue;  // holds the scale already
        for (const int added : {kNothing, kItself, kRows, kRowsElsewhere}) {
          const bool list = (cols + mode + added) % 2 == 0, by_row = added >= kRows;
          const bool has_values = (cols + added) % 4 < 2;
          kernels::Spmm<T> what;
          what.row_begin = a.begin.data();
          what.column = a.column.data();
          if (list) what.rows = listed.data();
          what.y_by_row = by_row;
          what.factor = T(-1.25);
          if (mode != kPlain) what.row_scale = row_scale.data();
          if (mode == kScaled) what.column_scale = column_scale.data();
          read(x, what);
          what.x_stride = x_stride;
          if (mode == kElsewhere) what.x_row = x_row.data();
          if (list || mode == kElsewhere) what.kept = kept.data();
          if (has_values) {
            what.value = edge_value.data();
            what.kept_value = kept_value.data();
          }
          what.accumulate = added == kItself;
          if (added >= kRows) {
            what.base = base.data();
            what.base_stride = cols;
            what.base_factor = T(0.5);
          }
          if (added == kRowsElsewhere) what.base_row = base_row.data();
          what.y_stride = y_stride;
          what.cols = cols;
          const auto before = numbers<T>(7 * y_stride, 3);
          auto y = before;
          what.y = y.data();
          // Positions 0 and 2..3 alone: the others must stay as they were.
          kernels::spmm_rows<T>(what, 0, 1);
          kernels::spmm_rows<T>(what, 2, 4);
          std::vector<bool> touched(y.size(), false);
          for (const std::int64_t k : {0, 2, 3}) {
            const std::int64_t row = list ? listed[static_cast<std::size_t>(k)] : k;
            const auto r = static_cast<std::size_t>(row);
            for (std::int64_t c = 0; c < cols; ++c) {
              const auto at = static_cast<std::size_t>((by_row ? row : k) * y_stride + c);
              touched[at] = true;
              long double start = 0;
              if (added == kItself) start = before[at];
              const std::int64_t from = added == kRowsElsewhere ? base_row[r] : row;
              if (added >= kRows && from >= 0) {
                start = 0.5L * base[static_cast<std::size_t>(from * cols + c)];
              }
              long double sum = 0, size = 0;
              for (auto e = static_cast<std::size_t>(a.begin[r]);
                   e < static_cast<std::size_t>(a.begin[r + 1]); ++e) {
                const auto column = static_cast<std::size_t>(a.column[e]);
                const std::int64_t in = mode == kElsewhere ? x_row[column] : a.column[e];
                if (in < 0) continue;
                const long double term =
                    (mode == kScaled ? static_cast<long double>(column_scale[column]) : 1.0L) *
                    (has_values ? static_cast<long double>(edge_value[e]) : 1.0L) *
                    value(x[static_cast<std::size_t>(in * x_stride + c)]);
                sum += term;
                size += std::abs(term);
              }
              const long double factor =
                  -1.25L * (mode == kPlain ? 1.0L : static_cast<long double>(row_scale[r]));
              ASSERT_NEAR(
                  static_cast<double>(y[at]), static_cast<double>(start + factor * sum),
                  static_cast<double>(14 * kUlp<T> * (std::abs(factor) * size + std::abs(start))))
                  << "mode " << mode << ", added " << added << ", row " << row << ", column " << c
                  << " of " << cols;
            }
          }
          for (std::size_t at = 0; at < y.size(); ++at) {
            if (!touched[at]) {
              ASSERT_EQ(y[at], before[at]) << "written outside, at " << at;
            }
          }
        }
      }
    }
  });
}

// Rows are looked up some at a time, by number and by edges: what a call covers is without effect
// on the bits.
TYPED_TEST(SpmmOf, RowByRow) {
  using X = TypeParam;
  using T = SumOf<X>;
  constexpr std::int64_t kRows = 300, kColumns = 50, kCols = 23;
  const Random random(11, Purpose::test, 12);
  std::vector<std::int64_t> begin{0};
  std::vector<std::int32_t> column, x_row, listed;
  for (std::int64_t r = 0; r < kRows; ++r) {
    const auto key = static_cast<std::uint64_t>(r);
    // Some rows alone have more edges than are looked up at a time.
    const std::uint64_t count = r % 97 == 5 ? 2 * kernels::kKeptEdges : random.below(40, key);
    for (std::uint64_t e = 0; e < count; ++e) {
      column.push_back(static_cast<std::int32_t>((key * 31 + e * 7) % kColumns));
    }
    begin.push_back(std::ssize(column));
    if (r % 3 != 1) listed.push_back(static_cast<std::int32_t>(r));
  }
  for (std::int32_t c = 0; c < kColumns; ++c) x_row.push_back(c % 4 == 0 ? c / 4 : -1);
  std::vector<std::int32_t> kept(
      static_cast<std::size_t>(3 * kernels::kKeptEdges + kernels::kKeptPadding));
  const auto edge_value = numbers<float>(std::ssize(column), 14);
  std::vector<float> kept_value(kept.size());
  const auto x = stored<X>(kColumns * kCols, 13);
  on_every_target([&] {
    for (const int way : {0, 1, 2, 3, 4, 5, 6, 7}) {
      const bool is_listed = way % 2 == 1, elsewhere = way / 2 % 2 == 1, has_values = way >= 4;
      kernels::Spmm<T> what;
      if (has_values) {
        what.value = edge_value.data();
        what.kept_value = kept_value.data();
      }
      what.row_begin = begin.data();
      what.column = column.data();
      if (is_listed) what.rows = listed.data();
      if (elsewhere) what.x_row = x_row.data();
      if (is_listed || elsewhere) what.kept = kept.data();
      read(x, what);
      what.x_stride = what.y_stride = what.cols = kCols;
      const std::int64_t rows = is_listed ? std::ssize(listed) : kRows;
      std::vector<T> together(static_cast<std::size_t>(rows * kCols)), alone = together;
      what.y = together.data();
      kernels::spmm_rows<T>(what, 0, rows);
      what.y = alone.data();
      for (std::int64_t k = 0; k < rows; ++k) kernels::spmm_rows<T>(what, k, k + 1);
      EXPECT_EQ(together, alone);
      EXPECT_NE(alone.back(), T{0});
    }
  });
}

// The nearest of all bfloat16s, found by comparing, and the even one of two that are as near.
float nearest_bf16(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const auto below = std::bit_cast<float>(bits & 0xFFFF0000u);  // towards zero
  const auto above = std::bit_cast<float>((bits & 0xFFFF0000u) + 0x10000u);
  // Beyond the largest, as if there were a next one.
  const long double next = std::isinf(above) ? std::ldexp(std::copysign(1.0L, above), 128) : above;
  const long double to_below = std::abs(static_cast<long double>(number) - below);
  const long double to_above = std::abs(next - static_cast<long double>(number));
  if (to_below != to_above) return to_below < to_above ? below : above;
  return (bits >> 16) % 2 == 0 ? below : above;
}

TEST(StoreRows, RoundsToTheNearestTiesToEven) {
  std::vector<float> x = numbers<float>(2000, 21);
  // Halfway between two, just beside it, on both sides of even and odd; the ends of the range.
  for (const std::uint32_t upper :
       {0x3F80u, 0x3F81u, 0xBF80u, 0xBF81u, 0x0000u, 0x0001u, 0x7F7Fu, 0xFF7Fu, 0x8000u, 0x007Fu}) {
    for (const std::uint32_t lower : {0u, 1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      x.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  const auto n = std::ssize(x);
  on_every_target([&] {
    std::vector<Bf16> y(x.size());
    const float one = 1;
    kernels::store_rows(1, n, &one, x.data(), n, y.data());
    for (std::size_t k = 0; k < x.size(); ++k) {
      ASSERT_EQ(kernels::to_float(y[k]), nearest_bf16(x[k])) << x[k] << " at " << k;
      ASSERT_EQ(std::signbit(kernels::to_float(y[k])), std::signbit(x[k]));
    }
  });
}

TEST(StoreRows, EveryWidthAndTheScaleOfEachRow) {
  const auto scale = numbers<float>(5, 22);
  on_every_target([&] {
    for (std::int64_t cols = 1; cols <= 70; ++cols) {
      const std::int64_t stride = cols + cols % 3;
      const auto x = numbers<float>(5 * stride, 23);
      std::vector<Bf16> y(static_cast<std::size_t>(5 * cols + 1), Bf16{0xABCD});
      kernels::store_rows(5, cols, scale.data(), x.data(), stride, y.data());
      for (std::int64_t r = 0; r < 5; ++r) {
        for (std::int64_t c = 0; c < cols; ++c) {
          const float product =
              scale[static_cast<std::size_t>(r)] * x[static_cast<std::size_t>(r * stride + c)];
          ASSERT_EQ(kernels::to_float(y[static_cast<std::size_t>(r * cols + c)]),
                    nearest_bf16(product));
        }
      }
      ASSERT_EQ(y.back().bits, 0xABCD);
    }
  });
}

TEST(StoreRows, InfinitiesAndNansStay) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> x(20, 1.0F);
  x[0] = x[17] = kInfinity;
  x[1] = x[18] = -kInfinity;
  // A quiet one, and those whose lower half alone says what they are or whose sum overflows.
  x[2] = std::numeric_limits<float>::quiet_NaN();
  x[3] = x[19] = std::bit_cast<float>(0x7F800001u);
  x[4] = std::bit_cast<float>(0xFFFFFFFFu);
  on_every_target([&] {
    std::vector<Bf16> y(x.size());
    const float one = 1;
    kernels::store_rows(1, std::ssize(x), &one, x.data(), std::ssize(x), y.data());
    for (std::size_t k = 0; k < x.size(); ++k) {
      if (std::isnan(x[k])) {
        EXPECT_TRUE(std::isnan(kernels::to_float(y[k]))) << k;
      } else {
        EXPECT_EQ(kernels::to_float(y[k]), x[k]) << k;
      }
    }
  });
}

}  // namespace
}  // namespace halorec
