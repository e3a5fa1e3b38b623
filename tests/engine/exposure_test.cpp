// The rank of one item for everybody, against a full sort of every score: ties, masks, cold users,
// several tiles, empty ranks.
#include "engine/exposure.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <set>

#include "engine/embedding_scorer.hpp"
#include "engine/ranking.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kDim = 4;

// Small whole numbers: products are exact in any order, and ties abound.
Matrix<float> coarse_rows(const Shard& shard) {
  const Random random(3, Purpose::test, 7);
  Matrix<float> rows(shard.num_owned(), kDim);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < kDim; ++c) {
      rows(r, c) = static_cast<float>(
                       random.below(4, shard.global_id(r).bits(), static_cast<std::uint32_t>(c))) -
                   1;
    }
  }
  return rows;
}

class ExposureTest : public testing::TestWithParam<Deal> {
 protected:
  // Compares with the places in whole lists of rank_items, which its own test holds to a full sort.
  static void check(Scorer& scorer, const Catalogue& catalogue, const ExposureQuery& query) {
    RankingQuery whole;
    whole.k = static_cast<std::int64_t>(catalogue.num_items());
    whole.people = query.people;
    whole.exclude_history = query.exclude_history;
    whole.also_exclude = query.also_exclude;
    const RankedLists lists = rank_items(scorer, catalogue, whole);
    std::vector<double> sums(query.ks.size() + 2, 0);
    for (std::int64_t p = 0; p < lists.num_people(); ++p) {
      const auto list = lists.of(p);
      for (std::size_t r = 0; r < list.size(); ++r) {
        if (list[r].item != query.item) continue;
        for (std::size_t j = 0; j < query.ks.size(); ++j) {
          sums[j] += static_cast<std::int64_t>(r) < query.ks[j] ? 1 : 0;
        }
        sums[query.ks.size()] += 1;
        sums.back() += static_cast<double>(r + 1);
      }
    }
    scorer.shard().communicator().sum(std::span<double>(sums));
    const Exposure exposure = measure_exposure(scorer, catalogue, query);
    const double people = sums[query.ks.size()];
    ASSERT_GT(people, 0);
    EXPECT_EQ(static_cast<double>(exposure.num_people), people);
    EXPECT_TRUE(exposure.is_candidate);
    for (std::size_t j = 0; j < query.ks.size(); ++j) {
      EXPECT_DOUBLE_EQ(exposure.shares[j], sums[j] / people);
    }
    EXPECT_DOUBLE_EQ(exposure.mean_rank, sums.back() / people);
  }
};

std::vector<std::int32_t> all_people(const Shard& shard) {
  std::vector<std::int32_t> people(static_cast<std::size_t>(shard.num_owned_users()));
  std::iota(people.begin(), people.end(), 0);
  return people;
}

TEST_P(ExposureTest, IsThePlaceInEverybodysWholeList) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(90, 70, 0.15, 18), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  const UserItems validation = read_held_out(shard, graph.file(), Split::validation);
  const auto people = all_people(shard);
  for (const std::uint32_t item : {0U, 7U, 68U}) {
    for (const bool exclude : {true, false}) {
      check(scorer, catalogue,
            {item, {1, 5, 20}, people, exclude, exclude ? &validation : nullptr});
    }
  }
}

TEST_P(ExposureTest, ManyTilesAndSomePeople) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(320, 1200, 0.3, 19), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Matrix<float> rows = coarse_rows(shard);
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, graph.file());
  const auto people = all_people(shard);
  check(scorer, catalogue, {1100, {10, 300}, people, true, nullptr});
  std::vector<std::int32_t> some;
  for (std::size_t p = 0; p < people.size(); p += 3) some.push_back(people[p]);
  check(scorer, catalogue, {600, {10, 300}, some, true, nullptr});
}

TEST_P(ExposureTest, OfListsThatKeepPlacesForColdItems) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(90, 70, 0.15, 18), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Matrix<float> rows = coarse_rows(shard);
  const UserItems validation = read_held_out(shard, graph.file(), Split::validation);
  const auto people = all_people(shard);
  std::set<bool> kinds;
  for (const bool serves_cold_users : {false, true}) {
    EmbeddingScorer scorer(shard, rows.view(), {serves_cold_users, true});
    for (const double share : {0.01, 0.2, 0.29, 1.0}) {
      Catalogue catalogue(shard, graph.file(), Candidates::all);
      catalogue.keep_places(ColdPlaces(share));
      for (std::uint32_t item = 0; item < 70; item += 3) {
        kinds.insert(shard.item_degree(item) > 0);
        check(scorer, catalogue, {item, {1, 5, 20}, people, true, &validation});
      }
    }
  }
  EXPECT_EQ(kinds.size(), 2U);
}

TEST_P(ExposureTest, AnItemThatNobodyTrainedOnIsInNoList) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(30, 40, 0.2, 20), TrainingPart::train,
                        GetParam());
  const Matrix<float> rows = coarse_rows(graph.shard());
  EmbeddingScorer scorer(graph.shard(), rows.view());
  const Catalogue catalogue(graph.shard(), graph.file());
  const auto people = all_people(graph.shard());
  const Exposure exposure = measure_exposure(scorer, catalogue, {10, {5}, people, true, nullptr});
  EXPECT_FALSE(exposure.is_candidate);
  EXPECT_EQ(exposure.num_people, 0U);
  EXPECT_EQ(exposure.shares, std::vector<double>{0});
}

TEST_P(ExposureTest, ANonFiniteScoreIsAnErrorEverywhere) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(30, 40, 0.2, 21), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Catalogue catalogue(shard, graph.file());
  const auto people = all_people(shard);
  for (const GlobalId where : {GlobalId(NodeKind::item, 3), GlobalId(NodeKind::item, 5)}) {
    Matrix<float> rows = coarse_rows(shard);
    for (std::int64_t r = 0; r < rows.rows(); ++r) {
      if (shard.global_id(r) == where) rows(r, 0) = std::numeric_limits<float>::quiet_NaN();
    }
    EmbeddingScorer scorer(shard, rows.view());
    EXPECT_THROW(measure_exposure(scorer, catalogue, {5, {5}, people, true, nullptr}), Error);
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, ExposureTest,
                         testing::Values(Deal::scattered, Deal::reordered, Deal::all_on_last));

}  // namespace
}  // namespace halorec
