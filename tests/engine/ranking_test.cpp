// Ranking against a naive full sort of every score, on random input with ties, masks, cold nodes,
// short candidate lists and empty ranks.
#include "engine/ranking.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "engine/embedding_scorer.hpp"
#include "engine/evaluation.hpp"
#include "tests/engine/naive_ranking.hpp"

namespace halorec {
namespace {

void expect_same(std::span<const RankedItem> actual, const std::vector<RankedItem>& expected,
                 std::uint32_t user) {
  ASSERT_EQ(actual.size(), expected.size()) << "user " << user;
  for (std::size_t r = 0; r < expected.size(); ++r) {
    ASSERT_EQ(actual[r].item, expected[r].item) << "user " << user << ", place " << r;
    ASSERT_EQ(actual[r].score, expected[r].score) << "user " << user << ", place " << r;
  }
}

TEST_P(Ranking, EqualsAFullSort) {
  Communicator communicator;
  // More people than a tile holds, so that its edges are met too.
  const TinyGraph graph(communicator, random_dataset(150, 90, 0.08, 11), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  const UserItems validation = read_held_out(shard, graph.file(), Split::validation);
  const auto people = all_people(shard);
  for (const bool exclude_train : {true, false}) {
    for (const bool exclude_validation : {true, false}) {
      for (const std::int64_t k : {1, 10, 1000}) {
        RankingQuery query;
        query.k = k;
        query.people = people;
        query.exclude_history = exclude_train;
        query.also_exclude = exclude_validation ? &validation : nullptr;
        const RankedLists lists = rank_items(scorer, catalogue, query);
        ASSERT_EQ(lists.num_people(), shard.num_owned_users());
        for (const std::int32_t row : people) {
          const std::uint32_t user = shard.owned_users()[static_cast<std::size_t>(row)];
          expect_same(
              lists.of(row),
              naive.list(user, static_cast<std::size_t>(k), exclude_train, exclude_validation),
              user);
        }
      }
    }
  }
}

TEST_P(Ranking, CandidatesAndExclusions) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(20, 60, 0.3, 12), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  Catalogue catalogue(shard, graph.file());
  // 10 is cold and stays out even when asked for.
  catalogue.keep_only(std::vector<std::uint32_t>{59, 3, 3, 4, 10, 20, 22});
  catalogue.remove(std::vector<std::uint32_t>{4, 30});
  const std::set<std::uint32_t> only = {3, 20, 22, 59};
  EXPECT_EQ(catalogue.num_items(), 4u);
  const auto people = all_people(shard);
  RankingQuery query;
  query.k = 10;
  query.people = people;
  const RankedLists lists = rank_items(scorer, catalogue, query);
  for (const std::int32_t row : people) {
    const std::uint32_t user = shard.owned_users()[static_cast<std::size_t>(row)];
    expect_same(lists.of(row), naive.list(user, 10, true, false, &only), user);
  }
  catalogue.keep_only({});
  const RankedLists none = rank_items(scorer, catalogue, query);
  for (const std::int32_t row : people) EXPECT_TRUE(none.of(row).empty());
}

TEST_P(Ranking, SomePeopleInAnyOrder) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(40, 30, 0.15, 13), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  std::vector<std::int32_t> people;
  for (auto row = static_cast<std::int32_t>(shard.num_owned_users()) - 1; row >= 0; row -= 3) {
    people.insert(people.end(), {row, row});
  }
  RankingQuery query;
  query.k = 5;
  query.people = people;
  const RankedLists lists = rank_items(scorer, catalogue, query);
  for (std::size_t p = 0; p < people.size(); ++p) {
    const std::uint32_t user = shard.owned_users()[static_cast<std::size_t>(people[p])];
    expect_same(lists.of(static_cast<std::int64_t>(p)), naive.list(user, 5, true, false), user);
  }
}

// Rows that round in every product, each that of several items: these tie, wherever they stand.
TEST_P(Ranking, ItemsOfEqualRowsTieOnAnyRanks) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(60, 700, 0.2, 15), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  constexpr std::int64_t kWidth = 37;
  const Random random(5, Purpose::test);
  const auto number = [&](bool is_user, std::uint64_t node, std::int64_t c) {
    const auto index = static_cast<std::uint32_t>(2 * c + (is_user ? 1 : 0));
    return static_cast<float>(random.uniform(node, index) - 0.5);
  };
  Matrix<float> rows(shard.num_owned(), kWidth);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    const GlobalId id = shard.global_id(r);
    const bool is_user = id.kind() == NodeKind::user;
    for (std::int64_t c = 0; c < kWidth; ++c) {
      rows(r, c) = number(is_user, is_user ? id.index() : id.index() % 9, c);
    }
  }
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  const RankedLists lists = rank_everyone(scorer, catalogue, 700);
  for (const std::int32_t row : all_people(shard)) {
    if (scorer.is_served_by_popularity(row)) continue;
    const auto list = lists.of(row);
    for (std::size_t r = 1; r < list.size(); ++r) {
      const bool same_row = list[r - 1].item % 9 == list[r].item % 9;
      if (same_row) {
        ASSERT_EQ(list[r - 1].score, list[r].score);
      }
      ASSERT_TRUE(catalogue.before(list[r - 1], list[r]));
    }
    std::set<std::uint32_t> kinds;
    for (std::size_t r = 0; r < list.size(); ++r) {
      if (r == 0 || list[r - 1].item % 9 != list[r].item % 9) {
        EXPECT_TRUE(kinds.insert(list[r].item % 9).second) << "a kind of items stands twice";
      }
    }
  }
}

