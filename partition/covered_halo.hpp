// The hybrid exchange of a linear, symmetric product: fewer vectors than the plain halo, the same
// sum. For each pair of ranks a minimum vertex cover of their cross edges is taken; a covered node
// sends its row to the other rank, and receives from there one partial sum over all neighbours that
// are not covered. Each cross edge is met by exactly one of the two: exact up to the order of
// additions. (SuperGCN, arXiv 2411.16025.) Only for products whose edge weights both ranks know.
//
// Example: a hub h of rank 0 with neighbours a, b, c of rank 1. Plain, h's row goes to rank 1, and
// those of a, b and c to rank 0. Covered is h alone: its row goes over, and one sum of a, b and c
// comes back.
#pragma once

#include "partition/shard.hpp"

namespace halorec {

struct CoveredHalo {
  // The covered nodes: owned rows that are sent, and ghosts that are received, by gather. Its
  // adjoint, scatter_add, carries the partial sums home. The same nodes serve both.
  HaloPlan plan;
  // Edges of owned rows to covered ghosts. Rows: owned; columns: ghosts of `plan`.
  Csr gathered;
  // The other cross edges, by their covered far end. Rows: ghosts of `plan`; columns: owned rows.
  Csr partial;
};

// Both ranks of a pair compute the same cover, so nothing is communicated. Not collective.
CoveredHalo cover_halo(const Shard& shard);

}  // namespace halorec
