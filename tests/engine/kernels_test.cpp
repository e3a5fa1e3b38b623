// The innermost dense loops against naive code in long double, at many widths, on every SIMD target
// that this machine has.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/kernels/dense.hpp"
#include "engine/kernels/ordered_products.hpp"
#include "tests/engine/kernel_numbers.hpp"

namespace halorec {
namespace {

template <typename T>
class KernelsOf : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(KernelsOf, Reals);

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

// Every product is the same sum, whatever stands beside it: a column among others, alone, or at the
// edge, and a row likewise.
TEST(Kernels, OrderedProductsDoNotDependOnPlaces) {
  on_every_target([&] {
    for (const std::int64_t inner : {1, 5, 64, 65}) {
      constexpr std::int64_t kRows = 11, kMost = 150;
      const auto a = numbers<float>(kRows * inner, 1), rows = numbers<float>(kMost * inner, 2);
      std::vector<float> b(static_cast<std::size_t>(kMost * inner + kernels::kReadBehind),
                           std::numeric_limits<float>::quiet_NaN());
      kernels::transpose(kMost, inner, rows.data(), inner, b.data(), kMost);
      std::vector<float> alone(kRows * kMost);  // [rows x columns], each on its own
      for (std::int64_t r = 0; r < kRows; ++r) {
        for (std::int64_t c = 0; c < kMost; ++c) {
          float& one = alone[static_cast<std::size_t>(r * kMost + c)];
          kernels::ordered_products(1, 1, inner, a.data() + r * inner, b.data() + c, kMost, &one);
          long double exact = 0, size = 0;
          for (std::int64_t k = 0; k < inner; ++k) {
            const auto x = static_cast<long double>(a[static_cast<std::size_t>(r * inner + k)]);
            const auto y = static_cast<long double>(rows[static_cast<std::size_t>(c * inner + k)]);
            exact += x * y;
            size += std::abs(x * y);
          }
          ASSERT_NEAR(static_cast<double>(one), static_cast<double>(exact),
                      static_cast<double>(size) * static_cast<double>(inner) * 1.2e-7);
        }
      }
      for (const std::int64_t count : {1, 3, 16, 17, 31, 64, 65, 100}) {
        for (const std::int64_t first : {0, 7, 48}) {
          std::vector<float> out(static_cast<std::size_t>(kRows * count + 1), -7);
          kernels::ordered_products(kRows, count, inner, a.data(), b.data() + first, kMost,
                                    out.data());
          for (std::int64_t r = 0; r < kRows; ++r) {
            for (std::int64_t c = 0; c < count; ++c) {
              ASSERT_EQ(out[static_cast<std::size_t>(r * count + c)],
                        alone[static_cast<std::size_t>(r * kMost + first + c)])
                  << r << " " << c << " of " << count << " from " << first;
            }
          }
          ASSERT_EQ(out.back(), -7);
        }
      }
    }
  });
}

}  // namespace
}  // namespace halorec
