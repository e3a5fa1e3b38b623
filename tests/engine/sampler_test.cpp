// Which positives and negatives a step sees: every edge once an epoch, the same batches on any
// number of ranks, the promised distributions.
#include "engine/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

struct Draw {
  std::uint32_t position, user, item;
  friend auto operator<=>(const Draw&, const Draw&) = default;
};

// A batch of all ranks together, by position. Collective.
std::vector<Draw> whole_batch(const Shard& shard, const Batch& batch) {
  std::vector<std::uint32_t> own;
  for (std::size_t k = 0; k < batch.items.size(); ++k) {
    own.push_back(batch.positions[k]);
    own.push_back(shard.owned_users()[static_cast<std::size_t>(batch.user_rows[k])]);
    own.push_back(batch.items[k]);
  }
  const auto all = shard.communicator().all_gather(std::span<const std::uint32_t>(own));
  std::vector<Draw> draws;
  for (std::size_t k = 0; k < all.size(); k += 3) draws.push_back({all[k], all[k + 1], all[k + 2]});
  std::sort(draws.begin(), draws.end());
  return draws;
}

// Negatives of all ranks together, by (position, number). Collective.
std::map<std::pair<std::uint32_t, std::int64_t>, std::uint32_t> whole_negatives(
    const Shard& shard, const Batch& batch, std::span<const std::uint32_t> negatives,
    std::int64_t each) {
  const auto positions =
      shard.communicator().all_gather(std::span<const std::uint32_t>(batch.positions));
  const auto items = shard.communicator().all_gather(negatives);
  std::map<std::pair<std::uint32_t, std::int64_t>, std::uint32_t> result;
  for (std::size_t k = 0; k < positions.size(); ++k) {
    for (std::int64_t j = 0; j < each; ++j) {
      result[{positions[k], j}] =
          items[k * static_cast<std::size_t>(each) + static_cast<std::size_t>(j)];
    }
  }
  return result;
}

class SamplerTest : public testing::TestWithParam<Deal> {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};
INSTANTIATE_TEST_SUITE_P(Deals, SamplerTest, testing::Values(Deal::scattered, Deal::all_on_last));

TEST_P(SamplerTest, EveryEdgeOnceAnEpochInAnotherOrder) {
  const TinyGraph graph(world_, random_dataset(50, 40, 0.2, 1), TrainingPart::train, GetParam());
  const Shard& shard = graph.shard();
  const Interactions& train = graph.data()[Split::train];
  std::set<std::pair<std::uint32_t, std::uint32_t>> expected;
  for (std::size_t k = 0; k < train.user.size(); ++k) {
    expected.emplace(train.user[k], train.item[k]);
  }
  ASSERT_EQ(expected.size(), shard.num_edges());

  const std::int64_t size = 37;  // does not divide the edges
  ASSERT_NE(static_cast<std::int64_t>(expected.size()) % size, 0);
  Sampler sampler(shard, 5, size, 0.5);
  EXPECT_EQ(sampler.steps_per_epoch(), (std::ssize(expected) + size - 1) / size);
  std::vector<std::vector<Draw>> orders;
  for (const std::uint64_t epoch : {0, 1, 7}) {
    sampler.start_epoch(epoch);
    std::multiset<std::pair<std::uint32_t, std::uint32_t>> seen;
    orders.emplace_back();
    for (std::int64_t s = 0; s < sampler.steps_per_epoch(); ++s) {
      const Batch batch = sampler.batch(s);
      const bool is_last = s + 1 == sampler.steps_per_epoch();
      EXPECT_EQ(batch.global_size, is_last ? std::ssize(expected) % size : size);
      EXPECT_TRUE(std::is_sorted(batch.positions.begin(), batch.positions.end()));
      const std::vector<Draw> draws = whole_batch(shard, batch);
      ASSERT_EQ(std::ssize(draws), batch.global_size);
      for (std::size_t k = 0; k < draws.size(); ++k) {
        EXPECT_EQ(draws[k].position, k);  // every place of the batch is taken once
        seen.emplace(draws[k].user, draws[k].item);
        orders.back().push_back(draws[k]);
      }
    }
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), expected.begin(), expected.end()));
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
  // Far from the file's order too: few places hold the edge that stands there in the file.
  std::size_t unmoved = 0, k = 0;
  for (const auto& [user, item] : expected) {
    unmoved += orders[0][k].user == user && orders[0][k].item == item ? 1 : 0;
    ++k;
  }
  EXPECT_LT(unmoved, 10U);
}

