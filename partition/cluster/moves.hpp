// Moving nodes between groups (clusters, or parts) over the ranks, within limits on what a group
// holds. Both halves of the cluster method are made of it: every rank proposes for its own nodes
// from what all ranks know, the proposals for one group meet on one rank that admits as many as
// fit, and all ranks carry out what was admitted.
//
// A round's outcome is a function of the graph and the grouping before it: proposals are judged in
// an order of their own (best first, ties by hash), never in order of arrival.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "partition/cluster/distributed_graph.hpp"

namespace halorec {

struct Load {
  std::uint64_t nonzeros = 0;
  std::uint64_t members = 0;

  friend Load operator+(Load a, Load b) { return {a.nonzeros + b.nonzeros, a.members + b.members}; }
  bool fits(Load limit) const { return nonzeros <= limit.nonzeros && members <= limit.members; }
};

inline Load load_of(const DistributedGraph& graph, std::uint32_t node) {
  return {graph.num_nonzeros[node], graph.num_members[node]};
}

// Who is where: the same on every rank.
struct Grouping {
  std::vector<std::uint32_t> of;  // [num_nodes]
  std::vector<Load> loads;        // [number of groups]

  // Sums `loads` anew from `of`.
  void sum_loads(const DistributedGraph& graph, std::uint32_t num_groups);
};

struct Proposal {
  std::uint32_t node;
  std::uint32_t group;  // to move to
  float score;          // larger goes first
};

// Of all ranks' proposals those that let no group exceed the limit, judged group by group; what
// leaves a group in the same round makes no room. At most one proposal a node. Returned on the rank
// that judged them. Collective.
std::vector<Proposal> admit(Communicator& communicator, const DistributedGraph& graph,
                            const Grouping& grouping, Load limit,
                            std::span<const Proposal> proposals);

// Of all ranks' proposals only as many as bring each group they leave to the limit (best first).
// Returned on the rank that judged them. Collective.
std::vector<Proposal> only_the_excess(Communicator& communicator, const DistributedGraph& graph,
                                      const Grouping& grouping, Load limit,
                                      std::span<const Proposal> proposals);

// Moves the nodes of all ranks' proposals; returns their number. Collective.
std::uint64_t carry_out(Communicator& communicator, const DistributedGraph& graph,
                        Grouping& grouping, std::span<const Proposal> proposals);

// 32 bits for a node in a round, the same on every machine.
std::uint32_t round_hash(std::uint32_t node, std::uint64_t seed);

}  // namespace halorec
