// A user's own items beside the inner product, against a naive version, on any number of ranks.
#include "models/own_repeats.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "engine/ranking.hpp"
#include "tests/dated_dataset.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kUsers = 60, kItems = 40;
constexpr std::int64_t kDim = 4;
constexpr double kWeight = 0.8;

using Row = std::array<float, kDim>;

// A node's row, the same on any rank.
Row row_of(GlobalId id) {
  Row row;
  for (std::size_t c = 0; c < row.size(); ++c) {
    const double x = id.index() * 1.7 + (id.kind() == NodeKind::item ? 0.3 : 0.9);
    row[c] = static_cast<float>(std::sin(x * static_cast<double>(c + 1)));
  }
  return row;
}

double inner(const Row& x, const Row& y) {
  double sum = 0;
  for (std::size_t c = 0; c < x.size(); ++c) sum += static_cast<double>(x[c]) * y[c];
  return sum;
}
double length(const Row& x) {
  return std::sqrt(inner(x, x));
}

class OwnRepeatsTest : public testing::TestWithParam<Deal> {};

TEST_P(OwnRepeatsTest, ScoresEqualNaiveOnes) {
  Communicator communicator;
  Dataset source = dated_dataset(kUsers, kItems, 0.15, 31);
  source.protocol.keep_repeats = true;
  const TinyGraph graph(communicator, std::move(source), TrainingPart::train_and_validation,
                        GetParam());
  const Shard& shard = graph.shard();
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> newest;
  std::int64_t last = 0;
  for (const Split split : {Split::train, Split::validation}) {
    const Interactions& in = graph.data()[split];
    for (std::size_t k = 0; k < in.user.size(); ++k) {
      std::int64_t& time = newest[{in.user[k], in.item[k]}];
      time = std::max(time, in.time[k]);
      last = std::max(last, time);
    }
  }
  double sum = 0, number = 0;
  for (std::uint32_t i = 0; i < kItems; ++i) {
    if (shard.item_degree(i) == 0) continue;
    sum += length(row_of({NodeKind::item, i}));
    number += 1;
  }
  const double item_length = sum / number;
  Matrix<float> rows(shard.num_owned(), kDim);
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    const Row row = row_of(shard.global_id(r));
    std::copy(row.begin(), row.end(), rows.row(r));
  }
  const InteractionFacts facts(shard, graph.file(), TrainingPart::train_and_validation);
  for (const double half_life : {86400.0, std::numeric_limits<double>::infinity()}) {
    auto plain = std::make_unique<EmbeddingScorer>(shard, rows.view(), ColdRows{});
    const EmbeddingScorer& by_rows = *plain;
    RepeatScorer scorer(shard, rows.view(), std::move(plain), by_rows,
                        std::make_shared<OwnRepeats>(facts, half_life, kWeight));
    const std::vector<std::uint32_t> history = {1, 7, 30};
    scorer.set_guests({history});
    RankingQuery query;
    query.k = kItems;
    query.exclude_history = false;
    std::vector<std::int32_t> people;  // and the guest, whom the last row is
    for (std::int32_t r = 0; r <= shard.num_owned_users(); ++r) people.push_back(r);
    query.people = people;
    const RankedLists lists =
        rank_items(scorer, Catalogue(shard, graph.file(), Candidates::warm), query);
    std::int64_t num_own = 0;
    for (const std::int32_t person : people) {
      if (scorer.is_served_by_popularity(person)) continue;
      const bool is_guest = person == shard.num_owned_users();
      const std::uint32_t user =
          is_guest ? 0 : shard.owned_users()[static_cast<std::size_t>(person)];
      Row own_row{};
      std::copy_n(by_rows.row_of(person), kDim, own_row.begin());
      if (!is_guest) {
        EXPECT_EQ(own_row, row_of({NodeKind::user, user}));
      }
      for (const RankedItem& ranked : lists.of(person)) {
        double counts = 0;
        if (is_guest) {
          counts = std::count(history.begin(), history.end(), ranked.item) > 0 ? 1 : 0;
        } else if (const auto own = newest.find({user, ranked.item}); own != newest.end()) {
          counts = std::exp2(-std::min(40.0, static_cast<double>(last - own->second) / half_life));
        }
        num_own += counts > 0 ? 1 : 0;
        const double expected = inner(own_row, row_of({NodeKind::item, ranked.item})) +
                                item_length * length(own_row) * kWeight * counts;
        EXPECT_NEAR(ranked.score, expected, 1e-5);
      }
    }
    EXPECT_GT(communicator.sum(num_own), 100);
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, OwnRepeatsTest, testing::Values(Deal::scattered, Deal::all_on_last),
                         [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
