// Baselines against naive versions, on any number of ranks.
#include "models/baselines/baselines.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "engine/ranking.hpp"
#include "models/baselines/item_knn.hpp"
#include "models/baselines/planted.hpp"
#include "tests/dated_dataset.hpp"
#include "tests/models/all_lists.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kUsers = 80;
constexpr std::uint32_t kItems = 50;

// Sorts (item, score) as lists are: by score, then by the id's hash.
void sort_list(const Dataset& data, std::vector<std::pair<std::uint32_t, float>>& list) {
  std::sort(list.begin(), list.end(), [&](const auto& a, const auto& b) {
    if (a.second != b.second) return a.second > b.second;
    return hash_bytes(data.items[a.first]) < hash_bytes(data.items[b.first]);
  });
}

// The lists that follow from a function of (user, item) over warm items outside the history.
AllLists naive_lists(const Dataset& data, std::size_t k, bool popularity_for_cold,
                     const std::function<float(std::uint32_t, std::uint32_t)>& score) {
  const auto train = items_by_user(data, Split::train);
  std::vector<std::uint32_t> degree(data.items.size(), 0);
  for (const std::uint32_t item : data[Split::train].item) ++degree[item];
  AllLists result;
  for (std::uint32_t u = 0; u < data.users.size(); ++u) {
    std::vector<std::pair<std::uint32_t, float>> list;
    for (std::uint32_t i = 0; i < data.items.size(); ++i) {
      if (degree[i] == 0 || std::count(train[u].begin(), train[u].end(), i) > 0) continue;
      const bool cold = train[u].empty() && popularity_for_cold;
      list.emplace_back(i, cold ? static_cast<float>(degree[i]) : score(u, i));
    }
    sort_list(data, list);
    list.resize(std::min(list.size(), k));
    if (!list.empty()) result[u] = list;
  }
  return result;
}

class Baselines : public testing::TestWithParam<Deal> {
 protected:
  Communicator communicator_;
  TinyGraph graph_{communicator_, random_dataset(kUsers, kItems, 0.15, 31), TrainingPart::train,
                   GetParam()};
  const Dataset& data_ = graph_.data();
};

TEST_P(Baselines, PopularRanksByTrainingDegree) {
  const auto scorer = make_baseline("popular", graph_.shard(), graph_.file(), 1);
  std::vector<std::uint32_t> degree(kItems, 0);
  for (const std::uint32_t item : data_[Split::train].item) ++degree[item];
  EXPECT_EQ(rank_everyone(*scorer, graph_.file(), 12),
            naive_lists(data_, 12, false, [&](std::uint32_t, std::uint32_t i) {
              return static_cast<float>(degree[i]);
            }));
}

TEST_P(Baselines, ItemKnnEqualsANaiveOne) {
  const std::size_t kNeighbours = 6;
  const double kShrinkage = 2.5;
  const auto scorer = make_baseline("itemknn", graph_.shard(), graph_.file(), 1,
                                    {static_cast<std::int64_t>(kNeighbours), kShrinkage});
  const auto train = items_by_user(data_, Split::train);
  std::vector<std::set<std::uint32_t>> users(kItems);
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    for (const std::uint32_t item : train[u]) users[item].insert(u);
  }
  std::vector<std::vector<std::pair<std::uint32_t, float>>> neighbours(kItems);
  for (std::uint32_t i = 0; i < kItems; ++i) {
    for (std::uint32_t j = 0; j < kItems; ++j) {
      const auto common = std::count_if(users[i].begin(), users[i].end(),
                                        [&](std::uint32_t u) { return users[j].count(u) > 0; });
      if (i == j || common == 0) continue;
      const double product = static_cast<double>(users[i].size()) * users[j].size();
      neighbours[i].emplace_back(
          j, static_cast<float>(static_cast<double>(common) / (std::sqrt(product) + kShrinkage)));
    }
    sort_list(data_, neighbours[i]);
    neighbours[i].resize(std::min(neighbours[i].size(), kNeighbours));
  }
  const auto expected = naive_lists(data_, 15, true, [&](std::uint32_t u, std::uint32_t i) {
    float sum = 0;
    for (const std::uint32_t j : train[u]) {  // ascending, as the sums are defined
      for (const auto& [other, similarity] : neighbours[i]) sum += other == j ? similarity : 0;
    }
    return sum;
  });
  EXPECT_EQ(rank_everyone(*scorer, graph_.file(), 15), expected);

  const Catalogue catalogue(graph_.shard(), graph_.file());
  for (const std::uint32_t item : {0u, 10u, 17u}) {  // 10 is cold
    const auto similar = scorer->similar_items(catalogue, item, 4);
    ASSERT_TRUE(similar.has_value());
    ASSERT_EQ(similar->size(), std::min<std::size_t>(4, neighbours[item].size()));
    for (std::size_t n = 0; n < similar->size(); ++n) {
      EXPECT_EQ((*similar)[n].item, neighbours[item][n].first);
      EXPECT_EQ((*similar)[n].score, neighbours[item][n].second);
    }
  }
}

