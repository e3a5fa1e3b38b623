// What lists' popularity weight climbs to, and what a run keeps of it.
#include "launch/popularity_choice.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "comm/check.hpp"
#include "launch/run_folder.hpp"
#include "tests/comm/temporary_folder.hpp"

namespace halorec {
namespace {

// Highest at `top`.
auto hill(double top) {
  return [top](double weight) { return -std::abs(weight - top); };
}

TEST(PopularityChoice, ClimbsToTheNearestRungEitherWay) {
  EXPECT_DOUBLE_EQ(choose_log_popularity(0.06, 0.12, hill(0.2)).weight, 0.18);
  EXPECT_DOUBLE_EQ(choose_log_popularity(0.06, 0.12, hill(10)).weight, 0.72);
  EXPECT_DOUBLE_EQ(choose_log_popularity(0.06, 0.12, hill(0.031)).weight, 0.03);
  EXPECT_DOUBLE_EQ(choose_log_popularity(0.06, 0.12, hill(-1)).weight, 0);
}

TEST(PopularityChoice, StaysWhereNeitherWayIsBetter) {
  const PopularityChoice choice = choose_log_popularity(0.06, 0.12, hill(0.061));
  EXPECT_DOUBLE_EQ(choice.weight, 0.06);
  ASSERT_EQ(choice.tried.size(), 3U);  // itself and its neighbours
  EXPECT_DOUBLE_EQ(choice.tried[1].weight, 0.09);
  EXPECT_DOUBLE_EQ(choice.tried[2].weight, 0.045);
}

TEST(PopularityChoice, TheStartNeedBeNoRung) {
  const PopularityChoice choice = choose_log_popularity(0.07, 0.1, hill(0.07));
  EXPECT_DOUBLE_EQ(choice.weight, 0.07);
  EXPECT_DOUBLE_EQ(choice.tried[1].weight, 0.075);
  EXPECT_DOUBLE_EQ(choice.tried[2].weight, 0.05);
}

TEST(PopularityChoice, EqualListsAreNoReasonToMove) {
  EXPECT_DOUBLE_EQ(choose_log_popularity(0.06, 0.12, [](double) { return 0.1; }).weight, 0.06);
}

// Sums over users in another order: a tie all the same.
TEST(PopularityChoice, RoundingIsNoReasonToMove) {
  double value = 0.5;
  const auto rounding = [&](double) { return value = std::nextafter(value, 1.0); };
  EXPECT_DOUBLE_EQ(choose_log_popularity(0.06, 0.12, rounding).weight, 0.06);
}

TEST(PopularityChoice, ARunKeepsIt) {
  const TemporaryFolder folder;
  const RunFolder run(folder.path());
  EXPECT_FALSE(read_popularity_choice(run).has_value());
  write_popularity_choice(run, choose_log_popularity(0.06, 0.12, hill(0.1)), "recall@20");
  EXPECT_DOUBLE_EQ(read_popularity_choice(run).value(), 0.09);
  // Of the result, once there is one.
  std::ofstream(run.metrics()) << "{\"log_popularity\": 0.09}";
  EXPECT_DOUBLE_EQ(read_popularity_choice(run).value(), 0.09);
  std::ofstream(run.lists()) << "{\"log_popularity\": 9}";
  EXPECT_THROW(read_popularity_choice(run), Error);
  std::filesystem::remove(run.lists());
  EXPECT_THROW(read_popularity_choice(run), Error);
  std::ofstream(run.lists()) << "{\"log_popularity\":";
  EXPECT_THROW(read_popularity_choice(run), Error);
}

}  // namespace
}  // namespace halorec
