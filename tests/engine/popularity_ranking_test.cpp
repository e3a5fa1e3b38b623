// Where popularity ranks: beside the rows, and for strangers and guests of whom nothing is known;
// and guests with a history.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>

#include "engine/embedding_scorer.hpp"
#include "engine/ranking.hpp"
#include "tests/engine/naive_ranking.hpp"

namespace halorec {
namespace {

// What popularity counts beside rows, for users and for guests; and rows that hold it.
TEST_P(Ranking, PopularityCountsBesideRows) {
  constexpr double kCounts = 0.3;
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(40, 30, 0.15, 13), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view(), {}, kCounts), by_rows(shard, rows.view());
  // Twice as popular as training says.
  auto popularity = std::make_shared<std::vector<float>>();
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) {
    popularity->push_back(2 * static_cast<float>(shard.item_degree(i)));
  }
  scorer.set_popularity(popularity);
  by_rows.set_popularity(popularity);
  const Matrix<float> wide = rows_with_popularity(scorer, rows.view(), kCounts);
  EmbeddingScorer by_wide_rows(shard, wide.view());
  for (EmbeddingScorer* one : {&scorer, &by_rows}) one->set_guests({{1, 7, 20}});
  const Catalogue catalogue(shard, graph.file());
  auto people = all_people(shard);
  RankingQuery query;
  query.k = 30;
  const auto by_item = [](std::span<const RankedItem> list) {
    std::map<std::uint32_t, double> scores;
    for (const RankedItem& entry : list) scores[entry.item] = static_cast<double>(entry.score);
    return scores;
  };
  query.people = people;
  const RankedLists expected = rank_items(by_wide_rows, catalogue, query);
  people.push_back(static_cast<std::int32_t>(shard.num_owned_users()));  // the guest
  query.people = people;
  const RankedLists lists = rank_items(scorer, catalogue, query);
  const RankedLists plain = rank_items(by_rows, catalogue, query);
  std::int64_t num_moved = 0;
  for (const std::int32_t person : people) {
    const bool is_guest = person == shard.num_owned_users();
    const auto scores = by_item(lists.of(person)), inner = by_item(plain.of(person));
    ASSERT_EQ(scores.size(), inner.size());
    if (scorer.is_served_by_popularity(person)) {
      EXPECT_EQ(scores, inner);
      continue;
    }
    double squares = 0;
    for (std::int64_t c = 0; c < kDim; ++c) {
      squares += std::pow(static_cast<double>(scorer.row_of(person)[c]), 2);
    }
    for (const auto& [item, score] : scores) {
      const double added = kCounts * std::sqrt(squares) * std::log(2 * shard.item_degree(item));
      EXPECT_NEAR(score, inner.at(item) + added, 1e-5);
      num_moved += added > 0 ? 1 : 0;
    }
    if (is_guest) continue;
    for (const auto& [item, score] : by_item(expected.of(person))) {
      EXPECT_NEAR(score, scores.at(item), 1e-5);
    }
  }
  EXPECT_GT(communicator.sum(num_moved), 100);
}

// People of whom nothing is known are served by the popularity that the scorer was given.
TEST_P(Ranking, PopularityCanBeReplaced) {
  Communicator communicator;
  Dataset data = random_dataset(20, 30, 0.3, 12);
  data.users.push_back("a stranger");
  const TinyGraph graph(communicator, std::move(data), TrainingPart::train, GetParam());
  const Shard& shard = graph.shard();
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  const RankedLists before = rank_everyone(scorer, catalogue, 30);
  auto popularity = std::make_shared<std::vector<float>>();
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) {
    popularity->push_back(static_cast<float>(i * 7 % 30) / 2);
  }
  scorer.set_popularity(popularity);
  const RankedLists after = rank_everyone(scorer, catalogue, 30);
  std::int64_t num_strangers = 0;
  for (const std::int32_t row : all_people(shard)) {
    const auto list = after.of(row);
    if (!scorer.is_served_by_popularity(row)) {
      EXPECT_TRUE(std::equal(list.begin(), list.end(), before.of(row).begin(), before.of(row).end(),
                             [](const RankedItem& a, const RankedItem& b) {
                               return a.item == b.item && a.score == b.score;
                             }));
      continue;
    }
    ++num_strangers;
    ASSERT_FALSE(list.empty());
    for (std::size_t k = 0; k < list.size(); ++k) {
      EXPECT_EQ(list[k].score, (*popularity)[list[k].item]);
      if (k > 0) {
        EXPECT_GT(list[k - 1].score, list[k].score);
      }
    }
  }
  EXPECT_GT(communicator.sum(num_strangers), 0);
}

TEST_P(Ranking, AGuestIsRankedFromAHistory) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(30, 40, 0.2, 16), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  scorer.set_guests({{7, 3, 7, 10}, {}, {10}});  // 10 is cold
  const auto first = static_cast<std::int32_t>(shard.num_owned_users());
  const std::vector<std::int32_t> people = {first, first + 1, first + 2};
  RankingQuery query;
  query.k = 40;
  query.people = people;
  const RankedLists lists = rank_items(scorer, catalogue, query);

  std::vector<double> row(kDim, 0);
  for (const std::uint32_t item : {3u, 7u}) {
    for (std::int64_t c = 0; c < kDim; ++c) {
      row[static_cast<std::size_t>(c)] +=
          coarse_number({NodeKind::item, item}, c) / std::sqrt(2.0 * naive.degree[item]);
    }
  }
  const auto of_first = lists.of(0);
  std::size_t num_warm = 0;
  for (const std::uint32_t degree : naive.degree) num_warm += degree > 0 ? 1 : 0;
  EXPECT_EQ(of_first.size(), num_warm - 2);
  for (std::size_t r = 0; r < of_first.size(); ++r) {
    EXPECT_NE(of_first[r].item, 3u);
    EXPECT_NE(of_first[r].item, 7u);
    double score = 0;
    for (std::int64_t c = 0; c < kDim; ++c) {
      score +=
          row[static_cast<std::size_t>(c)] * coarse_number({NodeKind::item, of_first[r].item}, c);
    }
    EXPECT_NEAR(of_first[r].score, score, 1e-5);
    if (r > 0) {
      EXPECT_GE(of_first[r - 1].score, of_first[r].score);
    }
  }
  // Without history, popularity serves.
  EXPECT_EQ(lists.of(1).size(), num_warm);
  for (const RankedItem& entry : lists.of(1)) {
    EXPECT_EQ(entry.score, static_cast<float>(naive.degree[entry.item]));
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, Ranking, testing::Values(Deal::scattered, Deal::all_on_last),
                         [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
