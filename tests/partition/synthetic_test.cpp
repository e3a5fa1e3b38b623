// The generator keeps its word: as many distinct edges as asked, the same on any number of threads,
// drawn by the probabilities that its truth states.
#include "partition/synthetic.hpp"

#include <omp.h>

#include <cmath>

#include "tests/partition/raw_data.hpp"

namespace halorec {
namespace {

SyntheticOptions options_of(std::uint32_t users, std::uint32_t items, std::uint64_t edges) {
  SyntheticOptions options;
  options.num_users = users;
  options.num_items = items;
  options.num_edges = edges;
  options.seed = 11;
  return options;
}

TEST(Synthetic, ExactlyTheEdgesAskedAllDistinct) {
  const Dataset dataset = generate_dataset(options_of(2000, 1000, 40'000));
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
    hashes.insert(content_hash(generate_dataset(options)));
  }
  omp_set_num_threads(threads);
  EXPECT_EQ(hashes.size(), 1U);
  options.seed = 12;
  hashes.insert(content_hash(generate_dataset(options)));
  EXPECT_EQ(hashes.size(), 2U);
}

TEST(Synthetic, MixingIsTheShareThatIgnoresCommunities) {
  for (const double mixing : {0.0, 0.3, 1.0}) {
    SyntheticOptions options = options_of(6000, 40'000, 60'000);
    options.num_communities = 8;
    options.mixing = mixing;
    const Dataset dataset = generate_dataset(options);
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
  const Dataset dataset = generate_dataset(options);
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
  // User 0: P(0) = .4 * 2/4 + .6 * 2/3, P(1) = .4 * 1/4 + .6 * 1/3, P(2) = .4 * 1/4.
  EXPECT_NEAR(std::exp(score(0, 0)), 0.6, 1e-12);
  EXPECT_NEAR(std::exp(score(0, 1)), 0.3, 1e-12);
  EXPECT_NEAR(std::exp(score(0, 2)), 0.1, 1e-12);
  EXPECT_NEAR(std::exp(score(1, 2)), 0.7, 1e-12);
}

TEST(Synthetic, EveryProtocolWorksOnIt) {
  for (const char* protocol : {"random", "leave-last", "time"}) {
    SyntheticOptions options = options_of(500, 300, 6000);
    options.protocol = protocol;
    const Dataset dataset = generate_dataset(options);
    EXPECT_EQ(total(dataset), 6000U) << protocol;
    EXPECT_GT(dataset[Split::test].size(), 400U) << protocol;
  }
}

TEST(Synthetic, TinyAndTightGraphs) {
  SyntheticOptions tiny = options_of(1, 2, 1);
  tiny.num_communities = 1;
  EXPECT_EQ(total(generate_dataset(tiny)), 1U);
  // Communities of 25 items without mixing cannot hold 50 for each of their users.
  SyntheticOptions tight = options_of(100, 100, 5000);
  tight.num_communities = 4;
  tight.mixing = 0;
  const Dataset dataset = generate_dataset(tight);
  EXPECT_EQ(total(dataset), 2500U);
  EXPECT_EQ(report_of(dataset)["edges_not_placed"], 2500);
}

TEST(Synthetic, NumbersThatContradictEachOtherAreUsageErrors) {
  const auto status = [](const SyntheticOptions& options) {
    try {
      generate_dataset(options);
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
}

}  // namespace
}  // namespace halorec
