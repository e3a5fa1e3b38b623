// The product of matrices stored as bfloat16 against a naive one in double of the same rounded
// numbers. CMake runs this binary twice: with the matrix units hidden, and with what the machine
// has.
#include "engine/kernels/bf16_product.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "comm/random.hpp"

namespace halorec {
namespace {

using kernels::Bf16;

struct Product {
  bool a_transposed, b_transposed, adds;
  std::int64_t rows, cols, inner;
};

// Those of the loss, and small, odd and long ones.
std::vector<Product> products() {
  std::vector<Product> all;
  for (const bool adds : {false, true}) {
    all.insert(all.end(), {{false, true, adds, 64, 2048, 64},
                           {false, false, adds, 64, 64, 2048},
                           {true, false, adds, 2048, 64, 64}});
    for (const bool a : {false, true}) {
      for (const bool b : {false, true}) {
        all.insert(all.end(), {{a, b, adds, 1, 1, 1},
                               {a, b, adds, 1, 70, 3},
                               {a, b, adds, 33, 1, 65},
                               {a, b, adds, 17, 129, 31}});
      }
    }
    // The units work in tiles of 16 rows and 32 terms: every remainder of those.
    for (std::int64_t k = 1; k <= 100; ++k) {
      all.insert(all.end(), {{true, false, adds, 70, 16, k},
                             {false, false, adds, k, 16, 70},
                             {false, true, adds, 64, k, 63}});
    }
  }
  return all;
}

std::vector<float> numbers(std::int64_t size, std::uint64_t key) {
  const Random random(3, Purpose::test, key);
  std::vector<float> all(static_cast<std::size_t>(size));
  for (std::size_t k = 0; k < all.size(); ++k) all[k] = static_cast<float>(random.normal(k));
  return all;
}

std::vector<Bf16> rounded(const std::vector<float>& exact) {
  std::vector<Bf16> to(exact.size());
  const float one = 1;
  kernels::store_rows(1, std::ssize(exact), &one, exact.data(), std::ssize(exact), to.data());
  return to;
}

// The largest difference from the naive product, over what a float's sum of so many may be off by:
// u |op(A)| |op(B)| times the number of terms.
double error_of(const Product& p) {
  const auto a = rounded(numbers(p.rows * p.inner, 1)), b = rounded(numbers(p.inner * p.cols, 2));
  std::vector<float> c = numbers(p.rows * p.cols, 4);
  const std::vector<float> before = c;
  kernels::bf16_product(p.a_transposed, p.b_transposed, p.adds, p.rows, p.cols, p.inner, a.data(),
                        b.data(), c.data());
  const auto at = [](const std::vector<Bf16>& x, std::int64_t k) {
    return double{kernels::to_float(x[static_cast<std::size_t>(k)])};
  };
  double largest = 0;
  for (std::int64_t i = 0; i < p.rows; ++i) {
    for (std::int64_t j = 0; j < p.cols; ++j) {
      const auto k = static_cast<std::size_t>(i * p.cols + j);
      double sum = p.adds ? double{before[k]} : 0, size = std::abs(sum);
      for (std::int64_t l = 0; l < p.inner; ++l) {
        const double term = at(a, p.a_transposed ? l * p.rows + i : i * p.inner + l) *
                            at(b, p.b_transposed ? j * p.inner + l : l * p.cols + j);
        sum += term;
        size += std::abs(term);
      }
      const double bound = std::ldexp(size * static_cast<double>(p.inner + 1), -24);
      largest = std::max(largest, std::abs(double{c[k]} - sum) / bound);
    }
  }
  return largest;
}

// Each of a team multiplies for itself; half of them a shape first that others come to later.
void expect_right_products() {
  const std::vector<Product> all = products();
  const auto num = std::ssize(all);
  constexpr int kTeam = 3;
  std::vector<double> errors(kTeam * all.size());
#pragma omp parallel num_threads(kTeam)
  for (std::ptrdiff_t k = 0; k < num; ++k) {
    const auto thread = omp_get_thread_num();
    const auto which = static_cast<std::size_t>(thread % 2 == 0 ? k : num - 1 - k);
    errors[static_cast<std::size_t>(thread) * all.size() + which] = error_of(all[which]);
  }
  for (std::size_t k = 0; k < errors.size(); ++k) {
    const Product& p = all[k % all.size()];
    EXPECT_LE(errors[k], 1) << p.a_transposed << p.b_transposed << p.adds << " " << p.rows << " x "
                            << p.cols << " x " << p.inner;
  }
}

int num_threads_of_process() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "Threads:") {
      int threads = 0;
      status >> threads;
      return threads;
    }
  }
  return -1;
}

TEST(Bf16Product, EqualsTheNaiveProductOfRoundedNumbers) {
  expect_right_products();
}

// Were oneDNN to run threads of its own, or a second OpenMP runtime, there would be more of them.
TEST(Bf16Product, StartsNoThreads) {
#pragma omp parallel num_threads(3)
  {}
  const int before = num_threads_of_process();
  expect_right_products();
  EXPECT_EQ(num_threads_of_process(), before);
}

// Reported as skipped by ctest where there is nothing to test.
TEST(Bf16Units, EqualTheNaiveProductOfRoundedNumbers) {
  if (!kernels::has_bf16_units()) GTEST_SKIP() << "no bf16 matrix units on this machine";
  expect_right_products();
}

}  // namespace
}  // namespace halorec
