// A part that one process builds from the whole graph is the shard that its rank holds: the same
// rows, edges, scales and messages, covered or not.
#include "launch/bench/part_shard.hpp"

#include <gtest/gtest.h>

#include "comm/communicator.hpp"
#include "launch/bench/replay.hpp"
#include "launch/exchange_choice.hpp"
#include "tests/partition/dataset_on_disk.hpp"

namespace halorec {
namespace {

template <typename Range>
std::vector<std::int64_t> listed(const Range& range) {
  return {range.begin(), range.end()};
}

void expect_same(const Csr& mine, const Csr& theirs) {
  EXPECT_EQ(mine.row_begin, theirs.row_begin);
  EXPECT_EQ(mine.column, theirs.column);
}

void compare(CutMethod method, std::uint32_t num_users, std::uint32_t num_items, double density) {
  Communicator world;
  const DatasetOnDisk data(world, random_dataset(num_users, num_items, density, 5));
  const BipartiteGraph graph = read_graph(data.file(), TrainingPart::train_and_validation);
  CutOptions options;
  options.method = method;
  options.num_parts = world.size();
  const Owners owners = cut(graph, options);
  const Shard shard(world, data.file(), TrainingPart::train_and_validation, owners);
  const PartShards parts(graph, owners);
  const PartShard part = parts.make(world.rank());

  EXPECT_EQ(part.num_owned_users, shard.num_owned_users());
  EXPECT_EQ(part.num_owned_items, shard.num_owned_items());
  EXPECT_EQ(part.num_ghosts(), shard.num_ghosts());
  expect_same(part.local, shard.local());
  expect_same(part.cross, shard.cross());
  expect_same(part.cross_transposed, shard.cross_transposed());
  const HaloPlan& halo = shard.halo();
  EXPECT_EQ(listed(part.send_rows), listed(halo.send_rows()));
  EXPECT_EQ(listed(part.send_begin), listed(halo.send_begin()));
  EXPECT_EQ(listed(part.receive_begin), listed(halo.receive_begin()));
  ASSERT_EQ(std::ssize(part.scale), std::ssize(shard.scale()));
  for (std::size_t row = 0; row < part.scale.size(); ++row) {
    EXPECT_FLOAT_EQ(part.scale[row], static_cast<float>(shard.scale()[row]));
  }
  EXPECT_EQ(parts.nonzeros()[static_cast<std::size_t>(world.rank())], part.num_nonzeros());

  // What replay counts for the hybrid plan is what the plan exchanges.
  const CoveredHalo covered = cover_halo(shard.interactions());
  ReplayOptions replay{8, 1, ExchangePlan::hybrid, 0, WireFormat::int8};
  const PartFigures hybrid = replay_parts(std::span(&part, 1), replay).front();
  EXPECT_EQ(hybrid.exchanged_rows,
            std::ssize(covered.plan.send_rows()) + covered.plan.num_ghosts());
  replay.exchange = ExchangePlan::halo;
  const PartFigures plain = replay_parts(std::span(&part, 1), replay).front();
  EXPECT_EQ(plain.exchanged_rows, std::max(std::ssize(halo.send_rows()), halo.num_ghosts()));
  EXPECT_EQ(plain.interactions, part.interactions);
  EXPECT_TRUE(plain.replayed);
  const PartFigures counted = count_part(part, replay);
  EXPECT_FALSE(counted.replayed);
  EXPECT_EQ(counted.exchanged_rows, plain.exchanged_rows);
  EXPECT_EQ(counted.messages, plain.messages);
  EXPECT_EQ(counted.buffer_rows, plain.buffer_rows);
  // Side by side they count the same.
  const std::vector<PartShard> pair{part, part};
  for (const PartFigures& figures : replay_parts(pair, replay)) {
    EXPECT_EQ(figures.exchanged_rows, plain.exchanged_rows);
    EXPECT_EQ(figures.messages, plain.messages);
    EXPECT_GT(figures.local_seconds, 0);
    EXPECT_GT(figures.update_seconds, 0);
  }

  // What a plan foresees of --exchange is what training will choose.
  const CutQuality quality = measure_cut(graph, owners);
  TrainingArguments training;
  training.layers = 3;
  for (const char* exchange : {"auto", "columns", "hybrid"}) {
    training.exchange = exchange;
    const ExchangeChoice chosen = choose_exchange(training, shard);
    const ExchangeChoice foreseen = foresee_exchange(training, graph, world.size(), world.size(),
                                                     quality.hybrid_vectors_per_node);
    EXPECT_EQ(chosen.columns, foreseen.columns) << exchange;
    ASSERT_EQ(chosen.cost.has_value(), foreseen.cost.has_value()) << exchange;
    training.wire = "bf16";
    EXPECT_EQ(wire_warning(training, chosen).empty(), !chosen.columns);
    training.wire = "int8";
    EXPECT_EQ(wire_warning(training, chosen).find("lossy") == std::string::npos, chosen.columns);
    training.wire = "fp32";
    EXPECT_TRUE(wire_warning(training, chosen).empty());
    if (!chosen.cost) continue;
    EXPECT_NEAR(chosen.cost->hybrid_vectors, foreseen.cost->hybrid_vectors, 1e-9);
    EXPECT_EQ(chosen.cost->column_vectors, foreseen.cost->column_vectors);
    EXPECT_NEAR(chosen.cost->hybrid_bytes / foreseen.cost->hybrid_bytes, 1, 1e-9);
    EXPECT_EQ(chosen.cost->column_bytes, foreseen.cost->column_bytes);
  }
  Owners one;
  one.user.assign(graph.num_users(), 0);
  one.item.assign(graph.num_items, 0);
  const ColumnFigures columns =
      replay_columns(PartShards(graph, one).make(0), rows_by_owner(owners), world.size(),
                     {8, 1, ExchangePlan::hybrid, 0, WireFormat::int8});
  EXPECT_EQ(columns.columns, (8 + world.size() - 1) / world.size());
  world.barrier();
}

// Columns read every edge on every rank: they win where edges are few and much would travel.
TEST(ExchangeChoice, CountsEdgesAndTravel) {
  ExchangeSizes sizes{1e6, 2e7, 2, 3, 64, 0.6};
  ExchangeCost cost = exchange_cost(sizes);
  EXPECT_LT(cost.hybrid_bytes, cost.column_bytes);
  EXPECT_LT(cost.column_vectors, cost.hybrid_vectors);  // which alone is not what counts
  sizes = {1e6, 2e6, 4, 4, 256, 2.0};
  cost = exchange_cost(sizes);
  EXPECT_LT(cost.column_bytes, cost.hybrid_bytes);
  EXPECT_DOUBLE_EQ(cost.column_vectors, 1.5);
  EXPECT_DOUBLE_EQ(cost.hybrid_vectors, 12);
}

TEST(PartShard, IsTheShardOfItsRank) {
  compare(CutMethod::metis, 120, 70, 0.05);
}
TEST(PartShard, AlsoWhereEveryEdgeIsCut) {
  compare(CutMethod::hash, 60, 40, 0.1);
}
TEST(PartShard, AlsoWithEmptyParts) {
  compare(CutMethod::block, 2, 1, 1);
}

}  // namespace
}  // namespace halorec
