// Label propagation within limits, over the ranks: it finds clusters to contract, and it refines a
// cut (Meyerhenke, Sanders, Schulz, Parallel graph partitioning for complex networks, IPDPS 2015).
//
// In a round every node looks once, in turns: a hash chooses the turn, and on the training graph
// users and items take separate turns, so that no neighbour moves at the same time and a gain is
// what it seems to be. Within a turn all nodes decide from the same labels.
#pragma once

#include <cstdint>

#include "partition/cluster/moves.hpp"

namespace halorec {

// Clusters of nodes that hold together, none above the limit unless a single node is. of[v] is a
// node of v's cluster. Collective.
Grouping find_clusters(Communicator& communicator, const DistributedGraph& graph, Load limit,
                       std::uint64_t seed);

// Numbers the clusters in use from 0, in order of their label, and returns how many there are.
// Deterministic, the same on every rank; not collective.
std::uint32_t number_clusters(const DistributedGraph& graph, Grouping& grouping);

// Moves nodes between parts (groups) while that lowers the cut and stays within the limit; parts
// above the limit first give away what costs least. Collective.
void refine(Communicator& communicator, const DistributedGraph& graph, Grouping& parts, Load limit,
            std::uint64_t seed);

}  // namespace halorec
