// Perturbed datasets: exactly the rows asked for, none that stood anywhere, all that is real as it
// was, and the truth of what is fake.
#include "partition/perturb/perturb.hpp"

#include <cmath>
#include <functional>

#include "comm/random.hpp"
#include "partition/perturb/training_part.hpp"
#include "tests/partition/generated.hpp"

namespace halorec {
namespace {

using Pair = std::pair<std::uint32_t, std::uint32_t>;

// As read from a file: datasets cannot be copied.
class Source {
 public:
  explicit Source(const SyntheticOptions& options) : made_(generate(options)) {}
  explicit Source(Dataset dataset) : made_(std::move(dataset)) {}
  Dataset get() const {
    const TemporaryFolder folder;
    save_dataset(made_, folder / "d.h5");
    return DatasetFile(folder / "d.h5").read_all();
  }
  const Dataset& original() const { return made_; }

 private:
  Dataset made_;
};

SyntheticOptions planted() {
  SyntheticOptions options = options_of(150, 60, 2200);
  options.num_communities = 4;
  options.attribute_noise = 0.1;
  return options;
}

// 40 users, 30 items, weights, times and two behaviors; some pairs stand with both behaviors, and
// item 29 in the test part alone.
Dataset with_behaviors() {
  Dataset dataset;
  for (int u = 0; u < 40; ++u) dataset.users.push_back("u" + std::to_string(u));
  for (int i = 0; i < 30; ++i) dataset.items.push_back("i" + std::to_string(i));
  dataset.behaviors = {"buy", "view"};
  const Random random(5, Purpose::test);
  const auto add = [&](Split split, std::uint32_t u, std::uint32_t i, std::uint8_t behavior) {
    Interactions& part = dataset[split];
    part.user.push_back(u);
    part.item.push_back(i);
    part.behavior.push_back(behavior);
    part.weight.push_back(static_cast<float>(1 + random.below(5, u, i)));
    part.time.push_back(split == Split::train ? 1000 + u : 5000);
  };
  for (std::uint32_t u = 0; u < 40; ++u) {
    for (std::uint32_t i = 0; i < 30; ++i) {
      const std::uint64_t draw = random.below(10, u, 100 + i);
      if (i == 29) {
        if (draw < 2) add(Split::test, u, i, 0);
      } else if (draw < 2) {
        add(Split::train, u, i, 1);
      } else if (draw == 2) {
        add(Split::train, u, i, 0);
        add(Split::train, u, i, 1);
      } else if (draw == 3) {
        add(Split::validation, u, i, 0);
      } else if (draw == 4) {
        add(Split::test, u, i, 1);
      }
    }
  }
  dataset.report_json = "{}";
  dataset.protocol.text = "Split by a test.";
  return dataset;
}

std::vector<Pair> pairs_at(const Interactions& part) {
  std::vector<Pair> pairs;
  for (std::uint64_t k = 0; k < part.size(); ++k) pairs.emplace_back(part.user[k], part.item[k]);
  return pairs;
}

std::set<Pair> fake_pairs(const Dataset& dataset) {
  std::set<Pair> pairs;
  for (std::uint64_t k = 0; k < dataset.perturbation->pair_user.size(); ++k) {
    pairs.emplace(dataset.perturbation->pair_user[k], dataset.perturbation->pair_item[k]);
  }
  EXPECT_EQ(pairs.size(), dataset.perturbation->pair_user.size());
  return pairs;
}

void expect_equal(const Interactions& a, const Interactions& b) {
  EXPECT_EQ(a.user, b.user);
  EXPECT_EQ(a.item, b.item);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(a.behavior, b.behavior);
}

// All that holds of any perturbation. Returns the rows that were added.
Interactions check(const Dataset& before, const Dataset& after) {
  for (const Split split : {Split::validation, Split::test}) {
    expect_equal(after[split], before[split]);
  }
  EXPECT_EQ(after.items.bytes, before.items.bytes);
  for (std::uint64_t u = 0; u < before.users.size(); ++u)
    EXPECT_EQ(after.users[u], before.users[u]);

  std::set<Pair> known;
  for (const Interactions& part : before.splits) {
    for (const Pair& pair : pairs_at(part)) known.insert(pair);
  }
  const std::set<Pair> fake = fake_pairs(after);
  const Interactions& train = after[Split::train];
  const auto pairs = pairs_at(train);
  EXPECT_TRUE(std::is_sorted(pairs.begin(), pairs.end()));
  Interactions real, added;
  for (std::uint64_t k = 0; k < train.size(); ++k) {
    const bool is_new = fake.contains(pairs[k]) && !known.contains(pairs[k]);
    append_like(train, k, train.user[k], train.item[k], is_new ? added : real);
  }
  expect_equal(real, before[Split::train]);  // what was there, nothing else, in its order
  const auto added_pairs = pairs_at(added);
  EXPECT_EQ(std::set<Pair>(added_pairs.begin(), added_pairs.end()).size(), added.size());
  for (const Pair& pair : added_pairs) {
    EXPECT_FALSE(known.contains(pair));
    EXPECT_TRUE(fake.contains(pair));
  }
  EXPECT_NE(content_hash(after), content_hash(before));
  EXPECT_TRUE(contains(after.protocol.text, content_hash(before)));
  EXPECT_TRUE(contains(after.source, content_hash(before)));
  EXPECT_TRUE(after.protocol.text.starts_with(before.protocol.text));
  // A file takes it, and gives it back.
  const TemporaryFolder folder;
  save_dataset(after, folder / "d.h5");
  EXPECT_EQ(content_hash(DatasetFile(folder / "d.h5").read_all()), content_hash(after));
  return added;
}

std::uint64_t rounded_share(double share, std::uint64_t of) {
  return static_cast<std::uint64_t>(std::llround(share * static_cast<double>(of)));
}

std::string usage_error(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), kExitUsage) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

TEST(DrawDistinct, EverySetAlike) {
  const Random random(3, Purpose::test);
  std::map<std::vector<std::uint32_t>, int> seen;
  for (std::uint64_t key = 0; key < 6000; ++key) ++seen[draw_distinct(2, 4, random, key)];
  EXPECT_EQ(seen.size(), 6U);
  for (const auto& [set, count] : seen) {
    EXPECT_NEAR(count, 1000, 150);  // five standard deviations
    EXPECT_LT(set[0], set[1]);
  }
  EXPECT_EQ(draw_distinct(4, 4, random, 9), (std::vector<std::uint32_t>{0, 1, 2, 3}));
  EXPECT_TRUE(draw_distinct(0, 4, random, 9).empty());
}

TEST(FakeEdges, ExactlyTheShareAndNothingKnown) {
  const Source source(planted());
  const std::uint64_t num_train = source.original()[Split::train].size();
  for (const double share : {0.05, 0.2, 1.0, 2.5}) {
    Dataset dataset = source.get();
    add_fake_edges(dataset, share, 4);
    const Interactions added = check(source.original(), dataset);
    EXPECT_EQ(added.size(), rounded_share(share, num_train));
    EXPECT_EQ(dataset.users.size(), source.original().users.size());
    EXPECT_TRUE(dataset.perturbation->fake_users.empty());
  }
}

TEST(FakeEdges, TheSameAgainAndOtherwiseWithAnotherSeed) {
  const Source source(planted());
  std::set<std::string> hashes;
  for (const std::uint64_t seed : {4, 4, 5}) {
    Dataset dataset = source.get();
    add_fake_edges(dataset, 0.1, seed);
    hashes.insert(content_hash(dataset));
    hashes.insert(content_hash(dataset));
  }
  EXPECT_EQ(hashes.size(), 2U);
}

TEST(FakeEdges, UsersByActivityItemsEvenly) {
  const Source source(planted());
  Dataset dataset = source.get();
  add_fake_edges(dataset, 1, 4);
  // Every real interaction was drawn once: each user has as many fake ones as real ones.
  std::vector<std::uint64_t> real(150, 0), fake(150, 0), per_item(60, 0);
  for (const std::uint32_t user : source.original()[Split::train].user) ++real[user];
  for (const auto& [user, item] : fake_pairs(dataset)) {
    ++fake[user];
    ++per_item[item];
  }
  EXPECT_EQ(fake, real);
  // Of the items that a user doesn't know, each has the same chance, whatever its popularity.
  std::vector<std::set<std::uint32_t>> known(150);
  for (const Interactions& part : source.original().splits) {
    for (const auto& [user, item] : pairs_at(part)) known[user].insert(item);
  }
  for (std::uint32_t item = 0; item < 60; ++item) {
    double expected = 0;
    for (std::size_t user = 0; user < 150; ++user) {
      if (known[user].contains(item)) continue;
      expected += static_cast<double>(fake[user]) / static_cast<double>(60 - known[user].size());
    }
    EXPECT_NEAR(static_cast<double>(per_item[item]), expected, 5 * std::sqrt(expected) + 1);
  }
}

TEST(FakeEdges, WeightsTimesAndBehaviorsAreTheUsersOwn) {
  const Source source(with_behaviors());
  Dataset dataset = source.get();
  add_fake_edges(dataset, 0.7, 2);
  const Interactions added = check(source.original(), dataset);
  ASSERT_GT(added.size(), 100U);
  std::set<std::uint8_t> behaviors;
  for (std::uint64_t k = 0; k < added.size(); ++k) {
    EXPECT_EQ(added.time[k], 1000 + added.user[k]);  // all training times of this user
    EXPECT_NE(added.item[k], 29U);                   // nobody trains on it
    EXPECT_GE(added.weight[k], 1);
    behaviors.insert(added.behavior[k]);
  }
  EXPECT_EQ(behaviors.size(), 2U);
}

TEST(FakeEdges, AllThatIsLeftAndNotOneMore) {
  const Source source(with_behaviors());
  std::set<Pair> known;
  for (const Interactions& part : source.original().splits) {
    for (const Pair& pair : pairs_at(part)) {
      if (pair.second != 29) known.insert(pair);
    }
  }
  const auto left = static_cast<double>(40 * 29 - known.size());
  const auto num_train = static_cast<double>(source.original()[Split::train].size());
  Dataset dataset = source.get();
  add_fake_edges(dataset, left / num_train, 1);
  EXPECT_EQ(static_cast<double>(check(source.original(), dataset).size()), left);
  Dataset more = source.get();
  EXPECT_TRUE(
      contains(usage_error([&] { add_fake_edges(more, (left + 1) / num_train, 1); }), "are left"));
  EXPECT_TRUE(contains(usage_error([&] { add_fake_edges(more, 1e-6, 1); }), "not even one"));
}

TEST(FakeProfiles, ExactlyTheProfilesAndTheirSizes) {
  const Source source(planted());
  for (const char* kind : {"random", "popular", "bandwagon"}) {
    SCOPED_TRACE(kind);
    Dataset dataset = source.get();
    add_fake_profiles(dataset, {kind, 57, 12, 17, "fake-"}, 6);
    const Interactions added = check(source.original(), dataset);
    EXPECT_EQ(added.size(), 12U * 18U);
    ASSERT_EQ(dataset.users.size(), 162U);
    EXPECT_EQ(dataset.users[150], "fake-1");
    EXPECT_EQ(dataset.users[161], "fake-12");
    EXPECT_EQ(dataset.perturbation->fake_users.front(), 150U);
    EXPECT_EQ(dataset.perturbation->fake_users.size(), 12U);
    EXPECT_EQ(dataset.user_attribute.size(), 162U);
    EXPECT_EQ(dataset.truth->user_community.size(), 162U);
    for (std::uint32_t user = 150; user < 162; ++user) {
      EXPECT_TRUE(fake_pairs(dataset).contains({user, 57}));
    }
    std::set<std::vector<std::uint32_t>> lists;
    for (std::uint32_t user = 150; user < 162; ++user) {
      std::vector<std::uint32_t> list;
      for (const auto& [u, item] : pairs_at(added)) {
        if (u == user) list.push_back(item);
      }
      EXPECT_EQ(list.size(), 18U);
      lists.insert(list);
    }
    EXPECT_EQ(lists.size(), 12U);  // no two profiles alike
  }
}

TEST(FakeProfiles, FillersFollowTheAttack) {
  const Source source(planted());
  std::vector<std::uint64_t> degree(60, 0);
  for (const std::uint32_t item : source.original()[Split::train].item) ++degree[item];
  std::vector<std::uint32_t> order(60);
  for (std::uint32_t i = 0; i < 60; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return degree[a] > degree[b]; });
  const std::uint32_t target = order.back();
  std::map<std::string, std::vector<std::uint64_t>> drawn;
  for (const char* kind : {"random", "popular", "bandwagon"}) {
    Dataset dataset = source.get();
    add_fake_profiles(dataset, {kind, target, 400, 15, "fake-"}, 6);
    drawn[kind].assign(60, 0);
    for (const auto& [user, item] : fake_pairs(dataset)) ++drawn[kind][item];
  }
  const auto share_of_top = [&](const char* kind, std::size_t count) {
    double sum = 0;
    for (std::size_t k = 0; k < count; ++k) sum += static_cast<double>(drawn[kind][order[k]]);
    return sum / (400 * 15);
  };
  EXPECT_NEAR(share_of_top("random", 12), 12.0 / 59, 0.03);
  EXPECT_GT(share_of_top("popular", 12), 1.3 * 12.0 / 59);
  // ceil(15 / 10) = 2 items stand in every profile; the others are drawn evenly.
  std::uint64_t num_always = 0;
  for (std::uint32_t item = 0; item < 60; ++item) {
    if (item == target) continue;
    if (drawn["bandwagon"][item] == 400) {
      ++num_always;
      EXPECT_GE(degree[item], degree[order[1]]);
    } else {
      EXPECT_NEAR(static_cast<double>(drawn["bandwagon"][item]), 400 * 13.0 / 57, 50);
    }
  }
  EXPECT_EQ(num_always, 2U);
}

