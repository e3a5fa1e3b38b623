// Parts on ranks that share hosts: a permutation that never lets more travel between hosts than the
// cut did, held against every permutation where there are few.
#include "partition/placement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "comm/check.hpp"
#include "comm/random.hpp"

namespace halorec {
namespace {

using Ints = std::vector<std::int32_t>;

Ints identity(std::size_t size) {
  Ints ranks(size);
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

// By the definition: vectors of pairs whose ranks have different hosts.
std::uint64_t between_hosts(const std::vector<PairTraffic>& traffic, const Ints& hosts,
                            const Ints& rank_of_part) {
  std::uint64_t sum = 0;
  for (const PairTraffic& pair : traffic) {
    const auto host = [&](std::int32_t part) {
      return hosts[static_cast<std::size_t>(rank_of_part[static_cast<std::size_t>(part)])];
    };
    if (host(pair.low) != host(pair.high)) sum += pair.vectors;
  }
  return sum;
}

// About `density` of all pairs exchange something, most of them little.
std::vector<PairTraffic> random_traffic(std::int32_t num_parts, double density,
                                        std::uint64_t seed) {
  const Random random(seed, Purpose::test, 60);
  std::vector<PairTraffic> traffic;
  for (std::int32_t a = 0; a < num_parts; ++a) {
    for (std::int32_t b = a + 1; b < num_parts; ++b) {
      const std::uint64_t key = static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint32_t>(b);
      if (random.uniform(key, 0) >= density) continue;
      traffic.push_back(
          {a, b, static_cast<std::uint64_t>(1000 * std::pow(random.uniform(key, 1), 4.0))});
    }
  }
  return traffic;
}

// Ranks scattered over hosts, every host with at least one; as many ranks as it happens.
Ints random_hosts(std::int32_t num_ranks, std::int32_t num_hosts, std::uint64_t seed) {
  const Random random(seed, Purpose::test, 61);
  Ints hosts;
  for (std::int32_t r = 0; r < num_ranks; ++r) {
    hosts.push_back(r < num_hosts ? r
                                  : static_cast<std::int32_t>(
                                        random.below(static_cast<std::uint64_t>(num_hosts), r)));
  }
  return hosts;
}

void expect_sound(const std::vector<PairTraffic>& traffic, const Ints& hosts) {
  const Placement placed = place_parts(traffic, hosts);
  Ints sorted = placed.rank_of_part;
  std::sort(sorted.begin(), sorted.end());
  // A permutation gives every host as many parts as it has ranks.
  ASSERT_EQ(sorted, identity(hosts.size()));
  EXPECT_EQ(placed.between_hosts, between_hosts(traffic, hosts, placed.rank_of_part));
  EXPECT_EQ(placed.between_hosts_as_cut, between_hosts(traffic, hosts, identity(hosts.size())));
  EXPECT_LE(placed.between_hosts, placed.between_hosts_as_cut);
  if (placed.between_hosts == placed.between_hosts_as_cut) {
    EXPECT_EQ(placed.rank_of_part, identity(hosts.size()));
  }
}

// No two parts change places with profit: by recounting everything.
void expect_no_swap_helps(const std::vector<PairTraffic>& traffic, const Ints& hosts) {
  const Placement placed = place_parts(traffic, hosts);
  Ints ranks = placed.rank_of_part;
  for (std::size_t p = 0; p < ranks.size(); ++p) {
    for (std::size_t q = p + 1; q < ranks.size(); ++q) {
      std::swap(ranks[p], ranks[q]);
      ASSERT_GE(between_hosts(traffic, hosts, ranks), placed.between_hosts) << p << " and " << q;
      std::swap(ranks[p], ranks[q]);
    }
  }
}

TEST(Placement, KeepsTwoPairsTogetherByHand) {
  // 0 and 2 exchange much, and so do 1 and 3; hosts {0, 1} and {2, 3} tear both pairs apart.
  const std::vector<PairTraffic> traffic{{0, 2, 10}, {1, 3, 8}, {0, 1, 3}, {2, 3, 1}};
  const Placement placed = place_parts(traffic, Ints{0, 0, 1, 1});
  EXPECT_EQ(placed.num_hosts, 2);
  EXPECT_EQ(placed.vectors, 22U);
  EXPECT_EQ(placed.between_hosts_as_cut, 18U);
  EXPECT_EQ(placed.between_hosts, 4U);
  // Hosts take turns: the ranks are together already.
  EXPECT_EQ(place_parts(traffic, Ints{0, 1, 0, 1}).rank_of_part, identity(4));
}

TEST(Placement, FillsUnequalHosts) {
  // A triangle and a lone pair; the host of three ranks takes the triangle {0, 2, 4}.
  const std::vector<PairTraffic> traffic{{0, 2, 5}, {2, 4, 5}, {0, 4, 5}, {1, 3, 7}, {0, 1, 1}};
  const Placement placed = place_parts(traffic, Ints{0, 0, 1, 1, 1});
  EXPECT_EQ(placed.between_hosts, 1U);
  EXPECT_EQ(placed.rank_of_part, (Ints{2, 0, 3, 1, 4}));
}

TEST(Placement, IsTheCutsOwnWhereThereIsNothingToGain) {
  const auto traffic = random_traffic(6, 0.8, 1);
  const Ints one_host(6, 0), own_host = identity(6);
  for (const Ints& hosts : {one_host, own_host}) {
    EXPECT_FALSE(placement_matters(hosts));
    EXPECT_EQ(place_parts(traffic, hosts).rank_of_part, identity(6));
  }
  EXPECT_TRUE(placement_matters(Ints{0, 1, 1}));
  EXPECT_FALSE(placement_matters(Ints{}));
  EXPECT_EQ(place_parts({}, Ints{0, 0, 1, 1}).rank_of_part, identity(4));
  EXPECT_TRUE(place_parts({}, Ints{}).rank_of_part.empty());
  // The same between all: nothing is better than as cut.
  std::vector<PairTraffic> even;
  for (std::int32_t a = 0; a < 6; ++a) {
    for (std::int32_t b = a + 1; b < 6; ++b) even.push_back({a, b, 4});
  }
  EXPECT_EQ(place_parts(even, Ints{0, 1, 2, 0, 1, 2}).rank_of_part, identity(6));
}

TEST(Placement, FindsHiddenGroupsAgain) {
  // Eight groups of eight parts, numbered in turns (part k is of group k mod 8), on eight hosts.
  std::vector<PairTraffic> traffic;
  for (std::int32_t a = 0; a < 64; ++a) {
    for (std::int32_t b = a + 1; b < 64; ++b) {
      traffic.push_back({a, b, a % 8 == b % 8 ? 100U : 10U});
    }
  }
  Ints hosts;
  for (std::int32_t r = 0; r < 64; ++r) hosts.push_back(r / 8);
  const Placement placed = place_parts(traffic, hosts);
  EXPECT_EQ(placed.between_hosts, 64U * 56 / 2 * 10);
  for (std::size_t p = 0; p < 64; ++p) {
    EXPECT_EQ(hosts[static_cast<std::size_t>(placed.rank_of_part[p])],
              hosts[static_cast<std::size_t>(placed.rank_of_part[p % 8])]);
  }
}

TEST(Placement, IsSoundOnRandomTraffic) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto num_ranks = static_cast<std::int32_t>(2 + seed % 23);
    const auto num_hosts = static_cast<std::int32_t>(1 + seed % 5) % num_ranks + 1;
    const Ints hosts = random_hosts(num_ranks, num_hosts, seed);
    const auto traffic = random_traffic(num_ranks, seed % 2 == 0 ? 1.0 : 0.3, seed);
    SCOPED_TRACE(fmt::format("seed {}", seed));
    expect_sound(traffic, hosts);
    expect_no_swap_helps(traffic, hosts);
  }
}

TEST(Placement, DoesNotDependOnTheOrderOfThePairs) {
  auto traffic = random_traffic(30, 0.5, 4);
  const Ints hosts = random_hosts(30, 4, 4);
  const Ints ranks = place_parts(traffic, hosts).rank_of_part;
  std::reverse(traffic.begin(), traffic.end());
  EXPECT_EQ(place_parts(traffic, hosts).rank_of_part, ranks);
}

TEST(Placement, LiesBetweenTheBestOfAllAndTheCutsOwn) {
  double sum_best = 0, sum_placed = 0, sum_as_cut = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto num_ranks = static_cast<std::int32_t>(3 + seed % 5);
    const Ints hosts = random_hosts(num_ranks, 2 + static_cast<std::int32_t>(seed % 2), seed);
    const auto traffic = random_traffic(num_ranks, 0.8, 100 + seed);
    Ints ranks = identity(hosts.size());
    std::uint64_t best = between_hosts(traffic, hosts, ranks);
    while (std::next_permutation(ranks.begin(), ranks.end())) {
      best = std::min(best, between_hosts(traffic, hosts, ranks));
    }
    const Placement placed = place_parts(traffic, hosts);
    EXPECT_LE(best, placed.between_hosts);
    EXPECT_LE(placed.between_hosts, placed.between_hosts_as_cut);
    sum_best += static_cast<double>(best);
    sum_placed += static_cast<double>(placed.between_hosts);
    sum_as_cut += static_cast<double>(placed.between_hosts_as_cut);
  }
  // Of what could be gained, most is.
  EXPECT_LT(sum_placed - sum_best, 0.2 * (sum_as_cut - sum_best));
}

TEST(Placement, TakesManyParts) {
  const Ints hosts = random_hosts(512, 64, 3);
  const auto traffic = random_traffic(512, 1.0, 3);
  expect_sound(traffic, hosts);
  const Placement placed = place_parts(traffic, hosts);
  EXPECT_LT(placed.between_hosts, placed.between_hosts_as_cut);
}

}  // namespace
}  // namespace halorec