TEST_P(Ranking, ManyTilesOfPeopleAndItems) {
  Communicator communicator;
  // 2,500 items: several tiles, and two blocks of a wide row on one rank.
  const TinyGraph graph(communicator, random_dataset(3, 2500, 0.6, 14), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  Matrix<float> rows(shard.num_owned(), 300);  // padded with zeros: 1 MiB holds 873 items
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < kDim; ++c) rows(r, 60 * c) = coarse_number(shard.global_id(r), c);
  }
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  const RankedLists lists = rank_everyone(scorer, catalogue, 50);
  for (const std::int32_t row : all_people(shard)) {
    const std::uint32_t user = shard.owned_users()[static_cast<std::size_t>(row)];
    expect_same(lists.of(row), naive.list(user, 50, true, false), user);
  }
}

TEST_P(Ranking, ANonFiniteRowIsOneErrorOnEveryRank) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(30, 40, 0.2, 15), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Catalogue catalogue(shard, graph.file());
  const auto people = all_people(shard);
  RankingQuery query;
  query.k = 5;
  query.people = people;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const GlobalId where : {GlobalId(NodeKind::user, 2), GlobalId(NodeKind::item, 5)}) {
      Matrix<float> rows = coarse_rows(shard);
      for (std::int64_t r = 0; r < rows.rows(); ++r) {
        if (shard.global_id(r) == where) rows(r, 0) = bad;
      }
      EmbeddingScorer scorer(shard, rows.view());
      try {
        rank_items(scorer, catalogue, query);
        ADD_FAILURE() << "a non-finite score went unseen";
      } catch (const Error& error) {
        EXPECT_TRUE(error.everywhere());
        EXPECT_NE(std::string(error.what()).find("not a finite number"), std::string::npos);
      }
    }
  }
}

TEST_P(Ranking, SimilarItemsByCosine) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(30, 40, 0.2, 17), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  const Matrix<float> rows = coarse_rows(shard);
  const EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  for (const std::uint32_t item : {0u, 10u, 39u}) {
    const auto similar = scorer.similar_items(catalogue, item, 100);
    ASSERT_TRUE(similar.has_value());
    std::size_t expected = 0;
    for (std::uint32_t other = 0; other < 40; ++other) {
      expected += naive.degree[other] > 0 && other != item ? 1 : 0;
    }
    ASSERT_EQ(similar->size(), expected);
    for (std::size_t r = 0; r < similar->size(); ++r) {
      const RankedItem entry = (*similar)[r];
      double dot = 0, square = 0, other_square = 0;
      for (std::int64_t c = 0; c < kDim; ++c) {
        const double a = coarse_number({NodeKind::item, item}, c);
        const double b = coarse_number({NodeKind::item, entry.item}, c);
        dot += a * b;
        square += a * a;
        other_square += b * b;
      }
      const double length = std::sqrt(square * other_square);
      EXPECT_NEAR(entry.score, length > 0 ? dot / length : 0, 1e-6);
      EXPECT_NE(entry.item, item);
      if (r > 0) {
        EXPECT_GE((*similar)[r - 1].score, entry.score);
      }
    }
  }
}

