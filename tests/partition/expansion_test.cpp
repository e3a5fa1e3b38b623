// The fractal expansion of a dataset: copies of edges that are there, thinned by the factor.
#include <cmath>
#include <map>
#include <set>

#include "partition/synthetic/edge_source.hpp"
#include "tests/partition/generated.hpp"

namespace halorec {
namespace {

class Expansion : public testing::Test {
 protected:
  Expansion() {
    SyntheticOptions options = options_of(400, 300, 8000);
    base_ = generate(options);
    save_dataset(base_, folder_ / "base.h5");
    options_.kind = "expand";
    options_.expand = folder_ / "base.h5";
    options_.factor = {3, 2};
    options_.seed = 4;
    for (const Row& row : all_rows(base_)) {
      time_of_[{std::get<0>(row), std::get<1>(row)}] = std::get<2>(row);
    }
  }

  TemporaryFolder folder_;
  Dataset base_;
  SyntheticOptions options_;
  std::map<std::pair<std::string, std::string>, std::int64_t> time_of_;
};

TEST_F(Expansion, EveryEdgeIsACopyOfOneThatIsThere) {
  const Dataset dataset = generate(options_);
  std::map<std::pair<char, char>, double> blocks;
  for (const auto& [user, item, time, weight] : all_rows(dataset)) {
    const auto pair =
        std::make_pair(user.substr(0, user.rfind('/')), item.substr(0, item.rfind('/')));
    ASSERT_TRUE(time_of_.contains(pair)) << user << " " << item;
    EXPECT_EQ(time_of_[pair], time);
    ++blocks[{user.back(), item.back()}];
  }
  EXPECT_EQ(blocks.size(), 6U);
  // Three copies of every user, each with as many items in the mean as in the data.
  EXPECT_NEAR(static_cast<double>(total(dataset)), 3.0 * 8000, 5 * std::sqrt(3.0 * 8000));
  // Copy 0 has the factor's row of the busiest users.
  EXPECT_GT(blocks[std::make_pair('0', '0')], blocks[std::make_pair('2', '1')] * 1.5);
  std::set<std::pair<std::string, std::string>> pairs;
  for (const Row& row : all_rows(dataset)) pairs.emplace(std::get<0>(row), std::get<1>(row));
  EXPECT_EQ(pairs.size(), total(dataset));
}

TEST_F(Expansion, BlocksAreThinnedByTheFactor) {
  // All edges: every block is whole, the exact Kronecker product with a matrix of ones.
  options_.num_edges = 6 * 8000;
  EXPECT_EQ(total(generate(options_)), 48'000U);
  options_.num_edges = 48'001;
  EXPECT_THROW(generate(options_), Error);
  // One block: R itself, thinned evenly.
  options_.factor = {1, 1};
  options_.num_edges = 2000;
  EXPECT_NEAR(static_cast<double>(total(generate(options_))), 2000, 200);
  options_.num_edges = 0;
  EXPECT_EQ(total(generate(options_)), 8000U);
}

TEST_F(Expansion, TimesAreThoseOfTheSourceOrDrawnOrNone) {
  options_.times = "none";
  EXPECT_TRUE(generate(options_)[Split::train].time.empty());
  options_.times = "uniform";
  const Dataset dataset = generate(options_);
  for (const std::int64_t time : dataset[Split::train].time) {
    ASSERT_GE(time, kFirstTime);
    ASSERT_LT(time, kFirstTime + kSpanSeconds);
  }
  for (Interactions& part : base_.splits) part.time.clear();
  save_dataset(base_, options_.expand);
  options_.times = "source";
  EXPECT_THROW(generate(options_), Error);
}

}  // namespace
}  // namespace halorec
