// METIS behind one door: its index type, return codes, chatter and vices stay inside.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halorec {

// Most entries that an array of METIS's can have: packaged METIS has 32-bit indices.
std::uint64_t metis_largest_count();

// A graph as METIS takes it, every edge in the rows of both its ends.
struct MetisGraph {
  std::vector<std::int32_t> begin{0};  // [num_nodes + 1]
  std::vector<std::int32_t> neighbour;
  std::vector<std::int32_t> edge_weight;  // as neighbour; empty: all are 1
  std::vector<std::int32_t> node_weight;  // [num_nodes x num_constraints]
  int num_constraints = 1;                // 1: nonzeros; 2: nonzeros and nodes

  std::size_t num_nodes() const { return begin.size() - 1; }
};

// What METIS may let a part exceed the mean by, for each constraint.
inline constexpr double kNonzeroTolerance = 1.03;
inline constexpr double kNodeTolerance = 1.05;

// Multilevel k-way partition, 2 <= num_parts < num_nodes; every part is in range, but one may be
// empty. `num_cuts` tries, the best counts. Error when METIS fails. Not collective.
std::vector<std::int32_t> metis_kway(const MetisGraph& graph, int num_parts, std::uint64_t seed,
                                     int num_cuts = 1);

}  // namespace halorec
