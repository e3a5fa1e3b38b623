// Links that are derived from baskets: by hand, and against counting every pair.
#include "partition/side/co_occurrence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "comm/random.hpp"

namespace halorec {
namespace {

TEST(CoOccurrence, PmiOfBasketsByHand) {
  // Baskets: {0, 1} of user 0 at 5; {0, 1}, {2} of user 1; {2, 3}, {2, 3} and {0} of user 2 (three
  // days); in all 6. c_0 = 3, c_1 = 2, c_2 = 3, c_3 = 2.
  Interactions train;
  const auto add = [&](std::uint32_t user, std::uint32_t item, std::int64_t time) {
    train.user.push_back(user);
    train.item.push_back(item);
    train.time.push_back(time);
  };
  add(0, 0, 5), add(0, 1, 5);
  add(1, 0, 9), add(1, 1, 9), add(1, 2, 50);
  add(2, 0, 90), add(2, 2, 70), add(2, 3, 70);
  add(3, 2, 7), add(3, 3, 7);
  nlohmann::ordered_json counts;
  const LinkTable links = derive_co_occurrence(train, 4, {20, 0}, counts);
  EXPECT_EQ(counts["baskets"], 6);
  EXPECT_EQ(links.begin, (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(links.target, (std::vector<std::uint32_t>{1, 0, 3, 2}));
  const auto pmi = static_cast<float>(std::log(2.0 * 6 / (3 * 2)));
  EXPECT_EQ(links.weight, (std::vector<float>{pmi, pmi, pmi, pmi}));
  // With a pause of 50 seconds, user 1's two times are one basket and user 2's as well.
  derive_co_occurrence(train, 4, {20, 50}, counts);
  EXPECT_EQ(counts["baskets"], 4);
  train.time.clear();
  derive_co_occurrence(train, 4, {20, 0}, counts);
  EXPECT_EQ(counts["baskets"], 4);
}

// Against every pair counted in a map, on random baskets.
TEST(CoOccurrence, SameAsCountingAllPairs) {
  const Random random(3, Purpose::test, 77);
  constexpr std::uint32_t kItems = 30;
  Interactions train;
  std::vector<std::set<std::uint32_t>> baskets;
  for (std::uint32_t u = 0; u < 60; ++u) {
    for (std::uint32_t b = 0; b < 3; ++b) {
      std::set<std::uint32_t> basket;
      for (std::uint32_t k = 0; k < 5; ++k) {
        const std::uint64_t key = (u * 3 + b) * 5 + k;
        basket.insert(static_cast<std::uint32_t>(random.below(kItems, key, 0) *
                                                 random.below(kItems, key, 1) / kItems));
      }
      for (const std::uint32_t item : basket) {
        train.user.push_back(u);
        train.item.push_back(item);
        train.time.push_back(1000 * b);
      }
      baskets.push_back(std::move(basket));
    }
  }
  std::map<std::uint32_t, double> single;
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> both;
  for (const auto& basket : baskets) {
    for (const std::uint32_t i : basket) {
      ++single[i];
      for (const std::uint32_t j : basket) {
        if (i != j) ++both[{i, j}];
      }
    }
  }
  nlohmann::ordered_json counts;
  const LinkTable all = derive_co_occurrence(train, kItems, {kItems, 0}, counts);
  std::uint64_t expected = 0;
  for (const auto& [pair, count] : both) {
    const double pmi = std::log(count * static_cast<double>(baskets.size()) /
                                (single[pair.first] * single[pair.second]));
    if (count < 2 || pmi <= 0) continue;
    ++expected;
    const auto first = all.target.begin() + static_cast<std::ptrdiff_t>(all.begin[pair.first]);
    const auto last = all.target.begin() + static_cast<std::ptrdiff_t>(all.begin[pair.first + 1]);
    const auto found = std::lower_bound(first, last, pair.second);
    ASSERT_TRUE(found != last && *found == pair.second);
    EXPECT_EQ(all.weight[static_cast<std::size_t>(found - all.target.begin())],
              static_cast<float>(pmi));
  }
  EXPECT_EQ(all.target.size(), expected);
  EXPECT_GT(expected, 50U);
  const LinkTable one = derive_co_occurrence(train, kItems, {1, 0}, counts);
  EXPECT_LT(one.target.size(), all.target.size());
}

}  // namespace
}  // namespace halorec
