// Recommending: the order asked for, cold people, what was seen, histories, nearness of items.
#include "models/recommender.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "engine/embedding_scorer.hpp"
#include "models/baselines/baselines.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

Matrix<float> numbered_rows(const Shard& shard) {
  const Random random(4, Purpose::test, 3);
  Matrix<float> rows(shard.num_owned(), 4);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < 4; ++c) {
      rows(r, c) = static_cast<float>(
          random.normal(shard.global_id(r).bits(), static_cast<std::uint32_t>(c)));
    }
  }
  return rows;
}

struct Asked {
  std::uint64_t person;
  bool cold;
  std::vector<std::uint32_t> items;
};

class Recommending : public testing::TestWithParam<Deal> {
 protected:
  RecommendationSink collect() {
    return [this](const Recommendation& list) {
      Asked asked{list.person, list.cold, {}};
      for (const RankedItem& entry : list.items) asked.items.push_back(entry.item);
      lists_.push_back(asked);
    };
  }

  Communicator communicator_;
  TinyGraph graph_{communicator_, random_dataset(40, 60, 0.15, 51), TrainingPart::train,
                   GetParam()};
  Matrix<float> rows_ = numbered_rows(graph_.shard());
  EmbeddingScorer scorer_{graph_.shard(), rows_.view()};
  Catalogue catalogue_{graph_.shard(), graph_.file()};
  std::vector<std::vector<std::uint32_t>> train_ = items_by_user(graph_.data(), Split::train);
  std::vector<std::vector<std::uint32_t>> validation_ =
      items_by_user(graph_.data(), Split::validation);
  std::vector<Asked> lists_;  // on the root
};

TEST_P(Recommending, ListsComeInTheOrderAskedFor) {
  Recommender recommender(scorer_, catalogue_, graph_.file(), TrainingPart::train, false);
  recommender.for_all_users(5, collect());
  const std::vector<Asked> all = lists_;
  lists_.clear();
  const std::vector<std::uint32_t> users = {39, 0, 6, 17, 0};
  recommender.for_users(users, 5, collect());
  if (!communicator_.is_root()) {
    EXPECT_TRUE(all.empty());
    return;
  }
  ASSERT_EQ(all.size(), 40u);
  for (std::uint64_t u = 0; u < all.size(); ++u) EXPECT_EQ(all[u].person, u);
  ASSERT_EQ(lists_.size(), users.size());
  for (std::size_t p = 0; p < users.size(); ++p) {
    EXPECT_EQ(lists_[p].person, p);
    EXPECT_EQ(lists_[p].items, all[users[p]].items);
    EXPECT_EQ(lists_[p].items.size(), 5u);
    EXPECT_EQ(lists_[p].cold, train_[users[p]].empty());
  }
  EXPECT_TRUE(lists_[2].cold);  // every seventh user is
}

TEST_P(Recommending, WhatWasSeenIsLeftOutUnlessWanted) {
  for (const bool include_seen : {false, true}) {
    lists_.clear();
    Recommender recommender(scorer_, catalogue_, graph_.file(), TrainingPart::train, include_seen);
    recommender.for_all_users(1000, collect());
    for (const Asked& list : lists_) {
      const std::set<std::uint32_t> items(list.items.begin(), list.items.end());
      EXPECT_EQ(items.size(), list.items.size());
      std::set<std::uint32_t> seen(train_[list.person].begin(), train_[list.person].end());
      seen.insert(validation_[list.person].begin(), validation_[list.person].end());
      std::size_t num_warm_seen = 0;
      for (const std::uint32_t item : seen) {
        if (!include_seen) {
          EXPECT_EQ(items.count(item), 0u);
        }
        // Cold items are no candidates in either case.
        const auto& trained = graph_.data()[Split::train].item;
        num_warm_seen += std::count(trained.begin(), trained.end(), item) > 0 ? 1 : 0;
      }
      EXPECT_EQ(items.size(), catalogue_.num_items() - (include_seen ? 0 : num_warm_seen));
    }
  }
}