// Of training and validation, with the newest time of a pair that stands in both; a user's own
// items where they may stand in lists.
TEST_P(Baselines, RecentEqualsANaiveOne) {
  constexpr auto kPart = TrainingPart::train_and_validation;
  for (const double own_repeats : {0.0, 0.7}) {
    Dataset data = dated_dataset(kUsers, kItems, 0.15, 31);
    data.protocol.keep_repeats = own_repeats > 0;
    const TinyGraph graph(communicator_, std::move(data), kPart, GetParam());
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> newest;
    std::int64_t first = kFirstTime + kTimeSpan, last = 0;
    for (const Split split : {Split::train, Split::validation}) {
      const Interactions& in = graph.data()[split];
      for (std::size_t k = 0; k < in.user.size(); ++k) {
        std::int64_t& time = newest[{in.user[k], in.item[k]}];
        time = std::max(time, in.time[k]);
      }
    }
    for (const auto& [pair, time] : newest) {
      first = std::min(first, time);
      last = std::max(last, time);
    }
    for (const std::optional<double> half_life :
         {std::optional<double>(), std::optional(86400.0)}) {
      BaselineOptions options;
      options.half_life_seconds = half_life;
      options.own_repeats = own_repeats;
      options.part = kPart;
      const auto scorer = make_baseline("recent", graph.shard(), graph.file(), 1, options);
      const double h = half_life.value_or(static_cast<double>(last - first) / 10);
      const auto counts = [&](std::int64_t time) {
        return std::exp2(-std::min(40.0, static_cast<double>(last - time) / h));
      };
      std::vector<double> popularity(kItems, 0.0);
      for (const auto& [pair, time] : newest) popularity[pair.second] += counts(time);
      const double largest = *std::max_element(popularity.begin(), popularity.end());
      // All items that were taken are ranked, and of a user's own nothing is left out here.
      RankingQuery query;
      query.k = 12;
      query.exclude_history = false;
      std::vector<std::int32_t> people;
      for (std::int32_t r = 0; r < graph.shard().num_owned_users(); ++r) people.push_back(r);
      query.people = people;
      const Catalogue catalogue(graph.shard(), graph.file());
      const RankedLists lists = rank_items(*scorer, catalogue, query);
      for (const std::int32_t person : people) {
        const std::uint32_t user = graph.shard().owned_users()[static_cast<std::size_t>(person)];
        std::vector<std::pair<std::uint32_t, float>> expected;
        for (std::uint32_t i = 0; i < kItems; ++i) {
          if (popularity[i] == 0) continue;
          const auto own = newest.find({user, i});
          const double score = popularity[i] / largest +
                               (own == newest.end() ? 0 : own_repeats * counts(own->second));
          expected.emplace_back(i, static_cast<float>(score));
        }
        sort_list(graph.data(), expected);
        const auto list = lists.of(person);
        ASSERT_EQ(list.size(), 12U);
        for (std::size_t k = 0; k < list.size(); ++k) {
          EXPECT_EQ(list[k].item, expected[k].first);
          EXPECT_FLOAT_EQ(list[k].score, expected[k].second);
        }
      }
    }
  }
}

TEST_P(Baselines, AGuestWithAUsersHistoryGetsThatUsersList) {
  for (const char* name : {"itemknn", "popular"}) {
    const auto scorer = make_baseline(name, graph_.shard(), graph_.file(), 1);
    const auto lists = rank_everyone(*scorer, graph_.file(), 10);
    const auto train = items_by_user(data_, Split::train);
    scorer->set_guests({train[0], train[3]});
    const Catalogue catalogue(graph_.shard(), graph_.file());
    const auto first = static_cast<std::int32_t>(graph_.shard().num_owned_users());
    const std::vector<std::int32_t> people = {first, first + 1};
    RankingQuery query;
    query.k = 10;
    query.people = people;
    const RankedLists guests = rank_items(*scorer, catalogue, query);
    for (const int g : {0, 1}) {
      std::vector<std::pair<std::uint32_t, float>> list;
      for (const RankedItem& entry : guests.of(g)) list.emplace_back(entry.item, entry.score);
      EXPECT_EQ(list, lists.at(g == 0 ? 0 : 3)) << name;
    }
  }
}

