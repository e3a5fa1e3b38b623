// Counter-based numbers: Philox against Random123's published vectors, the shape of what is drawn
// from it, and the keyed permutation.
#include "comm/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <set>
#include <vector>

namespace halorec {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

// The seed under which `purpose` draws with exactly this Philox key.
std::uint64_t seed_for(std::uint64_t philox_key, Purpose purpose) {
  return philox_key - static_cast<std::uint64_t>(purpose) * kGolden;
}

// sum (observed - expected)^2 / expected, for equal expectations.
double chi_square(const std::vector<std::uint64_t>& counts) {
  double total = 0;
  for (const auto count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (const auto count : counts) {
    const double off = static_cast<double>(count) - expected;
    sum += off * off / expected;
  }
  return sum;
}

// Mean of chi-square plus six standard deviations: seeds are fixed, so this either always holds or
// something is skewed.
double chi_square_bound(double degrees_of_freedom) {
  return degrees_of_freedom + 6 * std::sqrt(2 * degrees_of_freedom);
}

TEST(Random, AgreesWithThePublishedPhiloxVectors) {
  struct Vector {
    std::array<std::uint32_t, 4> counter;
    std::array<std::uint32_t, 2> key;
    std::array<std::uint32_t, 2> answer;  // the first two of four words: what bits() returns
  };
  // Random123, tests/kat_vectors, "philox4x32 10".
  const std::array<Vector, 3> vectors{{
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb}},
  }};
  for (const Vector& v : vectors) {
    for (const Purpose purpose : {Purpose::initialise, Purpose::negatives, Purpose::test}) {
      const std::uint64_t key = static_cast<std::uint64_t>(v.key[1]) << 32 | v.key[0];
      const Random random(seed_for(key, purpose), purpose, v.counter[3]);
      EXPECT_EQ(
          random.bits(static_cast<std::uint64_t>(v.counter[1]) << 32 | v.counter[0], v.counter[2]),
          static_cast<std::uint64_t>(v.answer[1]) << 32 | v.answer[0]);
    }
  }
}

TEST(Random, IsAFunctionOfItsFiveCoordinates) {
  const Random random(7, Purpose::test, 3);
  EXPECT_EQ(random.bits(5, 2), Random(7, Purpose::test, 3).bits(5, 2));
  std::set<std::uint64_t> distinct;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (const auto purpose : {Purpose::initialise, Purpose::shuffle, Purpose::negatives}) {
      for (std::uint64_t step = 0; step < 3; ++step) {
        for (const std::uint64_t key : {0ull, 1ull, 1ull << 32, 1ull << 56}) {
          for (std::uint32_t index = 0; index < 3; ++index) {
            distinct.insert(Random(seed, purpose, step).bits(key, index));
          }
        }
      }
    }
  }
  EXPECT_EQ(distinct.size(), 3u * 3 * 3 * 4 * 3);
}

TEST(Random, UniformHasItsMomentsAndBins) {
  constexpr int kDraws = 200000;
  const Random random(1, Purpose::test);
  double sum = 0, squares = 0, next_product = 0, previous = 0.5;
  std::vector<std::uint64_t> bins(64, 0);
  for (int k = 0; k < kDraws; ++k) {
    const double x = random.uniform(static_cast<std::uint64_t>(k));
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
    squares += x * x;
    next_product += (x - 0.5) * (previous - 0.5);
    previous = x;
    ++bins[static_cast<std::size_t>(x * 64)];
  }
  // Six standard errors each.
  EXPECT_NEAR(sum / kDraws, 0.5, 6 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 6 * std::sqrt(4.0 / 45 / kDraws));
  EXPECT_NEAR(next_product / kDraws, 0, 6 * (1.0 / 12) / std::sqrt(kDraws));
  EXPECT_LT(chi_square(bins), chi_square_bound(63));
}

TEST(Random, BelowCoversItsRangeEvenly) {
  const Random random(2, Purpose::test);
  for (const std::uint64_t n : {1, 2, 3, 10, 97}) {
    std::vector<std::uint64_t> counts(n, 0);
    for (std::uint64_t k = 0; k < 2000 * n; ++k) {
      const std::uint64_t x = random.below(n, k, 4);
      ASSERT_LT(x, n);
      ++counts[x];
    }
    if (n > 1) {
      EXPECT_LT(chi_square(counts), chi_square_bound(static_cast<double>(n - 1))) << n;
    }
  }
  // High bits decide: a range beyond 32 bits is filled too.
  std::uint64_t largest = 0;
  const std::uint64_t wide = (std::uint64_t{1} << 63) + 1;
  for (std::uint64_t k = 0; k < 1000; ++k) largest = std::max(largest, random.below(wide, k));
  EXPECT_GT(largest, wide - wide / 100);
  EXPECT_LT(largest, wide);
}

TEST(Random, NormalHasItsMomentsAndTails) {
  constexpr int kDraws = 400000;
  const Random random(3, Purpose::test, 11);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  int beyond_two = 0;
  for (int k = 0; k < kDraws; ++k) {
    const double x =
        random.normal(static_cast<std::uint64_t>(k / 64), static_cast<std::uint32_t>(k % 64));
    ASSERT_TRUE(std::isfinite(x));
    m1 += x;
    m2 += x * x;
    m3 += x * x * x;
    m4 += x * x * x * x;
    beyond_two += std::abs(x) > 2;
  }
  const double error = 6 / std::sqrt(kDraws);
  EXPECT_NEAR(m1 / kDraws, 0, error);
  EXPECT_NEAR(m2 / kDraws, 1, error * std::sqrt(2.0));
  EXPECT_NEAR(m3 / kDraws, 0, error * std::sqrt(15.0));
  EXPECT_NEAR(m4 / kDraws, 3, error * std::sqrt(96.0));
  const double tail = std::erfc(2 / std::sqrt(2.0));  // P(|x| > 2)
  EXPECT_NEAR(static_cast<double>(beyond_two) / kDraws, tail, error * std::sqrt(tail));
}

