#include "partition/row_order.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "partition/cluster/label_propagation.hpp"
#include "partition/dataset.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kMinNodes = 1 << 14;
constexpr std::uint64_t kSmallestCluster = 1024;  // nodes; each further level has 8 times as many
constexpr std::uint64_t kGrowth = 8;

// Places of nodes [first, first + count) among themselves, by ascending key, then index.
std::vector<std::uint32_t> places(const std::vector<std::uint32_t>& key, std::uint32_t first,
                                  std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return key[first + a] < key[first + b];
  });
  std::vector<std::uint32_t> place(count);
  for (std::uint32_t k = 0; k < count; ++k) place[order[k]] = k;
  return place;
}

}  // namespace

std::vector<std::uint32_t> nodes_by_place(const std::vector<std::uint32_t>& place,
                                          std::uint64_t size) {
  std::vector<std::uint32_t> nodes(size);
  for (std::uint32_t v = 0; v < size; ++v) nodes[place.empty() ? v : place[v]] = v;
  return nodes;
}

RowOrder order_rows(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                    std::uint64_t seed) {
  const auto num_users = static_cast<std::uint32_t>(dataset.num_users());
  const auto num_items = static_cast<std::uint32_t>(dataset.num_items());
  if (num_users + num_items < kMinNodes) return {};
  DistributedGraph graph = read_distributed_graph(communicator, dataset, part);
  const std::vector<std::uint32_t> members = graph.num_members;
  // of_level[l][n]: the cluster of level l + 1 that node n of level l is in.
  std::vector<std::vector<std::uint32_t>> of_level;
  for (std::uint64_t limit = kSmallestCluster; graph.num_nodes > 1; limit *= kGrowth) {
    Grouping clusters =
        find_clusters(communicator, graph, {std::numeric_limits<std::uint64_t>::max() / 2, limit},
                      seed + 1000 * of_level.size());
    const std::uint32_t num_clusters = number_clusters(graph, clusters);
    // Nothing is left that belongs together.
    if (!of_level.empty() && num_clusters == graph.num_nodes) break;
    graph = contract(communicator, graph, clusters.of, num_clusters);
    of_level.push_back(std::move(clusters.of));
    if (limit > members.size()) break;
  }
  // From the largest clusters down: a cluster's place is that of the one around it, then its
  // number.
  std::vector<std::uint32_t> place(graph.num_nodes);
  std::iota(place.begin(), place.end(), 0U);
  for (std::size_t level = of_level.size(); level-- > 0;) {
    const std::vector<std::uint32_t>& around = of_level[level];
    std::vector<std::uint32_t> key(around.size());
    for (std::size_t n = 0; n < key.size(); ++n) {
      // A node of the graph without an edge is in no cluster; every cluster has some with.
      const bool is_linked = level > 0 || members[n] > 0;
      key[n] = is_linked ? place[around[n]] : std::numeric_limits<std::uint32_t>::max();
    }
    // Users and items have places of their own.
    if (level == 0) return {places(key, 0, num_users), places(key, num_users, num_items)};
    place = places(key, 0, static_cast<std::uint32_t>(key.size()));
  }
  return {};
}

}  // namespace halorec