TEST_P(Baselines, RandomDependsOnSeedUserAndItemAlone) {
  const auto scorer = make_baseline("random", graph_.shard(), graph_.file(), 9);
  const auto lists = rank_everyone(*scorer, graph_.file(), kItems);
  // The same on one rank that holds everything.
  Communicator alone(MPI_COMM_SELF);
  const TinyGraph whole(alone, random_dataset(kUsers, kItems, 0.15, 31));
  const auto scorer_alone = make_baseline("random", whole.shard(), whole.file(), 9);
  EXPECT_EQ(lists, rank_everyone(*scorer_alone, whole.file(), kItems));
  const auto other_seed = make_baseline("random", graph_.shard(), graph_.file(), 10);
  EXPECT_NE(lists, rank_everyone(*other_seed, graph_.file(), kItems));
  // Uniform: mean 1/2, variance 1/12, and no item is first for far too many.
  double sum = 0, squares = 0, count = 0;
  std::map<std::uint32_t, int> firsts;
  for (const auto& [user, list] : lists) {
    ++firsts[list.front().first];
    for (const auto& [item, score] : list) {
      sum += score;
      squares += static_cast<double>(score) * score;
      count += 1;
    }
  }
  EXPECT_NEAR(sum / count, 0.5, 0.03);
  EXPECT_NEAR(squares / count, 1.0 / 3, 0.03);
  for (const auto& [item, times] : firsts) EXPECT_LT(times, 12) << item;
}

TEST_P(Baselines, PlantedRanksByTheGeneratorsProbabilities) {
  for (const double mixing : {0.0, 0.3, 1.0}) {
    Dataset data = random_dataset(kUsers, kItems, 0.15, 31);
    data.truth = std::make_unique<Truth>();
    data.truth->mixing = mixing;
    for (std::uint32_t u = 0; u < kUsers; ++u) data.truth->user_community.push_back(u % 3);
    for (std::uint32_t i = 0; i < kItems; ++i) {
      data.truth->item_community.push_back(i % 3);
      data.truth->item_weight.push_back(1.0f / static_cast<float>(1 + (i * 7) % kItems));
    }
    const TinyGraph graph(communicator_, std::move(data), TrainingPart::train, GetParam());
    const Truth& truth = *graph.data().truth;
    double total = 0, of_community[3] = {0, 0, 0};
    for (std::uint32_t i = 0; i < kItems; ++i) {
      total += truth.item_weight[i];
      of_community[i % 3] += truth.item_weight[i];
    }
    const auto scorer = make_baseline("planted", graph.shard(), graph.file(), 1);
    const auto lists = rank_everyone(*scorer, graph.file(), 10);
    const auto expected =
        naive_lists(graph.data(), 10, false, [&](std::uint32_t u, std::uint32_t i) {
          const double weight = truth.item_weight[i];
          double probability = mixing * weight / total;
          if (u % 3 == i % 3) probability += (1 - mixing) * weight / of_community[i % 3];
          return static_cast<float>(std::log(std::max(probability, 1e-300)));
        });
    EXPECT_EQ(lists, expected) << "mixing " << mixing;
    EXPECT_THROW(scorer->set_guests({{1, 2}}), Error);
  }
}

// After a drift of one community, what is held out last follows the tastes of the next community.
TEST_P(Baselines, PlantedRanksByTheTastesOfTheTimeThatIsTested) {
  Dataset data = random_dataset(kUsers, kItems, 0.15, 31);
  data.protocol.name = "leave-last";
  data.truth = std::make_unique<Truth>();
  data.truth->drift = 1;
  for (std::uint32_t u = 0; u < kUsers; ++u) data.truth->user_community.push_back(u % 3);
  for (std::uint32_t i = 0; i < kItems; ++i) {
    data.truth->item_community.push_back(i % 3);
    data.truth->item_weight.push_back(1.0f / static_cast<float>(1 + (i * 7) % kItems));
  }
  const TinyGraph graph(communicator_, std::move(data), TrainingPart::train, GetParam());
  const auto scorer = make_baseline("planted", graph.shard(), graph.file(), 1);
  double of_community[3] = {0, 0, 0};
  for (std::uint32_t i = 0; i < kItems; ++i) {
    of_community[i % 3] += graph.data().truth->item_weight[i];
  }
  const auto lists = rank_everyone(*scorer, graph.file(), 3);
  const auto expected = naive_lists(graph.data(), 3, false, [&](std::uint32_t u, std::uint32_t i) {
    const double weight = graph.data().truth->item_weight[i];
    const double probability = i % 3 == (u + 1) % 3 ? weight / of_community[i % 3] : 0;
    return static_cast<float>(std::log(std::max(probability, 1e-300)));
  });
  EXPECT_EQ(lists, expected);
}

TEST_P(Baselines, WhatIsNotThereIsAUsageErrorEverywhere) {
  for (const char* name : {"planted", "populer", "recent"}) {  // no truth, no such name, no times
    try {
      make_baseline(name, graph_.shard(), graph_.file(), 1);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      EXPECT_TRUE(error.everywhere());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, Baselines, testing::Values(Deal::scattered, Deal::all_on_last),
                         [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