// A batch is the same however many edges are dealt at a time, and in whatever order steps are asked
// for: a run may go on in the middle of an epoch.
TEST_P(SamplerTest, WindowsDoNotChangeBatches) {
  const TinyGraph graph(world_, random_dataset(50, 40, 0.2, 1), TrainingPart::train, GetParam());
  Sampler whole(graph.shard(), 5, 37, 0.5);
  Sampler windowed(graph.shard(), 5, 37, 0.5, 20);
  for (const std::uint64_t epoch : {3, 4}) {
    whole.start_epoch(epoch);
    windowed.start_epoch(epoch);
    ASSERT_GE(whole.steps_per_epoch(), 6);
    for (const std::int64_t s : {4, 5, 0, 1, 2, 1}) {
      const Batch expected = whole.batch(s), batch = windowed.batch(s);
      EXPECT_EQ(batch.positions, expected.positions);
      EXPECT_EQ(batch.user_rows, expected.user_rows);
      EXPECT_EQ(batch.items, expected.items);
    }
  }
}

TEST_P(SamplerTest, BatchesAndNegativesAreThoseOfOneRank) {
  const TinyGraph graph(world_, random_dataset(45, 60, 0.15, 2), TrainingPart::train, GetParam());
  const TinyGraph alone(self_, random_dataset(45, 60, 0.15, 2));
  Sampler sampler(graph.shard(), 9, 64, 0.5), reference(alone.shard(), 9, 64, 0.5);
  ASSERT_EQ(sampler.steps_per_epoch(), reference.steps_per_epoch());
  std::uint64_t step = 0;
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
    sampler.start_epoch(epoch);
    reference.start_epoch(epoch);
    for (std::int64_t s = 0; s < sampler.steps_per_epoch(); ++s) {
      ++step;
      const Batch batch = sampler.batch(s), expected = reference.batch(s);
      ASSERT_EQ(whole_batch(graph.shard(), batch), whole_batch(alone.shard(), expected));
      for (const std::int64_t each : {1, 3}) {
        ASSERT_EQ(whole_negatives(graph.shard(), batch, sampler.negatives(step, batch, each), each),
                  whole_negatives(alone.shard(), expected,
                                  reference.negatives(step, expected, each), each));
      }
      ASSERT_EQ(sampler.pool(step, 50), reference.pool(step, 50));
    }
  }
  EXPECT_NE(sampler.pool(1, 50), sampler.pool(2, 50));
  EXPECT_NE(Sampler(graph.shard(), 10, 64, 0.5).pool(1, 50), sampler.pool(1, 50));
}

// Sum of (observed - expected)^2 / expected.
double chi_square(const std::vector<double>& observed, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t k = 0; k < observed.size(); ++k) {
    sum += (observed[k] - expected[k]) * (observed[k] - expected[k]) / expected[k];
  }
  return sum;
}

// The value that chi-square of `freedom` degrees stays below with probability 1 - 1e-5
// (Wilson and Hilferty).
double chi_square_limit(double freedom) {
  const double h = 2.0 / (9.0 * freedom);
  return freedom * std::pow(1.0 - h + 4.265 * std::sqrt(h), 3.0);
}

TEST_P(SamplerTest, ThePoolFollowsDegreesToThePower) {
  const TinyGraph graph(world_, random_dataset(50, 33, 0.3, 3), TrainingPart::train, GetParam());
  const Shard& shard = graph.shard();
  constexpr int kSteps = 100, kSize = 500;
  const std::vector<double> powers{0, 0.5, 1};
  // Expected numbers of the items with training interactions, by power.
  std::vector<std::vector<double>> expected;
  for (const double power : powers) {
    std::vector<double> weights;
    for (std::uint32_t item = 0; item < shard.num_items(); ++item) {
      if (shard.item_degree(item) > 0) weights.push_back(std::pow(shard.item_degree(item), power));
    }
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight *= kSteps * kSize / sum;
    expected.push_back(weights);
  }
  ASSERT_LT(expected[0].size(), shard.num_items()) << "the graph has no cold item to leave out";
  for (std::size_t p = 0; p < powers.size(); ++p) {
    const Sampler sampler(shard, 1, 64, powers[p]);
    std::vector<double> counts(shard.num_items(), 0);
    for (int step = 1; step <= kSteps; ++step) {
      for (const std::uint32_t item : sampler.pool(static_cast<std::uint64_t>(step), kSize)) {
        ++counts.at(item);
      }
    }
    std::vector<double> observed;
    for (std::uint32_t item = 0; item < shard.num_items(); ++item) {
      if (shard.item_degree(item) > 0) {
        observed.push_back(counts[item]);
      } else {
        EXPECT_EQ(counts[item], 0) << "cold item " << item << " was drawn";
      }
    }
    const double limit = chi_square_limit(static_cast<double>(observed.size() - 1));
    for (std::size_t other = 0; other < powers.size(); ++other) {
      // The test can tell the powers apart.
      EXPECT_EQ(chi_square(observed, expected[other]) < limit, other == p)
          << "drawn by power " << powers[p] << ", compared with " << powers[other];
    }
  }
}

