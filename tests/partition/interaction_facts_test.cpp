// Weights and times of interactions at both of their ends, and the graphs that are made of them, on
// any number of ranks against the data set itself.
#include "partition/interaction_facts.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "tests/dated_dataset.hpp"

namespace halorec {
namespace {

using Key = std::pair<std::uint32_t, std::uint32_t>;  // user, item

// The entries of a graph that this rank holds by each end: of user rows, and of item rows.
struct Entries {
  std::map<Key, float> by_user, by_item;
};

Entries entries_of(const Shard& shard, const Adjacency& graph) {
  Entries entries;
  // Ids of ghosts: owners tell them.
  std::vector<double> ids;
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) ids.push_back(shard.global_id(r).index());
  HaloExchange<double> exchange(*graph.halo);
  exchange.start_gather(ids.data(), 1, 1);
  const double* ghosts = exchange.finish_gather();
  for (const bool is_cross : {false, true}) {
    const Csr& matrix = is_cross ? graph.cross : graph.local;
    for (std::int64_t r = 0; r < matrix.num_rows(); ++r) {
      const GlobalId own = shard.global_id(r);
      for (auto e = static_cast<std::size_t>(matrix.row_begin[static_cast<std::size_t>(r)]);
           e < static_cast<std::size_t>(matrix.row_begin[static_cast<std::size_t>(r) + 1]); ++e) {
        const auto column = static_cast<std::size_t>(matrix.column[e]);
        const auto far = static_cast<std::uint32_t>(is_cross ? ghosts[column] : ids[column]);
        if (own.kind() == NodeKind::user) {
          entries.by_user[{own.index(), far}] = matrix.value[e];
        } else {
          entries.by_item[{far, own.index()}] = matrix.value[e];
        }
      }
    }
  }
  return entries;
}

std::uint64_t count(Communicator& world, const std::map<Key, float>& entries) {
  return world.sum(std::uint64_t{entries.size()});
}

class InteractionFactsTest : public testing::TestWithParam<std::tuple<TrainingPart, Deal>> {
 protected:
  TrainingPart part() const { return std::get<0>(GetParam()); }
  Communicator world_;
  TinyGraph graph_{world_, dated_dataset(50, 40, 0.2, 3), part(), std::get<1>(GetParam())};
  const Shard& shard_ = graph_.shard();

