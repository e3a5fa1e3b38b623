// Metrics by hand, and means over ranks that hold different users.
#include "engine/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace halorec {
namespace {

using Items = std::vector<std::uint32_t>;

TEST(Metrics, OneListByHand) {
  // Hits at the second and fourth place; three items held out.
  const MetricValues at4 = measure_list(Items{9, 3, 8, 5, 2}, Items{2, 3, 5}, 4);
  EXPECT_DOUBLE_EQ(at4[Metric::recall], 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(at4[Metric::precision], 2.0 / 4.0);
  const double gain = 1 / std::log2(3.0) + 1 / std::log2(5.0);
  const double ideal = 1 + 1 / std::log2(3.0) + 1 / std::log2(4.0);
  EXPECT_DOUBLE_EQ(at4[Metric::ndcg], gain / ideal);
  EXPECT_DOUBLE_EQ(at4[Metric::hit_rate], 1);
  EXPECT_DOUBLE_EQ(at4[Metric::mrr], 0.5);
  EXPECT_DOUBLE_EQ(at4[Metric::map], (1.0 / 2 + 2.0 / 4) / 3);
}

TEST(Metrics, TheIdealIsOverTheHeldOutItemsNotOverTheHits) {
  // One hit at the top out of three: an ideal over the hits would call this perfect.
  const MetricValues at3 = measure_list(Items{1, 7, 8}, Items{1, 2, 3}, 3);
  EXPECT_NEAR(at3[Metric::ndcg], 1 / (1 + 0.6309297535714574 + 0.5), 1e-12);
}

TEST(Metrics, TheIdealIsCutAtK) {
  const MetricValues at2 = measure_list(Items{1, 2, 8}, Items{1, 2, 3, 4, 5}, 2);
  EXPECT_DOUBLE_EQ(at2[Metric::ndcg], 1);
  EXPECT_DOUBLE_EQ(at2[Metric::map], 1);
  EXPECT_DOUBLE_EQ(at2[Metric::recall], 0.4);
}

TEST(Metrics, AShortListIsMeasuredAsIfFilledWithMisses) {
  const MetricValues at10 = measure_list(Items{4}, Items{4}, 10);
  EXPECT_DOUBLE_EQ(at10[Metric::precision], 0.1);
  EXPECT_DOUBLE_EQ(at10[Metric::recall], 1);
  EXPECT_DOUBLE_EQ(at10[Metric::ndcg], 1);
}

TEST(Metrics, NoHitAndNoList) {
  for (const Items& list : {Items{7, 8}, Items{}}) {
    for (const double value : measure_list(list, Items{1}, 5).values) EXPECT_EQ(value, 0);
  }
}

TEST(Metrics, MeansOverRanks) {
  Communicator communicator;
  const std::vector<std::int64_t> ks = {2, 1, 2};
  MetricSums sums(ks, 10);
  EXPECT_EQ(std::vector<std::int64_t>(sums.ks().begin(), sums.ks().end()),
            (std::vector<std::int64_t>{1, 2}));
  // Rank 0 holds three users, the others none: as when a rank's users have nothing held out.
  if (communicator.is_root()) {
    sums.add(Items{1, 2}, Items{2}, Items{2}, false);             // a hit at 2
    sums.add(Items{3, 1}, Items{3, 9}, Items{3}, false);          // a hit at 1, and a cold item
    const auto last = sums.add(Items{1, 4}, Items{9}, {}, true);  // nothing warm
    ASSERT_EQ(last.all.size(), 2u);
    EXPECT_EQ(last.all[1][Metric::recall], 0);
    EXPECT_TRUE(last.warm.empty());
    EXPECT_EQ(last.cold.size(), 2u);
  }
  const Evaluation result = sums.reduce(communicator, 8);
  EXPECT_EQ(result.num_users, 3u);
  EXPECT_EQ(result.num_warm_users, 2u);
  EXPECT_EQ(result.num_users_of_cold, 2u);
  EXPECT_EQ(result.num_cold_users, 1u);
  EXPECT_EQ(result.num_held_out, 4u);
  EXPECT_EQ(result.num_cold_held_out, 2u);
  EXPECT_DOUBLE_EQ(result.value(Metric::recall, 1), 0.5 / 3);
  EXPECT_DOUBLE_EQ(result.value(Metric::recall, 2), 1.5 / 3);
  EXPECT_DOUBLE_EQ(result.at[1].warm[Metric::recall], 2.0 / 2);
  EXPECT_DOUBLE_EQ(result.at[1].cold[Metric::recall], 0);
  EXPECT_DOUBLE_EQ(result.at[1].warm_user[Metric::recall], 1.5 / 2);
  EXPECT_DOUBLE_EQ(result.at[1].cold_user[Metric::recall], 0);
  EXPECT_DOUBLE_EQ(result.at[0].coverage, 2.0 / 8);
  EXPECT_DOUBLE_EQ(result.at[1].coverage, 4.0 / 8);
  EXPECT_THROW(result.value(Metric::recall, 5), Error);
  const auto named = result.named_values();
  EXPECT_EQ(named.front().first, "recall@1");
  EXPECT_EQ(named.back().first, "coverage@2");
  EXPECT_EQ(named.size(), 5 * 2 * kNumMetrics + 2);
}

TEST(Metrics, NobodyEvaluatedIsZeroNotNan) {
  Communicator communicator;
  const std::vector<std::int64_t> ks = {20};
  const Evaluation result = MetricSums(ks, 3).reduce(communicator, 0);
  for (const auto& [name, value] : result.named_values()) EXPECT_EQ(value, 0) << name;
}

}  // namespace
}  // namespace halorec
