// The cluster method over ranks: the same owners on any number of them, cuts near METIS's and far
// from hash's, within the balance, on every shape of graph; its pieces against naive counts.
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "partition/cluster/cut_by_clusters.hpp"
#include "partition/cluster/label_propagation.hpp"
#include "partition/cut_quality.hpp"
#include "partition/synthetic.hpp"
#include "tests/partition/dataset_on_disk.hpp"

namespace halorec {
namespace {

constexpr auto kPart = TrainingPart::train_and_validation;

Dataset planted_dataset(double mixing, std::uint64_t seed) {
  SyntheticOptions options;
  options.num_users = 3000;
  options.num_items = 1500;
  options.num_edges = 60000;
  options.num_communities = 30;
  options.mixing = mixing;
  options.seed = seed;
  return generate_dataset(options);
}

CutOptions cluster_options(int num_parts) {
  CutOptions options;
  options.method = CutMethod::cluster;
  options.num_parts = num_parts;
  options.seed = 3;
  return options;
}

class ClusterTest : public testing::Test {
 protected:
  // A hash of the owners, checked to be the same on every rank.
  std::uint64_t fingerprint(const Owners& owners) {
    std::uint64_t hash = static_cast<std::uint64_t>(owners.num_parts);
    for (const auto* side : {&owners.user, &owners.item}) {
      hash = hash_bytes({reinterpret_cast<const char*>(side->data()), side->size() * 4}, hash);
    }
    world_.check_same(hash, "owners");
    return hash;
  }

  // What one process that knows everything answers; the same on every rank.
  template <typename Work>
  std::uint64_t alone(const Work& work) {
    std::uint64_t answer = 0;
    world_.on_root([&] {
      Communicator self(MPI_COMM_SELF);
      answer = work(self);
    });
    return world_.broadcast(answer);
  }

