// Training pairs without support: paths of length three counted one by one, and what is taken away.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "comm/check.hpp"
#include "partition/perturb/perturb.hpp"
#include "tests/partition/generated.hpp"

namespace halorec {
namespace {

using Pair = std::pair<std::uint32_t, std::uint32_t>;

std::vector<Pair> pairs_of(const Interactions& part) {
  std::set<Pair> pairs;
  for (std::uint64_t k = 0; k < part.size(); ++k) pairs.emplace(part.user[k], part.item[k]);
  return {pairs.begin(), pairs.end()};
}

TEST(Unsupported, SupportIsThePathsOfLengthThreeAroundAPair) {
  SyntheticOptions options = options_of(20, 12, 80);
  options.num_communities = 2;
  const Dataset dataset = generate(options);
  const std::vector<Pair> pairs = pairs_of(dataset[Split::train]);
  const std::vector<double> support = path_support(dataset);
  ASSERT_EQ(support.size(), pairs.size());
  std::vector<double> user_degree(20, 0), item_degree(12, 0);
  for (const auto& [u, i] : pairs) {
    user_degree[u] += 1;
    item_degree[i] += 1;
  }
  const auto weight = [&](std::uint32_t u, std::uint32_t i) {
    const bool is_there = std::binary_search(pairs.begin(), pairs.end(), Pair(u, i));
    return is_there ? 1 / std::sqrt(user_degree[u] * item_degree[i]) : 0;
  };
  double largest = 0;
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const auto [u, i] = pairs[p];
    double paths = 0;
    for (std::uint32_t v = 0; v < 20; ++v) {
      for (std::uint32_t j = 0; j < 12 && v != u; ++j) {
        if (j != i) paths += weight(u, j) * weight(v, j) * weight(v, i);
      }
    }
    EXPECT_NEAR(support[p], paths, 1e-12);
    largest = std::max(largest, paths);
  }
  EXPECT_GT(largest, 0);
}

TEST(Unsupported, TheLeastSupportedGoAndNobodyLosesTheBest) {
  Dataset dataset = generate(planted());
  add_fake_edges(dataset, 0.2, 3);
  const std::vector<Pair> before = pairs_of(dataset[Split::train]);
  const std::vector<double> support = path_support(dataset);
  const std::string old_hash = content_hash(dataset);
  const Interactions test = dataset[Split::test];
  const std::set<Pair> fakes = [&] {
    std::set<Pair> all;
    const DatasetPerturbation& truth = *dataset.perturbation;
    for (std::size_t p = 0; p < truth.pair_user.size(); ++p) {
      all.emplace(truth.pair_user[p], truth.pair_item[p]);
    }
    return all;
  }();
  drop_unsupported(dataset, 0.15);
  const std::vector<Pair> after = pairs_of(dataset[Split::train]);
  EXPECT_EQ(after.size(), before.size() - std::llround(0.15 * static_cast<double>(before.size())));
  EXPECT_TRUE(std::includes(before.begin(), before.end(), after.begin(), after.end()));
  std::set<std::uint32_t> users, items, old_users, old_items;
  for (const auto& [u, i] : after) {
    users.insert(u);
    items.insert(i);
  }
  double largest_gone = 0;
  std::uint64_t fakes_gone = 0;
  for (std::size_t p = 0; p < before.size(); ++p) {
    old_users.insert(before[p].first);
    old_items.insert(before[p].second);
    if (std::binary_search(after.begin(), after.end(), before[p])) continue;
    largest_gone = std::max(largest_gone, support[p]);
    fakes_gone += fakes.count(before[p]);
  }
  EXPECT_EQ(users, old_users);
  EXPECT_EQ(items, old_items);
  // Those that stay with less are the best of their user or item.
  std::vector<std::size_t> low;
  for (std::size_t p = 0; p < before.size(); ++p) {
    const bool stays = std::binary_search(after.begin(), after.end(), before[p]);
    if (stays && support[p] < largest_gone) low.push_back(p);
  }
  for (const std::size_t p : low) {
    double best_of_user = 0, best_of_item = 0;
    for (std::size_t q = 0; q < before.size(); ++q) {
      if (before[q].first == before[p].first) best_of_user = std::max(best_of_user, support[q]);
      if (before[q].second == before[p].second) best_of_item = std::max(best_of_item, support[q]);
    }
    EXPECT_TRUE(support[p] == best_of_user || support[p] == best_of_item);
  }
  // Half as many fakes again as chance would take, and the file knows them no more.
  const double share =
      static_cast<double>(fakes_gone) / static_cast<double>(before.size() - after.size());
  EXPECT_GT(share, 1.5 * static_cast<double>(fakes.size()) / static_cast<double>(before.size()));
  EXPECT_EQ(dataset.perturbation->pair_user.size(), fakes.size() - fakes_gone);
  const auto step = nlohmann::json::parse(dataset.perturbation->steps_json).at(1);
  EXPECT_EQ(step["kind"], "drop-unsupported");
  EXPECT_EQ(step["pairs_removed"], before.size() - after.size());
  EXPECT_EQ(step["fakes_among_them"], fakes_gone);
  EXPECT_EQ(step["of_content"], old_hash);
  EXPECT_EQ(dataset[Split::test].item, test.item);
  EXPECT_EQ(dataset[Split::train].time.size(), dataset[Split::train].size());
}

TEST(Unsupported, NotOnePairIsRefused) {
  Dataset dataset = generate(planted());
  EXPECT_THROW(drop_unsupported(dataset, 1e-6), Error);
  // Whatever is asked for, the best pair of each stays; in the end there is nothing to take.
  drop_unsupported(dataset, 0.999);
  const std::size_t left = pairs_of(dataset[Split::train]).size();
  EXPECT_GE(left, 200U);
  EXPECT_LT(left, 600U);
  for (int k = 0; k < 20; ++k) {
    try {
      drop_unsupported(dataset, 0.999);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("is the best of"), std::string::npos);
      return;
    }
  }
  FAIL() << "pairs are taken without end";
}

TEST(Unsupported, LinksFromInteractionsAreRefused) {
  Dataset dataset = generate(planted());
  dataset.side.links.push_back({NodeKind::item, "co-occurrence", false, {}, {}, {}});
  EXPECT_THROW(drop_unsupported(dataset, 0.1), Error);
  EXPECT_THROW(add_fake_edges(dataset, 0.1, 1), Error);
  Attack attack;
  attack.num_profiles = 2;
  EXPECT_THROW(add_fake_profiles(dataset, attack, 1), Error);
}

}  // namespace
}  // namespace halorec
