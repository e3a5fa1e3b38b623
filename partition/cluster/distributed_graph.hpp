// A weighted graph whose rows are spread over the ranks: what the cluster method coarsens and
// refines. The training graph is the finest one; contract() makes the next.
//
// Nodes are numbered 0 .. num_nodes - 1 alike on every rank (finest: users by index, then items).
// Row v stands on rank v mod P as row v / P there: P is the number of ranks, and nothing that is
// computed on the graph depends on it. Node weights are known to every rank (8 bytes a node).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.hpp"
#include "partition/graph.hpp"

namespace halorec {

class DatasetFile;

struct DistributedGraph {
  std::uint32_t num_nodes = 0;
  // Nodes below are adjacent only to nodes from here on, and the other way round; 0: no such rule.
  std::uint32_t num_first_side = 0;
  // What a node stands for: nonzeros of its rows, and training nodes that have an edge. [num_nodes]
  std::vector<std::uint32_t> num_nonzeros, num_members;

  // Rows of this rank: neighbours and the weights of the edges to them (empty: all are 1).
  std::vector<std::uint64_t> begin{0};
  std::vector<std::uint32_t> neighbour;
  std::vector<std::uint32_t> weight;

  std::uint32_t num_rows() const { return static_cast<std::uint32_t>(begin.size() - 1); }
  std::uint32_t weight_of(std::uint64_t edge) const { return weight.empty() ? 1 : weight[edge]; }
};

// The training graph, each row complete and without repeats on its rank. Collective.
DistributedGraph read_distributed_graph(Communicator& communicator, const DatasetFile& dataset,
                                        TrainingPart part);

// Every node of one cluster becomes one node: weights are summed, edges between two clusters become
// one, edges within a cluster vanish. coarse_of[v], the same on every rank, is v's cluster below
// num_coarse; nodes without an edge in the training graph may carry any number. Collective.
DistributedGraph contract(Communicator& communicator, const DistributedGraph& graph,
                          std::span<const std::uint32_t> coarse_of, std::uint32_t num_coarse);

}  // namespace halorec