// Every user's items whose number has the same remainder by three as the user's.
TEST_P(Recommending, WhatIsLeftOutBesidesStandsInNoList) {
  const auto is_left_out = [](std::uint64_t user, std::uint32_t item) {
    return item % 3 == user % 3;
  };
  UserItems left_out;
  const Shard& shard = graph_.shard();
  for (std::int64_t r = 0; r < shard.num_owned_users(); ++r) {
    for (std::uint32_t item = 0; item < 60; ++item) {
      if (is_left_out(shard.owned_users()[static_cast<std::size_t>(r)], item)) {
        left_out.items.push_back(item);
      }
    }
    left_out.begin.push_back(std::ssize(left_out.items));
  }
  for (const bool include_seen : {false, true}) {
    lists_.clear();
    Recommender plain(scorer_, catalogue_, graph_.file(), TrainingPart::train, include_seen);
    plain.for_all_users(1000, collect());
    const std::vector<Asked> all = std::exchange(lists_, {});
    Recommender recommender(scorer_, catalogue_, graph_.file(), TrainingPart::train, include_seen,
                            left_out);
    recommender.for_all_users(1000, collect());
    ASSERT_EQ(lists_.size(), all.size());
    for (std::size_t p = 0; p < all.size(); ++p) {
      std::vector<std::uint32_t> expected = all[p].items;
      std::erase_if(expected, [&](std::uint32_t item) { return is_left_out(p, item); });
      EXPECT_LT(expected.size(), all[p].items.size());
      EXPECT_EQ(lists_[p].items, expected);
    }
  }
}

TEST_P(Recommending, RepeatsThatCountAsHitsAreRecommended) {
  Dataset data = random_dataset(40, 60, 0.15, 51);
  data.protocol.keep_repeats = true;
  const TinyGraph graph(communicator_, std::move(data), TrainingPart::train, GetParam());
  const Matrix<float> rows = numbered_rows(graph.shard());
  EmbeddingScorer scorer(graph.shard(), rows.view());
  const Catalogue catalogue(graph.shard(), graph.file());
  Recommender recommender(scorer, catalogue, graph.file(), TrainingPart::train, false);
  recommender.for_all_users(1000, collect());
  for (const Asked& list : lists_) EXPECT_EQ(list.items.size(), catalogue.num_items());
}

TEST_P(Recommending, AHistoryStandsForAPerson) {
  Recommender recommender(scorer_, catalogue_, graph_.file(), TrainingPart::train, false);
  recommender.for_history({3, 5, 3}, 1000, collect());
  recommender.for_history({}, 3, collect());
  EXPECT_EQ(scorer_.num_guests(), 0);
  if (!communicator_.is_root()) return;
  ASSERT_EQ(lists_.size(), 2u);
  EXPECT_FALSE(lists_[0].cold);
  EXPECT_EQ(lists_[0].items.size(), catalogue_.num_items() - 2);
  EXPECT_EQ(std::count(lists_[0].items.begin(), lists_[0].items.end(), 3u), 0);
  EXPECT_TRUE(lists_[1].cold);
  EXPECT_EQ(lists_[1].items.size(), 3u);
}

TEST_P(Recommending, AFailingSinkFailsEveryRank) {
  Recommender recommender(scorer_, catalogue_, graph_.file(), TrainingPart::train, false);
  EXPECT_THROW(
      recommender.for_all_users(3, [](const Recommendation&) { fail("the disk is full"); }), Error);
}

TEST_P(Recommending, OnlySomeModelsKnowSimilarItems) {
  EXPECT_EQ(similar_items(scorer_, "lightgcn", catalogue_, 3, 4).size(), 4u);
  for (const char* name : {"popular", "random"}) {
    const auto scorer = make_baseline(name, graph_.shard(), graph_.file(), 1);
    try {
      similar_items(*scorer, name, catalogue_, 3, 4);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      EXPECT_NE(std::string(error.what()).find("itemknn"), std::string::npos);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, Recommending, testing::Values(Deal::scattered, Deal::all_on_last),
                         [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
