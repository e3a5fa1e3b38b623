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

#include "partition/adjacency.hpp"

namespace halorec {

// A rank's cross edges and who reads what, however they were come by.
struct BoundaryEdges {
  int rank = 0;
  std::int64_t num_owned = 0;
  const Csr* cross = nullptr;             // rows: owned; columns: ghosts
  const Csr* cross_transposed = nullptr;  // rows: ghosts; columns: owned rows
  // As in HaloPlan; one entry more than there are ranks.
  std::span<const std::int32_t> send_rows;
  std::span<const std::int64_t> send_begin, receive_begin;
};

struct CoveredBoundary {
  std::vector<std::int32_t> send_rows;
  std::vector<std::int64_t> send_begin, receive_begin;
  Csr gathered, partial;  // as below
};

// The same on both ranks of a pair, each from its own side. Not collective.
CoveredBoundary cover_boundary(const BoundaryEdges& edges);

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
CoveredHalo cover_halo(const Adjacency& edges);

}  // namespace halorec