TEST(FakeProfiles, WeightsTimesAndBehaviors) {
  const Source source(with_behaviors());
  Dataset dataset = source.get();
  add_fake_profiles(dataset, {"random", 29, 30, 8, "bot "}, 6);  // of a target nobody trains on
  const Interactions added = check(source.original(), dataset);
  std::set<std::int64_t> times;
  std::set<float> weights;
  for (std::uint64_t k = 0; k < added.size(); ++k) {
    EXPECT_GE(added.time[k], 1000);
    EXPECT_LT(added.time[k], 1040);  // never the held-out parts' 5000
    times.insert(added.time[k]);
    if (added.item[k] == 29) {
      EXPECT_EQ(added.weight[k], 5);
      EXPECT_EQ(added.behavior[k], 1);  // views are the commonest
    } else {
      weights.insert(added.weight[k]);
    }
  }
  EXPECT_GT(times.size(), 20U);
  EXPECT_EQ(weights.size(), 5U);
  EXPECT_EQ(dataset.users[69], "bot 30");
}

TEST(FakeProfiles, TheMedianListIsTheDefault) {
  const Source source(planted());
  Dataset dataset = source.get();
  add_fake_profiles(dataset, {"popular", 3, 1, std::nullopt, "fake-"}, 6);
  std::vector<std::uint64_t> lengths(150, 0);
  for (const std::uint32_t user : source.original()[Split::train].user) ++lengths[user];
  std::sort(lengths.begin(), lengths.end());
  EXPECT_EQ(check(source.original(), dataset).size(), lengths[75] + 1);
}

