// Places that lists keep for cold items: which they are, and lists against ones put together by
// hand from a full sort of each kind.
#include "engine/cold_places.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/embedding_scorer.hpp"
#include "engine/ranking.hpp"
#include "tests/engine/coarse_number.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

TEST(ColdPlacesTest, AreSpreadEvenly) {
  const auto places_of = [](double share, std::int64_t length) {
    std::vector<std::int64_t> places;
    for (std::int64_t place = 1; place <= length; ++place) {
      if (ColdPlaces(share).at(place)) places.push_back(place);
    }
    return places;
  };
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(places_of(0.1, 30), (List{10, 20, 30}));
  EXPECT_EQ(places_of(0.15, 20), (List{7, 14, 20}));
  EXPECT_EQ(places_of(1, 3), (List{1, 2, 3}));
  EXPECT_EQ(places_of(0.05, 19), List{});
  // As binary fractions these shares are a little less than what they are written as.
  EXPECT_EQ(ColdPlaces(0.29).among(100), 29);
  EXPECT_EQ(ColdPlaces(0.57).among(100), 57);
  EXPECT_FALSE(ColdPlaces().any());
}

TEST(ColdPlacesTest, PlaceOfIsWhereMergedListsHaveIt) {
  for (const double share : {0.01, 0.1, 0.29, 1.0 / 3, 0.5, 0.99, 1.0}) {
    const ColdPlaces places(share);
    for (const std::int64_t num_warm : {0, 1, 7, 300}) {
      for (const std::int64_t num_cold : {0, 1, 5, 250}) {
        std::int64_t warm = 0, cold = 0;
        for (std::int64_t place = 1; place <= num_warm + num_cold; ++place) {
          const bool is_cold = (places.at(place) && cold < num_cold) || warm == num_warm;
          const std::int64_t n = is_cold ? ++cold : ++warm;
          ASSERT_EQ(places.place_of(n, is_cold, is_cold ? num_warm : num_cold), place)
              << share << ", " << num_warm << " warm, " << num_cold << " cold";
        }
      }
    }
  }
}

constexpr std::int64_t kDim = 5;

class ListsWithColdPlaces : public testing::TestWithParam<Deal> {};

TEST_P(ListsWithColdPlaces, TakeTheBestOfEachKind) {
  Communicator communicator;
  constexpr std::uint32_t kItems = 90;
  const TinyGraph graph(communicator, random_dataset(150, kItems, 0.04, 11), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  Matrix<float> rows(shard.num_owned(), kDim);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < kDim; ++c) rows(r, c) = coarse_number(shard.global_id(r), c);
  }
  const auto train = items_by_user(graph.data(), Split::train);
  // Of one kind, best first.
  const auto sorted = [&](std::uint32_t user, bool warm, bool by_popularity) {
    std::vector<std::pair<float, std::uint32_t>> list;
    for (std::uint32_t i = 0; i < kItems; ++i) {
      if ((shard.item_degree(i) > 0) != warm) continue;
      if (std::binary_search(train[user].begin(), train[user].end(), i)) continue;
      float score = 0;
      for (std::int64_t c = 0; c < kDim; ++c) {
        score += coarse_number({NodeKind::user, user}, c) * coarse_number({NodeKind::item, i}, c);
      }
      list.emplace_back(by_popularity ? static_cast<float>(shard.item_degree(i)) : score, i);
    }
    std::sort(list.begin(), list.end(), [&](const auto& a, const auto& b) {
      if (a.first != b.first) return a.first > b.first;
      return hash_bytes(graph.data().items[a.second]) < hash_bytes(graph.data().items[b.second]);
    });
    return list;
  };
  std::vector<std::int32_t> people;
  for (std::int32_t row = 0; row < shard.num_owned_users(); ++row) people.push_back(row);
  std::int64_t num_at_kept_places = 0;
  for (const bool serves_cold_users : {false, true}) {
    EmbeddingScorer scorer(shard, rows.view(), {serves_cold_users, true});
    for (const double share : {0.01, 0.15, 0.5, 1.0}) {
      Catalogue catalogue(shard, graph.file(), Candidates::all);
      catalogue.keep_places(ColdPlaces(share));
      for (const std::int64_t k : {1, 20, 1000}) {
        RankingQuery query;
        query.k = k;
        query.people = people;
        const RankedLists lists = rank_items(scorer, catalogue, query);
        for (const std::int32_t row : people) {
          const std::uint32_t user = shard.owned_users()[static_cast<std::size_t>(row)];
          const bool by_popularity = train[user].empty() && !serves_cold_users;
          auto warm = sorted(user, true, by_popularity);
          auto cold = sorted(user, false, by_popularity);
          std::vector<std::uint32_t> expected;
          while (std::ssize(expected) < k && !(warm.empty() && cold.empty())) {
            const std::int64_t place = std::ssize(expected) + 1;
            const bool kept = !by_popularity && ColdPlaces(share).at(place);
            auto& from = (kept && !cold.empty()) || warm.empty() ? cold : warm;
            num_at_kept_places += kept && &from == &cold;
            expected.push_back(from.front().second);
            from.erase(from.begin());
          }
          std::vector<std::uint32_t> list;
          for (const RankedItem& entry : lists.of(row)) list.push_back(entry.item);
          ASSERT_EQ(list, expected) << "user " << user << ", share " << share << ", k " << k;
        }
      }
    }
  }
  EXPECT_GT(communicator.sum(num_at_kept_places), 0);
}

TEST_P(ListsWithColdPlaces, WithoutCandidatesOfOneKindTheOtherHasAllPlaces) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(30, 90, 0.05, 12), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  Matrix<float> rows(shard.num_owned(), kDim);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < kDim; ++c) rows(r, c) = coarse_number(shard.global_id(r), c);
  }
  EmbeddingScorer scorer(shard, rows.view(), {true, true});
  std::vector<std::int32_t> people;
  for (std::int32_t row = 0; row < shard.num_owned_users(); ++row) people.push_back(row);
  RankingQuery query;
  query.k = 4;
  query.people = people;
  for (const Candidates candidates : {Candidates::warm, Candidates::cold}) {
    Catalogue catalogue(shard, graph.file(), candidates);
    const RankedLists plain = rank_items(scorer, catalogue, query);
    catalogue.keep_places(ColdPlaces(0.5));
    const RankedLists kept = rank_items(scorer, catalogue, query);
    for (const std::int32_t row : people) {
      const auto a = plain.of(row), b = kept.of(row);
      ASSERT_EQ(a.size(), 4U);
      ASSERT_EQ(b.size(), 4U);
      for (std::size_t r = 0; r < 4; ++r) EXPECT_EQ(a[r].item, b[r].item);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, ListsWithColdPlaces,
                         testing::Values(Deal::scattered, Deal::reordered, Deal::all_on_last));

}  // namespace
}  // namespace halorec