TEST_P(SamplerTest, NegativesAreUniformOverTrainedItemsThatTheUserLacks) {
  const TinyGraph graph(world_, random_dataset(20, 33, 0.3, 4), TrainingPart::train, GetParam());
  const Shard& shard = graph.shard();
  const auto lists = items_by_user(graph.data(), Split::train);
  Sampler sampler(shard, 2, 1 << 20, 0.5);
  sampler.start_epoch(0);
  const Batch batch = sampler.batch(0);
  constexpr std::int64_t kEach = 400;
  const auto negatives = sampler.negatives(1, batch, kEach);
  ASSERT_EQ(std::ssize(negatives), batch.size() * kEach);
  std::vector<double> observed(shard.num_items(), 0), expected(shard.num_items(), 0);
  std::vector<std::uint32_t> trained;
  for (std::uint32_t item = 0; item < shard.num_items(); ++item) {
    if (shard.item_degree(item) > 0) trained.push_back(item);
  }
  for (std::int64_t k = 0; k < batch.size(); ++k) {
    const auto row = static_cast<std::size_t>(batch.user_rows[static_cast<std::size_t>(k)]);
    const auto& own = lists[shard.owned_users()[row]];
    for (std::int64_t j = 0; j < kEach; ++j) {
      const std::uint32_t item = negatives[static_cast<std::size_t>(k * kEach + j)];
      ASSERT_FALSE(std::binary_search(own.begin(), own.end(), item));
      ++observed.at(item);
    }
    const double share = kEach / static_cast<double>(trained.size() - own.size());
    for (const std::uint32_t item : trained) {
      if (!std::binary_search(own.begin(), own.end(), item)) expected[item] += share;
    }
  }
  world_.sum(std::span<double>(observed));
  world_.sum(std::span<double>(expected));
  std::vector<double> seen, wanted;
  for (std::uint32_t item = 0; item < shard.num_items(); ++item) {
    if (shard.item_degree(item) == 0) {
      EXPECT_EQ(observed[item], 0) << "cold item " << item << " was drawn";
    } else {
      seen.push_back(observed[item]);
      wanted.push_back(expected[item]);
    }
  }
  EXPECT_LT(chi_square(seen, wanted), chi_square_limit(static_cast<double>(seen.size() - 1)));
}

TEST(Sampler, AUserWhoHasEverythingStillGetsANegative) {
  Communicator world;
  const TinyGraph graph(world, make_dataset(2, 3, {{0, 0}, {0, 1}, {1, 1}}));
  Sampler sampler(graph.shard(), 1, 8, 0.5);
  sampler.start_epoch(0);
  const Batch batch = sampler.batch(0);
  for (const std::uint32_t item : sampler.negatives(1, batch, 5)) EXPECT_LT(item, 2U);
  EXPECT_EQ(batch.global_size, 3);
}

TEST(Sampler, AutomaticBatchSize) {
  EXPECT_EQ(automatic_batch_size(1), 2048);
  EXPECT_EQ(automatic_batch_size(400 * 2048), 2048);
  EXPECT_EQ(automatic_batch_size(400 * 2048 + 1), 2049);
  EXPECT_EQ(automatic_batch_size(20'000'000), 50'000);
  EXPECT_EQ(automatic_batch_size(200'000'000), 1 << 17);
  EXPECT_EQ(automatic_batch_size(1'600'000'000), 1'000'000);
}

}  // namespace
}  // namespace halorec
