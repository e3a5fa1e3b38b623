// The innermost loops against naive code in long double, at many widths, on every SIMD target that
// this machine has.
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <limits>
#include <vector>

#include "comm/random.hpp"
#include "engine/kernels/dense.hpp"
#include "engine/kernels/spmm.hpp"

namespace halorec {
namespace {

template <typename T>
constexpr long double kUlp = std::numeric_limits<T>::epsilon();

template <typename T>
std::vector<T> numbers(std::int64_t n, std::uint64_t key, double scale = 1) {
  const Random random(11, Purpose::test, key);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (std::size_t k = 0; k < values.size(); ++k) {
    values[k] = static_cast<T>(scale * random.normal(k));
  }
  return values;
}

// Runs `check` once for each target, with the kernels dispatched to it.
template <typename Check>
void on_every_target(const Check& check) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(kernels::simd_target());
    ASSERT_EQ(kernels::simd_target(), hwy::TargetName(target));
    check();
    if (testing::Test::HasFatalFailure()) break;
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

template <typename T>
class KernelsOf : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(KernelsOf, Reals);

// 7 rows over 9 columns: row 0 is empty, row 3 has one entry, row 5 names a column twice, row 6 has
// more entries than the kernel prefetches ahead.
struct Sparse {
  std::vector<std::int64_t> begin{0, 0, 2, 5, 6, 8, 11, 31};
  std::vector<std::int32_t> column{0, 8, 1, 2, 3, 4, 0, 5, 7, 7, 2};
  Sparse() {
    for (std::int32_t e = 0; e < 20; ++e) column.push_back((e * 7) % 9);
  }
};

// Every way of calling the product: scaled columns or columns that stand elsewhere, all rows or a
// list, and what is added.
TYPED_TEST(KernelsOf, SparseProduct) {
  using T = TypeParam;
  const Sparse a;
  const std::vector<std::int32_t> listed{1, 2, 4, 6};
  const std::vector<std::int32_t> x_row{2, -1, 0, 1, -1, -1, 3, 4, -1};  // of 9 columns
  const std::vector<std::int32_t> base_row{-1, 0, -1, 1, 2, -1, 3};      // of 7 rows
  const auto row_scale = numbers<T>(7, 6), column_scale = numbers<T>(9, 7);
  std::vector<std::int32_t> kept(
      static_cast<std::size_t>(20 + kernels::kKeptEdges + kernels::kKeptPadding));
  enum { kPlain, kScaled, kElsewhere };
  enum { kNothing, kItself, kRows, kRowsElsewhere };
  on_every_target([&] {
    for (std::int64_t cols = 1; cols <= 130; cols += cols < 36 ? 1 : 7) {
      const std::int64_t x_stride = cols + cols % 3, y_stride = cols + cols % 5;
      const auto x = numbers<T>(9 * x_stride, 2), base = numbers<T>(7 * cols, 8);
      for (const int mode : {kPlain, kScaled, kElsewhere}) {
        for (const int added : {kNothing, kItself, kRows, kRowsElsewhere}) {
          const bool list = (cols + mode + added) % 2 == 0, by_row = added >= kRows;
          kernels::Spmm<T> what;
          what.row_begin = a.begin.data();
          what.column = a.column.data();
          if (list) what.rows = listed.data();
          what.y_by_row = by_row;
          what.factor = T(-1.25);
          if (mode != kPlain) what.row_scale = row_scale.data();
          if (mode == kScaled) what.column_scale = column_scale.data();
          what.x = x.data();
          what.x_stride = x_stride;
          if (mode == kElsewhere) what.x_row = x_row.data();
          if (list || mode == kElsewhere) what.kept = kept.data();
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
                    static_cast<long double>(x[static_cast<std::size_t>(in * x_stride + c)]);
                sum += term;
                size += std::abs(term);
              }
              const long double factor =
                  -1.25L * (mode == kPlain ? 1.0L : static_cast<long double>(row_scale[r]));
              ASSERT_NEAR(
                  static_cast<double>(y[at]), static_cast<double>(start + factor * sum),
                  static_cast<double>(12 * kUlp<T> * (std::abs(factor) * size + std::abs(start))))
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
TYPED_TEST(KernelsOf, SparseProductRowByRow) {
  using T = TypeParam;
  constexpr std::int64_t kRows = 300, kColumns = 50, kCols = 7;
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
  const auto x = numbers<T>(kColumns * kCols, 13);
  on_every_target([&] {
    for (const bool is_listed : {false, true}) {
      for (const bool elsewhere : {false, true}) {
        kernels::Spmm<T> what;
        what.row_begin = begin.data();
        what.column = column.data();
        if (is_listed) what.rows = listed.data();
        if (elsewhere) what.x_row = x_row.data();
        if (is_listed || elsewhere) what.kept = kept.data();
        what.x = x.data();
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
    }
  });
}

TYPED_TEST(KernelsOf, AddScaledAndScaleInto) {
  using T = TypeParam;
  on_every_target([&] {
    for (std::int64_t n = 0; n <= 130; ++n) {
      const auto x = numbers<T>(n, 4);
      auto y = numbers<T>(n + 1, 5);
      const auto before = y;
      const T a = static_cast<T>(-1.7);
      kernels::add_scaled<T>(n, a, x.data(), y.data());
      for (std::size_t k = 0; k < x.size(); ++k) {
        const long double term = static_cast<long double>(a) * static_cast<long double>(x[k]);
        const long double sum = static_cast<long double>(before[k]) + term;
        ASSERT_NEAR(static_cast<double>(y[k]), static_cast<double>(sum),
                    static_cast<double>(kUlp<T> * (std::abs(term) + std::abs(sum))));
      }
      ASSERT_EQ(y.back(), before.back());
      kernels::scale_into<T>(n, a, x.data(), y.data());
      for (std::size_t k = 0; k < x.size(); ++k) ASSERT_EQ(y[k], a * x[k]);
      ASSERT_EQ(y.back(), before.back());
      kernels::scale_into<T>(n, a, y.data(), y.data());  // y may be x
      for (std::size_t k = 0; k < x.size(); ++k) ASSERT_EQ(y[k], a * (a * x[k]));
    }
  });
}

TYPED_TEST(KernelsOf, FirstNotBelow) {
  using T = TypeParam;
  on_every_target([&] {
    for (std::int64_t n = 0; n <= 70; ++n) {
      std::vector<T> scores(static_cast<std::size_t>(n), T(-2));
      ASSERT_EQ(kernels::first_not_below<T>(n, T(-1), scores.data()), n);
      for (std::int64_t k = n - 1; k >= 0; --k) {
        for (const T there : {std::numeric_limits<T>::quiet_NaN(), T(3), T(-1)}) {
          scores[static_cast<std::size_t>(k)] = there;
          ASSERT_EQ(kernels::first_not_below<T>(n, T(-1), scores.data()), k);
        }
      }
    }
  });
}

template <typename T>
void check_exponentials(const std::vector<T>& scores, T scale) {
  auto values = scores;
  T largest = T{-12345};
  const double sum = kernels::exponentials<T>(std::ssize(values), scale, values.data(), &largest);
  const T most = *std::max_element(scores.begin(), scores.end());
  ASSERT_EQ(largest, most);
  long double expected_sum = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    // What the kernel is asked for: the exponential of the argument as T holds it.
    const T argument = scale * (scores[k] - most);
    const long double expected = std::exp(static_cast<long double>(argument));
    expected_sum += expected;
    if (expected < std::numeric_limits<T>::min()) {
      ASSERT_LE(values[k], std::numeric_limits<T>::min());  // underflow may be flushed
      ASSERT_GE(values[k], T{0});
    } else {
      ASSERT_NEAR(static_cast<double>(values[k]), static_cast<double>(expected),
                  static_cast<double>(4 * kUlp<T> * expected))
          << "exp(" << argument << ") at " << k << " of " << scores.size();
    }
  }
  ASSERT_NEAR(sum, static_cast<double>(expected_sum),
              static_cast<double>(70 * kUlp<T> * expected_sum));
}

TYPED_TEST(KernelsOf, Exponentials) {
  using T = TypeParam;
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  on_every_target([&] {
    for (std::int64_t n = 1; n <= 130; ++n) {
      const auto scores = numbers<T>(n, 6);
      check_exponentials<T>(scores, T{1});
      check_exponentials<T>(scores, static_cast<T>(1 / 0.12));
      check_exponentials<T>(std::vector<T>(static_cast<std::size_t>(n), T{-3}), T{5});
      // Left-out entries, wherever they stand; one that stays.
      for (std::int64_t stays : {std::int64_t{0}, n / 2, n - 1}) {
        std::vector<T> some(static_cast<std::size_t>(n), -kInfinity);
        some[static_cast<std::size_t>(stays)] = static_cast<T>(-0.25);
        check_exponentials<T>(some, T{8});
      }
    }
    check_exponentials<T>(numbers<T>(100003, 7), T{2});
    check_exponentials<T>(numbers<T>(1000, 8, 40), T{10});  // far into underflow
  });
}

TYPED_TEST(KernelsOf, ExponentialsOfLongRowsKeepTheirDigits) {
  using T = TypeParam;
  on_every_target([&] {
    // In T alone, adding a million ones to a sum loses digits; here every one counts.
    std::vector<T> scores(1'000'003, T{0});
    T largest = 0;
    EXPECT_EQ(kernels::exponentials<T>(std::ssize(scores), T{1}, scores.data(), &largest),
              1'000'003.0);
  });
}

TYPED_TEST(KernelsOf, Adam) {
  using T = TypeParam;
  const T rate = static_cast<T>(0.01), root = static_cast<T>(0.3), b1 = static_cast<T>(0.9),
          b2 = static_cast<T>(0.999), epsilon = static_cast<T>(1e-8);
  on_every_target([&] {
    for (std::int64_t n = 0; n <= 70; ++n) {
      auto gradient = numbers<T>(n, 9);
      if (n > 2) gradient[1] = T{0};
      auto m = numbers<T>(n + 1, 10), x = numbers<T>(n + 1, 12);
      auto v = numbers<T>(n + 1, 13);
      for (T& value : v) value = value * value;
      if (n > 2) v[1] = T{0};
      const auto m0 = m, v0 = v, x0 = x;
      kernels::adam<T>(n, rate, root, b1, b2, epsilon, gradient.data(), m.data(), v.data(),
                       x.data());
      for (std::size_t k = 0; k < gradient.size(); ++k) {
        using Wide = long double;
        const Wide g = gradient[k];
        const Wide first = Wide{b1} * Wide{m0[k]} + (Wide{1} - Wide{b1}) * g;
        const Wide second = Wide{b2} * Wide{v0[k]} + (Wide{1} - Wide{b2}) * g * g;
        // Against what was stored, so that each line is held to its own rounding.
        const Wide step =
            Wide{rate} * Wide{m[k]} / (std::sqrt(Wide{v[k]}) / Wide{root} + Wide{epsilon});
        ASSERT_NEAR(static_cast<double>(m[k]), static_cast<double>(first),
                    static_cast<double>(3 * kUlp<T> * (std::abs(first) + std::abs(g))));
        ASSERT_NEAR(static_cast<double>(v[k]), static_cast<double>(second),
                    static_cast<double>(4 * kUlp<T> * second));
        ASSERT_NEAR(static_cast<double>(x[k]), static_cast<double>(Wide{x0[k]} - step),
                    static_cast<double>(8 * kUlp<T> * (std::abs(Wide{x0[k]}) + std::abs(step))));
      }
      ASSERT_EQ(m.back(), m0.back());
      ASSERT_EQ(v.back(), v0.back());
      ASSERT_EQ(x.back(), x0.back());
    }
  });
}

TYPED_TEST(KernelsOf, MatrixProduct) {
  using T = TypeParam;
  const std::int64_t sizes[] = {1, 2, 5, 17, 64, 130};
  for (const std::int64_t rows : sizes) {
    for (const std::int64_t cols : {std::int64_t{1}, std::int64_t{6}, std::int64_t{67}}) {
      for (const std::int64_t inner : {std::int64_t{1}, std::int64_t{7}, std::int64_t{64}}) {
        for (int transposes = 0; transposes < 4; ++transposes) {
          const bool a_transposed = (transposes & 1) != 0, b_transposed = (transposes & 2) != 0;
          const std::int64_t a_stride = (a_transposed ? rows : inner) + 2;
          const std::int64_t b_stride = (b_transposed ? inner : cols) + 1;
          const std::int64_t c_stride = cols + 3;
          const auto a = numbers<T>((a_transposed ? inner : rows) * a_stride, 14);
          const auto b = numbers<T>((b_transposed ? cols : inner) * b_stride, 15);
          const auto before = numbers<T>(rows * c_stride, 16);
          for (const T beta : {T{0}, T{1}, static_cast<T>(-0.5)}) {
            auto c = before;
            const T alpha = static_cast<T>(1.25);
            kernels::matrix_product<T>(a_transposed, b_transposed, rows, cols, inner, alpha,
                                       a.data(), a_stride, b.data(), b_stride, beta, c.data(),
                                       c_stride);
            for (std::int64_t i = 0; i < rows; ++i) {
              for (std::int64_t j = 0; j < c_stride; ++j) {
                const auto at = static_cast<std::size_t>(i * c_stride + j);
                if (j >= cols) {
                  ASSERT_EQ(c[at], before[at]);
                  continue;
                }
                long double sum = static_cast<long double>(beta) * before[at];
                long double size = std::abs(sum);
                for (std::int64_t k = 0; k < inner; ++k) {
                  const long double term =
                      static_cast<long double>(alpha) *
                      a[static_cast<std::size_t>(a_transposed ? k * a_stride + i
                                                              : i * a_stride + k)] *
                      b[static_cast<std::size_t>(b_transposed ? j * b_stride + k
                                                              : k * b_stride + j)];
                  sum += term;
                  size += std::abs(term);
                }
                ASSERT_NEAR(static_cast<double>(c[at]), static_cast<double>(sum),
                            static_cast<double>(10 * kUlp<T> * size));
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace halorec