  Communicator world_;
};

TEST_F(ClusterTest, TheRankCountDoesNotChangeTheOwners) {
  for (const double mixing : {0.1, 0.6}) {
    const DatasetOnDisk disk(world_, planted_dataset(mixing, 1));
    for (const int parts : {2, 7}) {
      for (const Balance balance : {Balance::both, Balance::edges}) {
        CutOptions options = cluster_options(parts);
        options.balance = balance;
        const auto together = fingerprint(cut_by_clusters(world_, disk.file(), kPart, options));
        const auto by_one = alone([&](Communicator& self) {
          const Owners owners = cut_by_clusters(self, disk.file(), kPart, options);
          std::uint64_t hash = static_cast<std::uint64_t>(parts);
          for (const auto* side : {&owners.user, &owners.item}) {
            hash =
                hash_bytes({reinterpret_cast<const char*>(side->data()), side->size() * 4}, hash);
          }
          return hash;
        });
        EXPECT_EQ(together, by_one) << mixing << ", " << parts << " parts";
      }
    }
  }
}

TEST_F(ClusterTest, CutsPlantedGraphsLikeMetisWithinTheBalance) {
  for (const double mixing : {0.1, 0.3}) {
    const DatasetOnDisk disk(world_, planted_dataset(mixing, 2));
    for (const int parts : {4, 10}) {
      const auto quality = [&](CutMethod method) {
        CutOptions options = cluster_options(parts);
        options.method = method;
        return measure_cut(world_, disk.file(), kPart, cut(world_, disk.file(), kPart, options));
      };
      const CutQuality cluster = quality(CutMethod::cluster), metis = quality(CutMethod::metis),
                       hash = quality(CutMethod::hash);
      SCOPED_TRACE(fmt::format("mixing {}, {} parts: cluster {}, metis {}, hash {}", mixing, parts,
                               cluster.cut_fraction, metis.cut_fraction, hash.cut_fraction));
      EXPECT_LT(cluster.cut_fraction, 1.15 * metis.cut_fraction);
      EXPECT_LT(cluster.cut_fraction, 0.6 * hash.cut_fraction);
      EXPECT_LT(cluster.halo_vectors_per_node, hash.halo_vectors_per_node);
      EXPECT_LE(cluster.edge_imbalance, 1.05);
      EXPECT_LE(cluster.node_imbalance, 1.07);
    }
  }
}

TEST_F(ClusterTest, TakesEveryShapeOfGraph) {
  std::vector<Dataset> datasets;
  datasets.push_back(random_dataset(60, 40, 0.1, 1));  // with nodes that have no edge
  datasets.push_back(dataset_of(3, 4, {}));            // no edge at all
  Events one, star, pairs;
  one[0] = {{0, 0}};
  datasets.push_back(dataset_of(1, 1, one));
  for (std::uint32_t i = 0; i < 40; ++i) star[0].push_back({0, i});
  datasets.push_back(dataset_of(2, 40, star));
  for (std::uint32_t k = 0; k < 700; ++k) pairs[0].push_back({k, 699 - k});
  datasets.push_back(dataset_of(700, 700, pairs));
  for (std::size_t d = 0; d < datasets.size(); ++d) {
    const DatasetOnDisk disk(world_, datasets[d]);
    const std::size_t num_nodes = datasets[d].users.size() + datasets[d].items.size();
    for (const int parts : {1, 2, 3, 8, 50}) {
      SCOPED_TRACE(fmt::format("data set {}, {} parts", d, parts));
      const Owners owners = cut(world_, disk.file(), kPart, cluster_options(parts));
      fingerprint(owners);
      ASSERT_EQ(owners.user.size(), datasets[d].users.size());
      ASSERT_EQ(owners.item.size(), datasets[d].items.size());
      std::set<std::int32_t> used(owners.user.begin(), owners.user.end());
      used.insert(owners.item.begin(), owners.item.end());
      EXPECT_EQ(used.size(), std::min(num_nodes, static_cast<std::size_t>(parts)));
      EXPECT_GE(*used.begin(), 0);
      EXPECT_LT(*used.rbegin(), parts);
    }
  }
}

TEST_F(ClusterTest, SaysWhenNothingFitsMetis) {
  const DatasetOnDisk disk(world_, planted_dataset(0.3, 4));
  CutOptions options = cluster_options(4);
  options.memory_bytes = 1000;
  try {
    cut_by_clusters(world_, disk.file(), kPart, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(error.everywhere());
    EXPECT_NE(std::string(error.what()).find("--memory-limit"), std::string::npos) << error.what();
  }
}

// Less memory than 256 clusters a part would take: more levels, not an error.
TEST_F(ClusterTest, CoarsensFurtherWhenMemoryIsShort) {
  const DatasetOnDisk disk(world_, planted_dataset(0.3, 4));
  CutOptions options = cluster_options(4);
  options.memory_bytes = 150 * 4000;
  const CutQuality quality =
      measure_cut(world_, disk.file(), kPart, cut_by_clusters(world_, disk.file(), kPart, options));
  EXPECT_LT(quality.cut_fraction, 0.7);
  EXPECT_LE(quality.edge_imbalance, 1.1);
}

TEST_F(ClusterTest, FindsClustersWithinTheLimit) {
  const DatasetOnDisk disk(world_, planted_dataset(0.2, 5));
  const auto graph = read_distributed_graph(world_, disk.file(), kPart);
  const std::uint32_t heaviest =
      *std::max_element(graph.num_nonzeros.begin(), graph.num_nonzeros.end());
  const Load limit{std::max<std::uint64_t>(4000, heaviest), 150};
  Grouping clusters = find_clusters(world_, graph, limit, 1);
  const auto loads = clusters.loads;
  clusters.sum_loads(graph, graph.num_nodes);
  for (std::uint32_t c = 0; c < graph.num_nodes; ++c) {
    EXPECT_EQ(loads[c].nonzeros, clusters.loads[c].nonzeros);
    EXPECT_EQ(loads[c].members, clusters.loads[c].members);
    EXPECT_TRUE(clusters.loads[c].fits(limit)) << c;
  }
  const std::uint32_t count = number_clusters(graph, clusters);
  EXPECT_LT(count, graph.num_nodes / 4);
  EXPECT_EQ(*std::max_element(clusters.of.begin(), clusters.of.end()), count - 1);
}

TEST_F(ClusterTest, ContractsLikeANaiveCount) {
  const Dataset dataset = random_dataset(60, 40, 0.2, 6);
  const DatasetOnDisk disk(world_, dataset);
  const auto fine = read_distributed_graph(world_, disk.file(), kPart);
  std::vector<std::uint32_t> coarse_of(fine.num_nodes);
  for (std::uint32_t v = 0; v < fine.num_nodes; ++v) coarse_of[v] = (v * 7 + v / 9) % 13;
  const auto coarse = contract(world_, fine, coarse_of, 13);

  std::set<std::pair<std::uint32_t, std::uint32_t>> edges;
  for (const Split split : {Split::train, Split::validation}) {
    for (std::size_t e = 0; e < dataset[split].size(); ++e) {
      edges.emplace(dataset[split].user[e], 60 + dataset[split].item[e]);
    }
  }
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> expected;
  std::vector<std::uint32_t> nonzeros(13, 0);
  for (const auto& [u, i] : edges) {
    const std::uint32_t a = coarse_of[u], b = coarse_of[i];
    ++nonzeros[a];
    ++nonzeros[b];
    if (a == b) continue;
    ++expected[{a, b}];
    ++expected[{b, a}];
  }
  EXPECT_EQ(coarse.num_nonzeros, nonzeros);
  std::uint64_t entries = 0;
  for (std::uint32_t r = 0; r < coarse.num_rows(); ++r) {
    const auto c =
        r * static_cast<std::uint32_t>(world_.size()) + static_cast<std::uint32_t>(world_.rank());
    for (auto e = coarse.begin[r]; e < coarse.begin[r + 1]; ++e) {
      EXPECT_EQ(coarse.weight[e], (expected[{c, coarse.neighbour[e]}]));
      EXPECT_TRUE(e == coarse.begin[r] || coarse.neighbour[e - 1] < coarse.neighbour[e]);
      ++entries;
    }
  }
  EXPECT_EQ(world_.sum(entries), expected.size());
}

// A good cut, spoilt: all of part 1's nodes handed to part 0.
TEST_F(ClusterTest, RefiningRestoresTheBalance) {
  const DatasetOnDisk disk(world_, planted_dataset(0.3, 7));
  const auto graph = read_distributed_graph(world_, disk.file(), kPart);
  Grouping parts;
  parts.of.resize(graph.num_nodes);
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) parts.of[v] = v % 3 == 2 ? 2 : 0;
  parts.sum_loads(graph, 3);
  const std::uint64_t nonzeros =
      std::accumulate(graph.num_nonzeros.begin(), graph.num_nonzeros.end(), std::uint64_t{0});
  const Load limit{nonzeros * 36 / 100, graph.num_nodes * 36ULL / 100};
  refine(world_, graph, parts, limit, 1);
  for (const Load load : parts.loads) EXPECT_TRUE(load.fits(limit)) << load.nonzeros;
}

TEST_F(ClusterTest, QualityOverRanksIsTheQualityOfOne) {
  const DatasetOnDisk disk(world_, random_dataset(80, 50, 0.15, 8));
  const BipartiteGraph graph = read_graph(disk.file(), kPart);
  for (const int parts : {1, 2, 5, 9}) {
    CutOptions options = cluster_options(parts);
    options.method = CutMethod::hash;
    const Owners owners = cut(world_, disk.file(), kPart, options);
    const CutQuality one = measure_cut(graph, owners);
    const CutQuality all = measure_cut(world_, disk.file(), kPart, owners);
    EXPECT_EQ(one.num_edges, graph.num_edges());
    EXPECT_EQ(one.num_edges, all.num_edges);
    EXPECT_EQ(one.cut_fraction, all.cut_fraction);
    EXPECT_EQ(one.halo_vectors_per_node, all.halo_vectors_per_node);
    EXPECT_EQ(one.hybrid_vectors_per_node, all.hybrid_vectors_per_node);
    EXPECT_EQ(one.edge_imbalance, all.edge_imbalance);
    EXPECT_EQ(one.interaction_imbalance, all.interaction_imbalance);
    EXPECT_LE(one.hybrid_vectors_per_node, one.halo_vectors_per_node);
  }
}

}  // namespace
}  // namespace halorec
