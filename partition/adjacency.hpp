// A square sparse matrix over the nodes of all ranks, by rows: who hears whom, and how much each
// edge weighs. A rank holds the rows of its owned nodes, split into local edges (the far end is
// owned too) and cross edges (it is a ghost), with the halo plan that fills the ghosts. The
// interactions of a shard are one, each further relation between nodes (trust, links of items) is
// another.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "comm/batch_gather.hpp"
#include "comm/communicator.hpp"
#include "comm/halo.hpp"

namespace halorec {

// Compressed sparse rows.
struct Csr {
  std::vector<std::int64_t> row_begin{0};
  std::vector<std::int32_t> column;
  std::vector<float> value;  // beside column; empty: all are ones, and cost nothing

  std::int64_t num_rows() const { return static_cast<std::int64_t>(row_begin.size()) - 1; }
  std::int64_t num_nonzeros() const { return row_begin.back(); }
  bool has_values() const { return !value.empty(); }
};
// Rows and columns exchanged; columns ascend within a row.
Csr transpose(const Csr& matrix, std::int64_t num_columns);

struct Adjacency {
  // Rows = owned. local: columns are owned rows; cross: columns are ghosts numbered from 0, by
  // (owner, row at the owner); both ascending within a row.
  Csr local, cross;
  Csr cross_transposed;  // rows = ghosts, columns = owned rows
  // Symmetric normalisation: the entry of (i, j) is scale[i] value(i, j) scale[j]. [num_owned]: 1 /
  // sqrt(sum of the row's values), zero for a node without edges.
  std::vector<double> scale;
  std::unique_ptr<HaloPlan> halo;

  std::int64_t num_owned() const { return local.num_rows(); }
  std::int64_t num_ghosts() const { return halo->num_ghosts(); }
  Communicator& communicator() const { return halo->communicator(); }
};

// Rows of owned nodes of one kind: those of node k are values[begin[k] .. begin[k + 1]), distinct
// indices into `address`, where each far end lives.
struct NeighbourLists {
  std::span<const std::int64_t> begin;
  std::span<const std::uint32_t> values;
  std::span<const RowAddress> address;
  // Of each of `values`; none, in all blocks alike: ones. An edge weighs the same, above zero, at
  // both ends; or, of one that is heard one way alone, zero at the other, and cross_transposed is
  // the caller's to set.
  std::span<const float> weights = {};
};

// The blocks' rows one below the other; far ends of different blocks are different nodes. The
// matrix must be symmetric over all ranks: whoever hears is heard. Collective.
Adjacency make_adjacency(Communicator& communicator, std::span<const NeighbourLists> blocks);

}  // namespace halorec