// Two streams that should know nothing of each other: their correlation and their joint bins.
void expect_independent(const Random& a, const Random& b) {
  constexpr int kDraws = 100000;
  double product = 0;
  std::vector<std::uint64_t> joint(16 * 16, 0);
  int equal_bits = 0;
  for (std::uint64_t k = 0; k < kDraws; ++k) {
    const double x = a.uniform(k), y = b.uniform(k);
    product += (x - 0.5) * (y - 0.5);
    ++joint[static_cast<std::size_t>(x * 16) * 16 + static_cast<std::size_t>(y * 16)];
    equal_bits += std::popcount(~(a.bits(k) ^ b.bits(k)));
  }
  EXPECT_NEAR(product / kDraws, 0, 6 * (1.0 / 12) / std::sqrt(kDraws));
  EXPECT_LT(chi_square(joint), chi_square_bound(255));
  EXPECT_NEAR(equal_bits / (64.0 * kDraws), 0.5, 6 * 0.5 / std::sqrt(64.0 * kDraws));
}

TEST(Random, PurposesStepsAndSeedsAreIndependent) {
  expect_independent(Random(5, Purpose::initialise), Random(5, Purpose::shuffle));
  expect_independent(Random(5, Purpose::negatives), Random(5, Purpose::split));
  expect_independent(Random(5, Purpose::test, 0), Random(5, Purpose::test, 1));
  expect_independent(Random(5, Purpose::test), Random(6, Purpose::test));
}

TEST(Permutation, IsABijectionOfEveryTinyRange) {
  for (std::uint64_t n = 1; n <= 300; ++n) {
    const Permutation permutation(n, 42, Purpose::shuffle, n % 7);
    EXPECT_EQ(permutation.size(), n);
    std::vector<bool> hit(n, false);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t to = permutation(i);
      ASSERT_LT(to, n);
      ASSERT_FALSE(hit[to]) << "n = " << n << ", twice " << to;
      hit[to] = true;
    }
  }
}

TEST(Permutation, IsABijectionAroundPowersOfFourAndAtPrimes) {
  for (const std::uint64_t n : {1009ull, 1023ull, 1024ull, 1025ull, 4095ull, 4096ull, 4097ull,
                                65536ull, 65537ull, 99991ull, 262143ull, 262145ull}) {
    const Permutation permutation(n, 1, Purpose::shuffle, 5);
    std::vector<bool> hit(n, false);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t to = permutation(i);
      ASSERT_LT(to, n);
      ASSERT_FALSE(hit[to]) << n;
      hit[to] = true;
    }
  }
}

TEST(Permutation, StaysInsideHugeRanges) {
  for (const std::uint64_t n : {(1ull << 40) + 3, (1ull << 62), (1ull << 62) + 1, ~0ull}) {
    const Permutation permutation(n, 9, Purpose::shuffle, 0);
    std::set<std::uint64_t> images;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      images.insert(permutation(i));
      images.insert(permutation(n - 1 - i));
    }
    EXPECT_EQ(images.size(), 2000u);
    EXPECT_LT(*images.rbegin(), n);
  }
}

TEST(Permutation, ChangesWithSeedPurposeStep) {
  constexpr std::uint64_t n = 1000;
  const Permutation base(n, 1, Purpose::shuffle, 1);
  for (const Permutation& other :
       {Permutation(n, 2, Purpose::shuffle, 1), Permutation(n, 1, Purpose::split, 1),
        Permutation(n, 1, Purpose::shuffle, 2)}) {
    int same = 0;
    for (std::uint64_t i = 0; i < n; ++i) same += base(i) == other(i);
    EXPECT_LT(same, 10);  // one is expected
  }
}

// Over many epochs an element must visit every position equally often: this is what shuffling an
// epoch's edges relies on.
TEST(Permutation, EveryElementVisitsEveryPositionEvenly) {
  for (const std::uint64_t n :
       {2ull, 3ull, 5ull, 9ull, 16ull, 17ull, 33ull, 37ull, 65ull, 100ull}) {
    constexpr std::uint64_t kEpochs = 20000;
    for (const std::uint64_t element : {std::uint64_t{0}, n / 2, n - 1}) {
      std::vector<std::uint64_t> counts(n, 0);
      for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
        ++counts[Permutation(n, 77, Purpose::shuffle, epoch)(element)];
      }
      EXPECT_LT(chi_square(counts), chi_square_bound(static_cast<double>(n - 1)))
          << "element " << element << " of " << n;
    }
  }
}

// Neighbours must not stay neighbours: their distance is distributed as between random positions.
TEST(Permutation, NeighboursPart) {
  constexpr std::uint64_t n = 100003;
  const Permutation permutation(n, 3, Purpose::shuffle, 0);
  std::vector<std::uint64_t> bins(50, 0);
  for (std::uint64_t i = 0; i + 1 < n; i += 2) {
    ++bins[(permutation(i) + n - permutation(i + 1)) % n * bins.size() / n];
  }
  EXPECT_LT(chi_square(bins), chi_square_bound(49));
}

TEST(HashBytes, IsXxh3AndDependsOnTheSeed) {
  EXPECT_EQ(hash_bytes(""), 0x2D06800538D394C2ULL);  // XXH3_64bits of nothing, as published
  EXPECT_NE(hash_bytes("item 1"), hash_bytes("item 2"));
  EXPECT_NE(hash_bytes("item 1"), hash_bytes("item 1", 1));
}

}  // namespace
}  // namespace halorec
