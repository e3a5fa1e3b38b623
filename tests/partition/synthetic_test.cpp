// The generator keeps its word: as many distinct edges as asked, drawn by the probabilities that
// its head comments and its truth state. (generate_test.cpp: the same on any number of
// ranks; expansion_test.cpp: datasets made larger.)
#include "partition/synthetic/generate.hpp"

#include <omp.h>

#include <cmath>
#include <numeric>

#include "partition/synthetic/edge_source.hpp"
#include "partition/synthetic/truth_score.hpp"
#include "tests/partition/generated.hpp"

namespace halorec {
namespace {

// Interactions of each item, or of each user, over all parts.
std::vector<double> degrees_of(const Dataset& dataset,
                               std::vector<std::uint32_t> Interactions::*end) {
  std::vector<double> degree(end == &Interactions::item ? dataset.items.size()
                                                        : dataset.users.size());
  for (const Interactions& part : dataset.splits) {
    for (const std::uint32_t node : part.*end) ++degree[node];
  }
  return degree;
}

TEST(Synthetic, ExactlyTheEdgesAskedAllDistinct) {
  const Dataset dataset = generate(options_of(2000, 1000, 40'000));
  EXPECT_EQ(total(dataset), 40'000U);
  std::set<std::pair<std::string, std::string>> pairs;
  for (const Row& row : all_rows(dataset)) pairs.emplace(std::get<0>(row), std::get<1>(row));
  EXPECT_EQ(pairs.size(), 40'000U);
  EXPECT_EQ(dataset.users.size(), 2000U);
  EXPECT_EQ(report_of(dataset)["edges_not_placed"], 0);
}

TEST(Synthetic, SameOnAnyNumberOfThreadsAndAnotherBySeed) {
  SyntheticOptions options = options_of(3000, 800, 50'000);
  const int threads = omp_get_max_threads();
  std::set<std::string> hashes;
  for (const int t : {1, 2, 5}) {
    omp_set_num_threads(t);
    hashes.insert(content_hash(generate(options)));
  }
  omp_set_num_threads(threads);
  EXPECT_EQ(hashes.size(), 1U);
  options.seed = 12;
  hashes.insert(content_hash(generate(options)));
  EXPECT_EQ(hashes.size(), 2U);
}

TEST(Synthetic, MixingIsTheShareThatIgnoresCommunities) {
  for (const double mixing : {0.0, 0.3, 1.0}) {
    SyntheticOptions options = options_of(6000, 40'000, 60'000);
    options.num_communities = 8;
    options.mixing = mixing;
    const Dataset dataset = generate(options);
    std::uint64_t inside = 0, all = 0;
    for (const Interactions& part : dataset.splits) {
      for (std::uint64_t k = 0; k < part.size(); ++k, ++all) {
        inside += dataset.truth->user_community[part.user[k]] ==
                  dataset.truth->item_community[part.item[k]];
      }
    }
    // An edge from the whole catalogue meets the user's own community one time in eight.
    const double expected = 1 - mixing * (1 - 1.0 / 8);
    EXPECT_NEAR(static_cast<double>(inside) / static_cast<double>(all), expected, 0.03) << mixing;
  }
}

TEST(Synthetic, ItemsAreDrawnByTheirWeight) {
  SyntheticOptions options = options_of(20'000, 500, 60'000);
  options.mixing = 1;
  options.num_communities = 1;
  options.item_exponent = 0.5;
  const Dataset dataset = generate(options);
  std::vector<double> count(dataset.items.size(), 0);
  for (const Interactions& part : dataset.splits) {
    for (const std::uint32_t item : part.item) ++count[item];
  }
  double total_weight = 0;
  for (const float w : dataset.truth->item_weight) total_weight += static_cast<double>(w);
  for (std::size_t i = 0; i < count.size(); ++i) {
    const double expected =
        60'000 * static_cast<double>(dataset.truth->item_weight[i]) / total_weight;
    // Distinct pairs hold the most popular items back a little; else Poisson.
    EXPECT_NEAR(count[i], expected, 6 * std::sqrt(expected) + 0.15 * expected) << i;
  }
}

TEST(Synthetic, TruthScoresSumToOneOverTheCatalogue) {
  Truth truth{{0, 1}, {0, 0, 1}, {2, 1, 1}, 0.4};
  const TruthScore score(truth);
  // Community 0: P(0) = .4 * 2/4 + .6 * 2/3, P(1) = .4 * 1/4 + .6 * 1/3, P(2) = .4 * 1/4.
  EXPECT_NEAR(std::exp(score(0, 0)), 0.6, 1e-6);
  EXPECT_NEAR(std::exp(score(0, 1)), 0.3, 1e-6);
  EXPECT_NEAR(std::exp(score(0, 2)), 0.1, 1e-6);
  EXPECT_NEAR(std::exp(score(1, 2)), 0.7, 1e-6);
}

TEST(Synthetic, TruthScoresFollowTheDrift) {
  // Three communities of one item each; tastes move on by one and a half.
  Truth truth{{0, 1, 2}, {0, 1, 2}, {1, 1, 1}, 0, 1.5};
  const TruthScore at_start(truth, 0, 0), at_end(truth, 1, 1), over_all(truth, 0, 1);
  EXPECT_NEAR(std::exp(at_start(2, 2)), 1, 1e-6);
  EXPECT_NEAR(std::exp(at_end(2, 0)), 0.5, 1e-6);  // one community on from 2
  EXPECT_NEAR(std::exp(at_end(2, 1)), 0.5, 1e-6);
  EXPECT_EQ(std::exp(at_end(2, 2)), 0);
  // The mean over m in [0, 1.5] of the share of m's hat: 1/3, then (1/2 + 3/8) / 1.5, 1/8 / 1.5.
  EXPECT_NEAR(std::exp(over_all(0, 0)), 1.0 / 3, 1e-6);
  EXPECT_NEAR(std::exp(over_all(0, 1)), 0.875 / 1.5, 1e-6);
  EXPECT_NEAR(std::exp(over_all(0, 2)), 0.125 / 1.5, 1e-6);
}

TEST(Synthetic, DriftMovesTastesThroughTheCommunities) {
  SyntheticOptions options = options_of(4000, 20'000, 60'000);
  options.num_communities = 10;
  options.mixing = 0;
  options.drift = 3;
  const Dataset dataset = generate(options);
  const Truth& truth = *dataset.truth;
  EXPECT_EQ(truth.drift, 3);
  // By tenth of the span: how far the item's community lies ahead of the user's.
  std::array<double, 10> ahead{}, edges{};
  for (const Interactions& part : dataset.splits) {
    for (std::uint64_t k = 0; k < part.size(); ++k) {
      const double share = static_cast<double>(part.time[k] - truth.first_time) /
                           static_cast<double>(truth.span_seconds);
      const auto tenth = static_cast<std::size_t>(share * 10);
      ahead[tenth] +=
          (truth.item_community[part.item[k]] + 10 - truth.user_community[part.user[k]]) % 10;
      ++edges[tenth];
    }
  }
  for (std::size_t tenth = 0; tenth < 10; ++tenth) {
    EXPECT_GT(edges[tenth], 5000) << tenth;
    // Mean of a hat around m is m, here 3 (tenth + 1/2) / 10.
    EXPECT_NEAR(ahead[tenth] / edges[tenth], 0.3 * static_cast<double>(tenth) + 0.15, 0.03)
        << tenth;
  }
}

TEST(Synthetic, AttributesAreTheCommunityButForTheNoise) {
  SyntheticOptions options = options_of(8000, 6000, 60'000);
  options.num_communities = 5;
  for (const double noise : {0.0, 0.25, 1.0}) {
    options.attribute_noise = noise;
    const Dataset dataset = generate(options);
    EXPECT_EQ(dataset.truth->attribute_noise, noise);
    const auto check = [&](const auto& attribute, const auto& community) {
      ASSERT_EQ(attribute.size(), community.size());
      double same = 0;
      for (std::size_t n = 0; n < attribute.size(); ++n) same += attribute[n] == community[n];
      EXPECT_NEAR(same / static_cast<double>(attribute.size()), 1 - noise * 4 / 5, 0.02) << noise;
      EXPECT_LT(*std::max_element(attribute.begin(), attribute.end()), 5U);
    };
    check(dataset.user_attribute, dataset.truth->user_community);
    check(dataset.item_attribute, dataset.truth->item_community);
  }
  options.attribute_noise.reset();
  EXPECT_TRUE(generate(options).item_attribute.empty());
}

TEST(Synthetic, ChungLuIsPopularityAlone) {
  SyntheticOptions options = options_of(20'000, 500, 60'000);
  options.kind = "chung-lu";
  options.item_exponent = 0.5;
  const Dataset dataset = generate(options);
  const std::vector<double> count = degrees_of(dataset, &Interactions::item);
  const TruthScore score(*dataset.truth);
  for (std::uint32_t i = 0; i < count.size(); ++i) {
    const double expected = 60'000 * std::exp(static_cast<double>(score(0, i)));
    EXPECT_NEAR(count[i], expected, 6 * std::sqrt(expected) + 0.15 * expected) << i;
  }
  const std::vector<double> of_users = degrees_of(dataset, &Interactions::user);
  EXPECT_EQ(std::accumulate(of_users.begin(), of_users.end(), 0.0), 60'000);
  EXPECT_GT(*std::max_element(of_users.begin(), of_users.end()), 60);  // Pareto's tail
}

// The plainest R-MAT there is, on both sides a power of two: shares of the edges by the first bit
// of user and item, and by the number of zero bits of the user.
TEST(Synthetic, RmatFollowsItsQuadrants) {
  SyntheticOptions options = options_of(1024, 65'536, 200'000);
  options.kind = "rmat";
  options.level_noise = 0;
  options.quadrants = {0.4, 0.25, 0.2, 0.15};
  const auto source = make_edge_source(options);
  const Permutation row_of = order_of(1024, options.seed, Draw::user_scramble);
  const Permutation item_of = order_of(65'536, options.seed, Draw::item_scramble);
  std::vector<std::uint32_t> column_of(65'536);
  for (std::uint32_t c = 0; c < column_of.size(); ++c) column_of[item_of(c)] = c;
  UserEdges edges;
  std::array<double, 4> quadrant{};
  std::array<double, 11> by_zeros{};
  double total_edges = 0;
  for (std::uint32_t u = 0; u < 1024; ++u) {
    source->draw(u, edges);
    const auto row = static_cast<std::uint32_t>(row_of(u));
    const std::set<std::uint32_t> distinct(edges.item.begin(), edges.item.end());
    EXPECT_EQ(distinct.size(), edges.item.size());
    EXPECT_EQ(static_cast<double>(edges.item.size()), source->expected_edges(u));
    for (const std::uint32_t item : edges.item)
      ++quadrant[row / 512 * 2 + column_of[item] / 32'768];
    const auto ones = static_cast<std::size_t>(__builtin_popcount(row));
    by_zeros[10 - ones] += static_cast<double>(edges.item.size());
    total_edges += static_cast<double>(edges.item.size());
  }
  EXPECT_EQ(total_edges, 200'000);
  for (std::size_t q = 0; q < 4; ++q) {
    // Repeated pairs of the densest corner are drawn again, which evens out a little.
    EXPECT_NEAR(quadrant[q] / total_edges, options.quadrants[q], 0.01) << q;
  }
  double choose = 1;  // 10 over zeros
  for (std::size_t zeros = 0; zeros <= 10; ++zeros) {
    const auto z = static_cast<double>(zeros);
    const double expected = total_edges * choose * std::pow(0.65, z) * std::pow(0.35, 10 - z);
    EXPECT_NEAR(by_zeros[zeros], expected, 6 * std::sqrt(expected)) << zeros;
    choose *= (10 - z) / (z + 1);
  }
}

TEST(Synthetic, RmatTakesAnySizeAndIsSkewed) {
  for (const auto& [users, items] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {1, 2}, {3, 1000}, {1000, 3}, {999, 777}}) {
    SyntheticOptions options = options_of(users, items, users * std::uint64_t{items} / 20 + users);
    if (options.num_edges > users * std::uint64_t{items / 2}) options.num_edges = users;
    options.kind = "rmat";
    const Dataset dataset = generate(options);
    EXPECT_EQ(report_of(dataset)["edges_placed"], total(dataset));
    EXPECT_EQ(total(dataset) + report_of(dataset)["edges_not_placed"].get<std::uint64_t>(),
              options.num_edges);
    EXPECT_FALSE(dataset.truth);
  }
  SyntheticOptions options = options_of(1000, 1000, 20'000);
  options.kind = "rmat";
  std::vector<double> degree = degrees_of(generate(options), &Interactions::item);
  std::sort(degree.rbegin(), degree.rend());
  const double top = std::accumulate(degree.begin(), degree.begin() + 100, 0.0);
  EXPECT_GT(top / std::accumulate(degree.begin(), degree.end(), 0.0), 0.25);
}

TEST(Synthetic, EveryProtocolWorksOnIt) {
  for (const char* protocol : {"random", "leave-last", "time"}) {
    SyntheticOptions options = options_of(500, 300, 6000);
    options.protocol = protocol;
    const Dataset dataset = generate(options);
    EXPECT_EQ(total(dataset), 6000U) << protocol;
    EXPECT_GT(dataset[Split::test].size(), 400U) << protocol;
  }
}

TEST(Synthetic, TinyAndTightGraphs) {
  SyntheticOptions tiny = options_of(1, 2, 1);
  tiny.num_communities = 1;
  EXPECT_EQ(total(generate(tiny)), 1U);
  // Communities of 25 items without mixing cannot hold 50 for each of their users.
  SyntheticOptions tight = options_of(100, 100, 5000);
  tight.num_communities = 4;
  tight.mixing = 0;
  const Dataset dataset = generate(tight);
  EXPECT_EQ(total(dataset), 2500U);
  EXPECT_EQ(report_of(dataset)["edges_not_placed"], 2500);
}

TEST(Synthetic, NumbersThatContradictEachOtherAreUsageErrors) {
  const auto status = [](const SyntheticOptions& options) {
    try {
      generate(options);
    } catch (const Error& error) {
      return error.exit_status();
    }
    return 0;
  };
  EXPECT_EQ(status(options_of(0, 10, 10)), kExitUsage);
  EXPECT_EQ(status(options_of(10, 10, 5)), kExitUsage);
  EXPECT_EQ(status(options_of(10, 10, 51)), kExitUsage);
  SyntheticOptions options = options_of(100, 100, 1000);
  options.num_communities = 101;
  EXPECT_EQ(status(options), kExitUsage);
  options.num_communities = 4;
  options.mixing = 1.5;
  EXPECT_EQ(status(options), kExitUsage);
  options.mixing = 0.5;
  options.protocol = "given";
  EXPECT_EQ(status(options), kExitUsage);
  options = options_of(100, 100, 1000);
  EXPECT_EQ(status(options), 0);
  const auto with = [&](auto change) {
    SyntheticOptions changed = options;
    change(changed);
    return status(changed);
  };
  using Options = SyntheticOptions;
  const std::vector<std::function<void(Options&)>> contradictions = {
      [](Options& o) { o.kind = "fractal"; },
      [](Options& o) { o.drift = -1; },
      [](Options& o) { o.drift = 1, o.times = "none"; },
      [](Options& o) { o.protocol = "time", o.times = "none"; },
      [](Options& o) { o.times = "source"; },
      [](Options& o) { o.attribute_noise = 2; },
      [](Options& o) { o.kind = "rmat", o.quadrants[0] = 0.9; },
      [](Options& o) {
        o.kind = "rmat", o.quadrants = {1, 0, 0, 0};
      },
      [](Options& o) { o.kind = "rmat", o.level_noise = 2; },
      [](Options& o) { o.kind = "expand"; },
      [](Options& o) {
        o.kind = "expand", o.expand = "x.h5", o.factor = {0, 1};
      }};
  for (std::size_t c = 0; c < contradictions.size(); ++c) {
    EXPECT_EQ(with(contradictions[c]), kExitUsage) << c;
  }
}

}  // namespace
}  // namespace halorec