  // weight, time
  std::map<Key, std::pair<double, std::int64_t>> known() const {
    std::map<Key, std::pair<double, std::int64_t>> edges;
    for (int s = 0; s < (part() == TrainingPart::train ? 1 : 2); ++s) {
      const Interactions& in = graph_.data()[static_cast<Split>(s)];
      for (std::size_t k = 0; k < in.user.size(); ++k) {
        auto& [weight, time] = edges[{in.user[k], in.item[k]}];
        weight += static_cast<double>(in.weight[k]);
        time = std::max(time, in.time[k]);
      }
    }
    return edges;
  }
};

TEST_P(InteractionFactsTest, BothEndsKnowSummedWeightsAndNewestTimes) {
  const InteractionFacts facts(shard_, graph_.file(), part());
  const auto expected = known();
  std::uint64_t seen = 0;
  const auto check = [&](std::uint32_t user, std::uint32_t item, const InteractionFacts::Row& row,
                         std::size_t e) {
    const auto& [weight, time] = expected.at({user, item});
    EXPECT_FLOAT_EQ(row.weight[e], static_cast<float>(weight));
    EXPECT_EQ(row.time[e], time);
    ++seen;
  };
  for (std::int64_t u = 0; u < shard_.num_owned_users(); ++u) {
    const auto row = facts.of_user(u);
    ASSERT_TRUE(std::equal(row.far_end.begin(), row.far_end.end(), shard_.items_of(u).begin()));
    for (std::size_t e = 0; e < row.far_end.size(); ++e) {
      check(shard_.owned_users()[static_cast<std::size_t>(u)], row.far_end[e], row, e);
    }
  }
  for (std::int64_t i = 0; i < shard_.num_owned_items(); ++i) {
    const auto row = facts.of_item(i);
    EXPECT_TRUE(std::is_sorted(row.far_end.begin(), row.far_end.end()));
    for (std::size_t e = 0; e < row.far_end.size(); ++e) {
      check(row.far_end[e], shard_.owned_items()[static_cast<std::size_t>(i)], row, e);
    }
  }
  EXPECT_EQ(world_.sum(seen), 2 * expected.size());
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = 0;
  for (const auto& [key, facts_of] : expected) {
    first = std::min(first, facts_of.second);
    last = std::max(last, facts_of.second);
  }
  EXPECT_EQ(facts.first_time(), first);
  EXPECT_EQ(facts.last_time(), last);
  EXPECT_EQ(facts.num_without_weight(), 0U);
  EXPECT_GE(facts.smallest_weight(), 0.5F);
  EXPECT_GT(facts.largest_weight(), facts.smallest_weight());
}

TEST_P(InteractionFactsTest, AnEdgeWeighsTheSameAtBothEnds) {
  const InteractionFacts facts(shard_, graph_.file(), part());
  constexpr double kHalfLife = 9 * 86400;
  for (const WeightRule rule : {WeightRule::one, WeightRule::rating, WeightRule::log1p}) {
    const Adjacency graph = weighted_adjacency(facts, rule, kHalfLife);
    const Entries entries = entries_of(shard_, graph);
    const auto expected = known();
    EXPECT_EQ(count(world_, entries.by_user), expected.size());
    EXPECT_EQ(count(world_, entries.by_item), expected.size());
    for (const auto* of_end : {&entries.by_user, &entries.by_item}) {
      for (const auto& [key, value] : *of_end) {
        const auto& [weight, time] = expected.at(key);
        const double by_rule = rule == WeightRule::one      ? 1
                               : rule == WeightRule::rating ? weight
                                                            : std::log1p(weight);
        const double age = static_cast<double>(facts.last_time() - time);
        EXPECT_EQ(value, static_cast<float>(by_rule * std::exp2(-age / kHalfLife)));
      }
    }
  }
}

TEST_P(InteractionFactsTest, SlicesShareTheInteractionsOut) {
  const InteractionFacts facts(shard_, graph_.file(), part());
  constexpr std::int64_t kSlices = 5;
  const std::vector<Adjacency> slices = time_slices(facts, kSlices);
  ASSERT_EQ(std::ssize(slices), kSlices);
  const auto expected = known();
  const auto span = static_cast<double>(facts.last_time() - facts.first_time());
  std::uint64_t total = 0;
  for (std::int64_t s = 0; s < kSlices; ++s) {
    const Entries entries = entries_of(shard_, slices[static_cast<std::size_t>(s)]);
    EXPECT_EQ(count(world_, entries.by_user), count(world_, entries.by_item));
    total += count(world_, entries.by_user);
    for (const auto* of_end : {&entries.by_user, &entries.by_item}) {
      for (const auto& [key, value] : *of_end) {
        EXPECT_EQ(value, 1.0F);
        const auto at = static_cast<double>(expected.at(key).second - facts.first_time()) / span;
        EXPECT_GE(at, static_cast<double>(s) / kSlices - 1e-9);
        EXPECT_LE(at, static_cast<double>(s + 1) / kSlices + 1e-9);
      }
    }
  }
  EXPECT_EQ(total, expected.size());
}

INSTANTIATE_TEST_SUITE_P(
    Deals, InteractionFactsTest,
    testing::Combine(testing::Values(TrainingPart::train, TrainingPart::train_and_validation),
                     testing::Values(Deal::scattered, Deal::all_on_last)),
    [](const auto& one) {
      return std::string(std::get<0>(one.param) == TrainingPart::train ? "Train" : "Both") +
             (std::get<1>(one.param) == Deal::scattered ? "Scattered" : "AllOnLast");
    });

TEST(Decay, HalvesAndStopsAtFortyHalfLives) {
  EXPECT_DOUBLE_EQ(decayed(0, 30), 1);
  EXPECT_DOUBLE_EQ(decayed(30, 30), 0.5);
  EXPECT_DOUBLE_EQ(decayed(15, 30), std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(decayed(1e9, 30), std::exp2(-40));
  EXPECT_DOUBLE_EQ(decayed(1e9, std::numeric_limits<double>::infinity()), 1);
}

TEST(InteractionFactsOf, DataWithoutTimesKnowsWeightsAlone) {
  Communicator world;
  const TinyGraph graph(world, random_dataset(20, 15, 0.3, 1));
  const InteractionFacts facts(graph.shard(), graph.file(), TrainingPart::train);
  EXPECT_FALSE(facts.has_times());
  EXPECT_EQ(facts.first_time(), 0);
  EXPECT_EQ(facts.last_time(), 0);
  EXPECT_EQ(facts.smallest_weight(), 1.0F);
}

}  // namespace
}  // namespace halorec
