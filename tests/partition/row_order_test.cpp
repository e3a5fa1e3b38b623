// The row order: a permutation that is the same on any number of ranks, brings planted communities
// together, survives a partition file, and is left out for small graphs.
#include "partition/row_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "partition/partitioner.hpp"
#include "partition/synthetic/generate.hpp"
#include "tests/partition/dataset_on_disk.hpp"

namespace halorec {
namespace {

constexpr auto kPart = TrainingPart::train_and_validation;

Dataset planted_dataset(std::uint32_t num_users, std::uint32_t num_items) {
  SyntheticOptions options;
  options.num_users = num_users;
  options.num_items = num_items;
  options.num_edges = 10 * std::uint64_t{num_users};
  options.num_communities = 12;
  options.mixing = 0.2;
  options.seed = 8;
  const TemporaryFolder folder;
  Communicator alone(MPI_COMM_SELF);
  generate_dataset(options, folder / "d.h5", alone);
  return DatasetFile(folder / "d.h5").read_all();
}

bool is_permutation_of(std::vector<std::uint32_t> places, std::uint64_t size) {
  std::sort(places.begin(), places.end());
  for (std::uint64_t k = 0; k < places.size(); ++k) {
    if (places[k] != k) return false;
  }
  return places.size() == size;
}

// How far apart the ends of an edge are, as shares of their sides' lengths: 1/3 for random places.
double mean_distance(const BipartiteGraph& graph, const RowOrder& order) {
  double sum = 0;
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
      sum += std::abs((order.user[u] + 0.5) / graph.num_users() -
                      (order.item[graph.items[e]] + 0.5) / graph.num_items);
    }
  }
  return sum / static_cast<double>(graph.num_edges());
}

class RowOrderTest : public testing::Test {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};

TEST_F(RowOrderTest, BringsCommunitiesTogetherOnAnyNumberOfRanks) {
  const DatasetOnDisk disk(world_, planted_dataset(13000, 5000));
  const RowOrder order = order_rows(world_, disk.file(), kPart, 3);
  ASSERT_TRUE(is_permutation_of(order.user, disk.file().num_users()));
  ASSERT_TRUE(is_permutation_of(order.item, disk.file().num_items()));
  const RowOrder alone = order_rows(self_, disk.file(), kPart, 3);
  EXPECT_EQ(order.user, alone.user);
  EXPECT_EQ(order.item, alone.item);

  const BipartiteGraph graph = read_graph(disk.file(), kPart);
  EXPECT_LT(mean_distance(graph, order), 0.2);
  // Nodes without an edge come last.
  std::uint32_t linked = 0;
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    linked += graph.user_begin[u] != graph.user_begin[u + 1] ? 1 : 0;
  }
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    EXPECT_EQ(order.user[u] < linked, graph.user_begin[u] != graph.user_begin[u + 1]);
  }
}

TEST_F(RowOrderTest, StandsInThePartitionFile) {
  const DatasetOnDisk disk(world_, planted_dataset(13000, 5000));
  CutOptions options;
  options.method = CutMethod::hash;
  options.num_parts = 3;
  EXPECT_TRUE(cut(world_, disk.file(), kPart, options).order.user.empty());
  options.order_rows = true;
  const Owners owners = cut(world_, disk.file(), kPart, options);
  const TemporaryFolder folder;
  save_owners(owners, "key", "hash", folder / "p.h5");
  const Owners loaded = load_owners(folder / "p.h5", "hash");
  EXPECT_EQ(loaded.user, owners.user);
  EXPECT_EQ(loaded.order.user, owners.order.user);
  EXPECT_EQ(loaded.order.item, owners.order.item);
  EXPECT_FALSE(loaded.order.item.empty());

  Owners broken = owners;
  broken.order.item[7] = broken.order.item[8];
  save_owners(broken, "key", "hash", folder / "b.h5");
  EXPECT_THROW(load_owners(folder / "b.h5", "hash"), Error);
}

// All interactions of such data are held out; nothing belongs together.
TEST_F(RowOrderTest, WithoutAnEdgeTheOrderIsTheIndex) {
  Events held_out;
  held_out[2] = {{0, 0}, {16000, 999}};
  const DatasetOnDisk disk(world_, dataset_of(16001, 1000, held_out));
  const RowOrder order = order_rows(world_, disk.file(), kPart, 3);
  EXPECT_TRUE(std::is_sorted(order.user.begin(), order.user.end()));
  EXPECT_TRUE(std::is_sorted(order.item.begin(), order.item.end()));
  EXPECT_TRUE(order.user.empty() || is_permutation_of(order.user, 16001));
  EXPECT_TRUE(order.item.empty() || is_permutation_of(order.item, 1000));
}

TEST_F(RowOrderTest, LeavesSmallGraphsAlone) {
  const DatasetOnDisk disk(world_, planted_dataset(700, 300));
  const RowOrder order = order_rows(world_, disk.file(), kPart, 3);
  EXPECT_TRUE(order.user.empty());
  EXPECT_TRUE(order.item.empty());
}

}  // namespace
}  // namespace halorec