TEST(FakeProfiles, WhatCannotBe) {
  const Source source(planted());
  Dataset dataset = source.get();
  const auto refused = [&](const Attack& attack) {
    return usage_error([&] { add_fake_profiles(dataset, attack, 1); });
  };
  EXPECT_TRUE(contains(refused({"random", 1, 5, 30, "fake-"}), "at most 29"));
  // "u1", ... "u5" are users already.
  EXPECT_TRUE(contains(refused({"random", 1, 5, 10, "u"}), "5 of the 5 ids"));
  EXPECT_EQ(content_hash(dataset), content_hash(source.original()));
}

TEST(Perturbing, AgainAndAgain) {
  const Source source(planted());
  const std::uint64_t num_train = source.original()[Split::train].size();
  Dataset dataset = source.get();
  add_fake_edges(dataset, 0.1, 4);
  const std::uint64_t first = dataset.perturbation->pair_user.size();
  add_fake_profiles(dataset, {"popular", 57, 5, 9, "fake-"}, 4);
  add_fake_profiles(dataset, {"random", 30, 3, 4, "fake-"}, 4);
  const std::string hash = content_hash(dataset);
  add_fake_edges(dataset, 0.1, 4);
  check(source.original(), dataset);
  EXPECT_EQ(dataset.users[157], "fake-8");
  EXPECT_EQ(dataset.perturbation->fake_users.size(), 8U);
  // A tenth of what is real, both times; and no fake user gets random edges.
  EXPECT_EQ(first, rounded_share(0.1, num_train));
  EXPECT_EQ(dataset.perturbation->pair_user.size(), 2 * first + 5 * 10 + 3 * 5);
  const auto fake = fake_pairs(dataset);
  EXPECT_EQ(std::distance(fake.lower_bound({150, 0}), fake.end()), 5 * 10 + 3 * 5);
  const auto steps = nlohmann::json::parse(dataset.perturbation->steps_json);
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[1]["kind"], "popular");
  EXPECT_EQ(steps[1]["target"].get<std::string>(), dataset.items[57]);
  EXPECT_EQ(steps[3]["of_content"].get<std::string>(), hash);
  EXPECT_EQ(steps[0]["interactions"], first);
}

}  // namespace
}  // namespace halorec
