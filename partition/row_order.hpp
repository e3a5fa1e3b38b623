// The order of nodes in which a shard numbers its rows: nodes that share neighbours stand close, so
// that the rows a sparse product gathers are often in a cache already.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/graph.hpp"

namespace halorec {

class Communicator;
class DatasetFile;

// A place in the order for every user, and for every item: permutations of 0 .. n - 1, or both
// empty: by index.
struct RowOrder {
  std::vector<std::uint32_t> user;
  std::vector<std::uint32_t> item;
};

// Clusters of the training graph within clusters of clusters, by label propagation: about 1000
// nodes, 8000, 65,000 and so on, to fit one cache after the other. Within the smallest ones nodes
// keep the order of their indices; nodes without edges come last. Empty for graphs of fewer than
// 2^14 nodes, whose rows fit the nearest large cache in any order. The same on any number of ranks
// and threads, and on every rank. Collective.
RowOrder order_rows(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                    std::uint64_t seed);

// Nodes in the order of their places: 0 .. size - 1 where there is no order.
std::vector<std::uint32_t> nodes_by_place(const std::vector<std::uint32_t>& place,
                                          std::uint64_t size);

}  // namespace halorec
