// Thinned users: a share of them, each with a few of its training items, and all else as it was.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "comm/check.hpp"
#include "partition/perturb/perturb.hpp"
#include "tests/partition/generated.hpp"

namespace halorec {
namespace {

using Lists = std::map<std::uint32_t, std::set<std::uint32_t>>;

Lists lists_of(const Interactions& part) {
  Lists lists;
  for (std::uint64_t k = 0; k < part.size(); ++k) lists[part.user[k]].insert(part.item[k]);
  return lists;
}

Dataset thinned(double share, std::uint32_t keep, std::uint64_t seed) {
  Dataset dataset = generate(planted());
  thin_users(dataset, share, keep, seed);
  return dataset;
}

TEST(ThinUsers, DrawnUsersKeepAFewItemsAndNothingElseChanges) {
  const Dataset before = generate(planted());
  const Lists old = lists_of(before[Split::train]);
  Lists kept_of_three;
  for (const std::uint32_t keep : {1U, 3U, 1000U}) {
    const Dataset dataset = thinned(0.3, keep, 5);
    const auto& drawn = dataset.perturbation->thinned_users;
    EXPECT_EQ(drawn.size(), std::llround(0.3 * static_cast<double>(old.size())));
    EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
    EXPECT_EQ(drawn, thinned(0.3, 2, 5).perturbation->thinned_users);  // whatever they keep
    const Lists lists = lists_of(dataset[Split::train]);
    std::uint64_t removed = 0, shortened = 0;
    for (const auto& [user, items] : old) {
      const bool is_drawn = std::binary_search(drawn.begin(), drawn.end(), user);
      ASSERT_TRUE(lists.contains(user));
      const auto& now = lists.at(user);
      EXPECT_TRUE(std::includes(items.begin(), items.end(), now.begin(), now.end()));
      EXPECT_EQ(now.size(), is_drawn ? std::min<std::size_t>(keep, items.size()) : items.size());
      removed += items.size() - now.size();
      shortened += now.size() < items.size() ? 1 : 0;
      if (keep == 3) kept_of_three[user] = now;
    }
    for (const Split split : {Split::validation, Split::test}) {
      EXPECT_EQ(dataset[split].user, before[split].user);
      EXPECT_EQ(dataset[split].item, before[split].item);
    }
    EXPECT_EQ(dataset[Split::train].time.size(), dataset[Split::train].size());
    const auto step = nlohmann::json::parse(dataset.perturbation->steps_json).at(0);
    EXPECT_EQ(step["interactions_removed"], removed);
    EXPECT_EQ(step["users_shortened"], shortened);
    EXPECT_EQ(step["users"], drawn.size());
    EXPECT_EQ(step["of_content"], content_hash(before));
    EXPECT_TRUE(keep < 1000 || content_hash(dataset) != content_hash(before));
  }
  // What stays of a smaller number is among what stays of a larger one.
  const Lists kept_of_one = lists_of(thinned(0.3, 1, 5)[Split::train]);
  for (const auto& [user, items] : kept_of_one) {
    const auto& more = kept_of_three.at(user);
    EXPECT_TRUE(std::includes(more.begin(), more.end(), items.begin(), items.end()));
  }
}

TEST(ThinUsers, DrawsAreEvenAndFollowTheSeed) {
  EXPECT_EQ(content_hash(thinned(0.3, 2, 5)), content_hash(thinned(0.3, 2, 5)));
  EXPECT_NE(content_hash(thinned(0.3, 2, 5)), content_hash(thinned(0.3, 2, 6)));
  std::vector<int> drawn(200, 0);
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Dataset dataset = thinned(0.25, 1, seed);
    for (const std::uint32_t user : dataset.perturbation->thinned_users) ++drawn[user];
  }
  // 60 draws of 1/4: 15 with a deviation of 3.4.
  for (const int times : drawn) {
    EXPECT_GT(times, 0);
    EXPECT_LT(times, 33);
  }
}

TEST(ThinUsers, FakePairsThatGoAreForgottenAndFakeUsersAreNotThinned) {
  Dataset dataset = generate(planted());
  add_fake_profiles(dataset, {"random", 3, 20, 12, "fake-"}, 1);
  add_fake_edges(dataset, 0.5, 1);
  thin_users(dataset, 1, 2, 1);
  const auto& truth = *dataset.perturbation;
  EXPECT_EQ(truth.thinned_users.size(), 200U);
  const Lists lists = lists_of(dataset[Split::train]);
  for (const auto& [user, items] : lists) EXPECT_EQ(items.size(), user < 200 ? 2U : 13U) << user;
  std::uint64_t of_real_users = 0;
  for (std::size_t p = 0; p < truth.pair_user.size(); ++p) {
    EXPECT_TRUE(lists.at(truth.pair_user[p]).contains(truth.pair_item[p]));
    of_real_users += truth.pair_user[p] < 200 ? 1 : 0;
  }
  EXPECT_EQ(truth.pair_user.size() - of_real_users, 20U * 13);
  EXPECT_GT(of_real_users, 60U);  // a third of 400
  EXPECT_LT(of_real_users, 220U);
  EXPECT_EQ(nlohmann::json::parse(truth.steps_json).size(), 3U);
  // The file keeps it all.
  const TemporaryFolder folder;
  save_dataset(dataset, folder / "d.h5");
  const DatasetFile file(folder / "d.h5");
  EXPECT_EQ(file.read_perturbation().thinned_users, truth.thinned_users);
  EXPECT_EQ(content_hash(file.read_all()), content_hash(dataset));
  // Thinned again, both groups count.
  const std::string hash = content_hash(dataset);
  thin_users(dataset, 0.1, 1, 2);
  EXPECT_EQ(dataset.perturbation->thinned_users.size(), 200U);
  EXPECT_NE(content_hash(dataset), hash);
}

// Everyone has looked at all that training has: what is taken away leaves no look behind.
TEST(ThinUsers, LinksOfPairsThatAreGoneGoToo) {
  Dataset dataset = generate(planted());
  LinkTable views{NodeKind::user, "view", true, {0}, {}, {}, true};
  const Interactions& train = dataset[Split::train];
  for (std::uint32_t user = 0; user < dataset.users.size(); ++user) {
    const auto [first, last] = std::equal_range(train.user.begin(), train.user.end(), user);
    views.target.insert(views.target.end(), train.item.begin() + (first - train.user.begin()),
                        train.item.begin() + (last - train.user.begin()));
    views.begin.push_back(views.target.size());
  }
  views.weight.assign(views.target.size(), 2);
  views.time = train.time;
  dataset.side.links.push_back(std::move(views));
  const std::size_t before = train.size();
  thin_users(dataset, 0.3, 1, 1);
  EXPECT_LT(train.size(), before);
  EXPECT_EQ(dataset.side.links[0].target, train.item);
  EXPECT_EQ(dataset.side.links[0].begin.back(), train.size());
  EXPECT_EQ(dataset.side.links[0].weight.size(), train.size());
  ASSERT_FALSE(train.time.empty());
  EXPECT_EQ(dataset.side.links[0].time, train.time);
}

TEST(ThinUsers, WhatCannotBe) {
  const auto refusal = [](Dataset& dataset, double share) {
    try {
      thin_users(dataset, share, 1, 1);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      return std::string(error.what());
    }
    return std::string();
  };
  Dataset dataset = generate(planted());
  const std::string hash = content_hash(dataset);
  EXPECT_NE(refusal(dataset, 0.001).find("not even one"), std::string::npos);
  EXPECT_EQ(content_hash(dataset), hash);
  LinkTable links{NodeKind::item, "co-occurrence", false, {}, {}, {}};
  links.begin.assign(dataset.items.size() + 1, 0);
  dataset.side.links.push_back(links);
  EXPECT_NE(refusal(dataset, 0.3).find("derived from"), std::string::npos);
}

}  // namespace
}  // namespace halorec