TEST_P(Ranking, EvaluationEqualsANaiveOne) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(90, 70, 0.1, 18), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  const UserItems validation = read_held_out(shard, graph.file(), Split::validation);
  const UserItems test = read_held_out(shard, graph.file(), Split::test);
  EvaluationQuery query;
  query.ks = {10, 3};
  query.held_out = &test;
  query.also_exclude = &validation;
  std::vector<std::uint32_t> users_seen;
  std::vector<double> recalls;
  query.per_user = [&](const UserFigures& figures) {
    users_seen.push_back(figures.user);
    recalls.push_back(figures.at.all[1][Metric::recall]);
  };
  const Evaluation result = evaluate_ranking(scorer, catalogue, query);

  const auto held_out = items_by_user(graph.data(), Split::test);
  std::vector<std::uint32_t> users;
  std::vector<double> expected_recalls;
  MetricValues sums, warm_sums;
  std::uint64_t num_warm_users = 0, num_cold_users = 0, num_cold = 0;
  for (std::uint32_t u = 0; u < held_out.size(); ++u) {
    if (held_out[u].empty()) continue;
    users.push_back(u);
    num_cold_users += naive.train[u].empty() ? 1 : 0;
    std::vector<std::uint32_t> list, warm;
    for (const RankedItem& entry : naive.list(u, 10, true, true)) list.push_back(entry.item);
    for (const std::uint32_t item : held_out[u]) {
      if (naive.degree[item] > 0) warm.push_back(item);
    }
    num_cold += held_out[u].size() - warm.size();
    const MetricValues values = measure_list(list, held_out[u], 10);
    expected_recalls.push_back(values[Metric::recall]);
    for (std::size_t m = 0; m < kNumMetrics; ++m) sums.values[m] += values.values[m];
    if (warm.empty()) continue;
    ++num_warm_users;
    const MetricValues warm_values = measure_list(list, warm, 10);
    for (std::size_t m = 0; m < kNumMetrics; ++m) warm_sums.values[m] += warm_values.values[m];
  }
  ASSERT_GT(num_cold_users, 0u);
  ASSERT_GT(num_cold, 0u);
  EXPECT_EQ(result.num_users, users.size());
  EXPECT_EQ(result.num_warm_users, num_warm_users);
  EXPECT_EQ(result.num_cold_users, num_cold_users);
  EXPECT_EQ(result.num_cold_held_out, num_cold);
  ASSERT_EQ(result.at.size(), 2u);
  for (std::size_t m = 0; m < kNumMetrics; ++m) {
    EXPECT_NEAR(result.at[1].all.values[m], sums.values[m] / static_cast<double>(users.size()),
                1e-12);
    EXPECT_NEAR(result.at[1].warm.values[m],
                warm_sums.values[m] / static_cast<double>(num_warm_users), 1e-12);
  }
  if (communicator.is_root()) {
    EXPECT_EQ(users_seen, users);
    EXPECT_EQ(recalls, expected_recalls);
  } else {
    EXPECT_TRUE(users_seen.empty());
  }
}

TEST_P(Ranking, AFailingSinkFailsEveryRank) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(30, 40, 0.2, 19), TrainingPart::train,
                        GetParam());
  const Matrix<float> rows = coarse_rows(graph.shard());
  EmbeddingScorer scorer(graph.shard(), rows.view());
  const UserItems test = read_held_out(graph.shard(), graph.file(), Split::test);
  EvaluationQuery query;
  query.held_out = &test;
  query.per_user = [](const UserFigures&) { fail("the disk is full"); };
  const Catalogue catalogue(graph.shard(), graph.file());
  EXPECT_THROW(evaluate_ranking(scorer, catalogue, query), Error);
}

INSTANTIATE_TEST_SUITE_P(Deals, Ranking, testing::Values(Deal::scattered, Deal::all_on_last),
                         [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
