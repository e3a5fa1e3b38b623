// Column-parallel propagation: the columns of a linear model do not mix, so with each rank holding
// the whole graph and a block of columns of all rows, layers need no halo at all; rows travel once
// before the first layer and once after the last (NeutronTP, arXiv 2412.20379). Two vectors a node
// and step, however many layers, against two exchanges of the halo for each layer but the last; but
// every rank meets every edge. It pays with deep models and poor cuts of graphs with few edges a
// node, where the whole graph fits every rank.
#pragma once

#include <span>
#include <vector>

#include "engine/propagation.hpp"

namespace halorec {

// Moves rows between their owners and blocks of columns. Nodes of a block stand in the order of the
// whole graph.
template <typename T>
class ColumnExchange {
 public:
  // whole: all nodes on this rank, rows in an order of its own.
  ColumnExchange(const Shard& shard, const Shard& whole, std::int64_t dim);

  std::int64_t num_nodes() const { return std::ssize(arrival_of_); }
  std::int64_t num_columns() const { return column_begin(rank_ + 1) - column_begin(rank_); }

  // block [num_nodes x num_columns] = this rank's columns of everybody's owned rows [. x dim].
  // Collective.
  void to_columns(MatrixView<const T> owned, MatrixView<T> block);
  // The adjoint: adds to the owned rows what all ranks' blocks hold of them. Collective.
  void add_from_columns(MatrixView<const T> block, MatrixView<T> owned);

  // Names owned rows (ascending, distinct); demanded() is then everybody's, by node, ascending.
  // Collective.
  void demand(std::span<const std::int32_t> rows);
  std::span<const std::int32_t> demanded() const { return demanded_; }
  // The same two moves for the demanded rows: rows [own demanded x dim], block [demanded().size() x
  // num_columns]; the second overwrites. Collective.
  void demanded_to_columns(MatrixView<const T> rows, MatrixView<T> block);
  void demanded_from_columns(MatrixView<const T> block, MatrixView<T> rows);

 private:
  // Rows of all ranks as they arrive: those of rank r at [begin[r], begin[r + 1]).
  using Begin = std::vector<std::int64_t>;
  std::int64_t column_begin(int rank) const { return dim_ * rank / num_ranks_; }
  std::vector<T> send_columns(MatrixView<const T> rows, const Begin& begin) const;
  std::vector<T> send_home(std::vector<T> by_owner, const Begin& begin) const;

  Communicator* communicator_;
  int rank_, num_ranks_;
  std::int64_t dim_;
  Begin owned_begin_, demanded_begin_;
  std::vector<std::int64_t> arrival_of_;  // of each node
  std::vector<std::int64_t> node_of_arrival_;
  std::vector<std::int64_t> demanded_arrival_of_;  // of each demanded node
  std::vector<std::int32_t> demanded_;
};

// The whole graph on this rank alone, and the exchange that leads to it and back.
template <typename T>
struct ColumnPropagation {
  // whole: all nodes and edges, on a communicator of this rank alone; outlives this.
  ColumnPropagation(const Shard& shard, const Shard& whole, std::int64_t dim,
                    RowStorage store = RowStorage::full)
      : propagation(whole, {.store = store}), exchange(shard, whole, dim) {}
  Propagation<T> propagation;
  ColumnExchange<T> exchange;
};

// What a step costs by rows with the hybrid halo, and by columns: what --exchange auto compares.
struct ExchangeCost {
  // That travel in a step over all ranks, by node.
  double hybrid_vectors = 0, column_vectors = 0;
  // Of a rank in a step: bytes of rows gathered for edges, and those that travel, weighted.
  double hybrid_bytes = 0, column_bytes = 0;
};
struct ExchangeSizes {
  double num_nodes = 0, num_edges = 0;
  std::int64_t num_ranks = 1, num_layers = 0, dim = 0;
  double hybrid_vectors = 0;  // that a layer sends, by node
};
// Columns give every rank all edges, of rows cut short: an edge costs its row's bytes and as much
// as 128 more, a byte that travels as much as eight that are gathered (a rank of several threads on
// a fast network). Not collective.
ExchangeCost exchange_cost(const ExchangeSizes& sizes);
// Of a shard with its minimum covers. Collective.
ExchangeCost exchange_cost(const Shard& shard, std::int64_t num_layers, std::int64_t dim);
// Whether columns can be the better plan at all: at least two layers, blocks of at least a cache
// line, and a whole graph that takes at most an eighth of the memory that this host has a rank.
// The same on every rank. Collective.
bool columns_may_pay(const Shard& shard, std::int64_t dim, std::int64_t num_layers);
// The same from sizes; `memory_bytes`: that a rank's host has for it. Not collective.
bool columns_may_pay(std::uint64_t num_edges, std::int64_t num_ranks, double memory_bytes,
                     std::int64_t dim, std::int64_t num_layers);

}  // namespace halorec
