// The paired bootstrap: known answers, the width that theory foretells, and the same bits on any
// number of threads.
#include "engine/paired.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "comm/random.hpp"

namespace halorec {
namespace {

TEST(Paired, MeansAndRatiosByHand) {
  // Two figures of four users; the second figure of the second system is 0.
  const std::vector<double> first = {1, 2, 3, 2, 1, 2, 3, 2};
  const std::vector<double> second = {1, 0, 1, 0, 1, 0, 1, 0};
  const auto figures = compare_paired(first, second, 2, 1);
  ASSERT_EQ(figures.size(), 2U);
  EXPECT_DOUBLE_EQ(figures[0].first, 2);
  EXPECT_DOUBLE_EQ(figures[0].second, 1);
  EXPECT_DOUBLE_EQ(figures[0].difference, 1);
  EXPECT_DOUBLE_EQ(figures[0].relative, 1);
  // All four resampled users may be the two without a difference, or the two with one of 2.
  EXPECT_GE(figures[0].interval.low, 0);
  EXPECT_LE(figures[0].interval.high, 2);
  EXPECT_LT(figures[0].interval.low, 1);
  EXPECT_GT(figures[0].interval.high, 1);
  // Every user differs by 2: no doubt is left.
  EXPECT_DOUBLE_EQ(figures[1].interval.low, 2);
  EXPECT_DOUBLE_EQ(figures[1].interval.high, 2);
  EXPECT_TRUE(std::isnan(figures[1].relative));
  EXPECT_TRUE(std::isnan(figures[1].relative_interval.low));
}

TEST(Paired, WhatUsersHaveInCommonDoesNotWidenTheInterval) {
  // Users differ by far more than the systems do: a user's level is 10 times the noise.
  const Random random(4, Purpose::test);
  std::vector<double> first, second, differences;
  const std::size_t n = 900;
  for (std::size_t user = 0; user < n; ++user) {
    const double level = 100 + 10 * random.normal(user, 0);
    second.push_back(level);
    first.push_back(level + 0.5 + random.normal(user, 1));
    differences.push_back(first.back() - second.back());
  }
  double mean = 0, squares = 0;
  for (const double d : differences) mean += d / static_cast<double>(n);
  for (const double d : differences) squares += (d - mean) * (d - mean);
  const double error = std::sqrt(squares / static_cast<double>(n * n));
  const PairedDifference figure = compare_paired(first, second, 1, 1).front();
  EXPECT_NEAR(figure.difference, mean, 1e-9);
  EXPECT_NEAR(figure.interval.low, mean - 1.96 * error, 0.25 * error);
  EXPECT_NEAR(figure.interval.high, mean + 1.96 * error, 0.25 * error);
  EXPECT_NEAR(figure.relative_interval.low, figure.interval.low / 100, 0.001);
}

TEST(Paired, TheSameOnAnyNumberOfThreadsAndOtherwiseWithAnotherSeed) {
  const Random random(5, Purpose::test);
  std::vector<double> first, second;
  for (std::uint64_t k = 0; k < 3 * 400; ++k) {
    first.push_back(random.uniform(k, 0));
    second.push_back(random.uniform(k, 1));
  }
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto one = compare_paired(first, second, 3, 7);
  omp_set_num_threads(3);
  const auto three = compare_paired(first, second, 3, 7);
  omp_set_num_threads(threads);
  for (std::size_t f = 0; f < 3; ++f) {
    EXPECT_EQ(one[f].interval.low, three[f].interval.low);
    EXPECT_EQ(one[f].relative_interval.high, three[f].relative_interval.high);
  }
  EXPECT_NE(one[0].interval.low, compare_paired(first, second, 3, 8)[0].interval.low);
}

}  // namespace
}  // namespace halorec
