// What pairs of parts exchange: by hand, and the figures of the whole cut when added up.
#include <gtest/gtest.h>

#include <map>

#include "partition/cut_quality.hpp"
#include "tests/partition/dataset_on_disk.hpp"

namespace halorec {
namespace {

class TrafficTest : public testing::Test {
 protected:
  std::map<std::pair<int, int>, std::uint64_t> measure(const DatasetFile& file, TrainingPart part,
                                                       const Owners& owners) {
    std::map<std::pair<int, int>, std::uint64_t> traffic;
    for (const PairTraffic& pair : measure_traffic(world_, file, part, owners)) {
      EXPECT_LT(pair.low, pair.high);
      EXPECT_TRUE(traffic.emplace(std::pair(pair.low, pair.high), pair.vectors).second);
    }
    return traffic;
  }

  Communicator world_;
};

TEST_F(TrafficTest, CountsThreePartsByHand) {
  // Part 0 has u0, part 1 has i0, i1 and i2, part 2 has u1 and i3. Towards part 1 the hub u0 is
  // covered: its row goes there, one sum comes back. u1-i2 costs as much, u1-i3 nothing, and u0-i3
  // stands in validation alone.
  const DatasetOnDisk data(
      world_,
      dataset_of(2, 4, {{{{0, 0}, {0, 1}, {0, 2}, {0, 2, 1}, {1, 2}, {1, 3}}, {{0, 3}}, {}}}));
  const Owners owners{3, {0, 2}, {1, 1, 1, 2}};
  using Expected = std::map<std::pair<int, int>, std::uint64_t>;
  EXPECT_EQ(measure(data.file(), TrainingPart::train, owners),
            (Expected{{{0, 1}, 2}, {{1, 2}, 2}}));
  EXPECT_EQ(measure(data.file(), TrainingPart::train_and_validation, owners),
            (Expected{{{0, 1}, 2}, {{1, 2}, 2}, {{0, 2}, 2}}));
  EXPECT_TRUE(measure(data.file(), TrainingPart::train, Owners::single(2, 4)).empty());
}

TEST_F(TrafficTest, AddsUpToTheHybridExchange) {
  const DatasetOnDisk data(world_, random_dataset(90, 60, 0.1, 8));
  constexpr auto kPart = TrainingPart::train_and_validation;
  for (const int parts : {2, 7}) {
    const Owners owners =
        cut(world_, data.file(), kPart, {CutMethod::hash, Balance::both, parts, 0});
    std::uint64_t sum = 0;
    for (const auto& [pair, vectors] : measure(data.file(), kPart, owners)) sum += vectors;
    const CutQuality quality = measure_cut(world_, data.file(), kPart, owners);
    EXPECT_GT(sum, 0U);
    EXPECT_NEAR(static_cast<double>(sum) / 150, quality.hybrid_vectors_per_node, 1e-12);
  }
}

}  // namespace
}  // namespace halorec
