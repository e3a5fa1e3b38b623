// The edges as operators see them that look at one edge at a time (attention, max): for each owned
// node its neighbours, and for each node that is a neighbour the owned nodes that read it. Rows of
// neighbours are those of ops/neighbour_rows: owned rows, then ghosts. A node's neighbours stand by
// ascending global id, so that a sum over them has the same bits, and the first of equals is the
// same, on any number of ranks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/sparse_product.hpp"
#include "partition/shard.hpp"

namespace halorec {

// Which of the owned rows an operator computes: all, or those that the step demands.
enum class Rows : std::uint8_t { all, demanded };

class Neighbourhood {
 public:
  // Of the shard's interactions, or of `edges` between its nodes. with_self: a node is a neighbour
  // of itself too. Collective.
  Neighbourhood(const Shard& shard, bool with_self)
      : Neighbourhood(shard, shard.interactions(), with_self) {}
  Neighbourhood(const Shard& shard, const Adjacency& edges, bool with_self);

  // Of ready lists: rows of `edges` are owned nodes, columns places among num_sources rows, by
  // ascending global id within a row. degree: of each owned node, the neighbours of which the lists
  // hold some. The rows demanded are named at once. Not collective.
  Neighbourhood(Csr edges, std::int64_t num_sources, std::vector<std::int32_t> degree,
                std::span<const std::int32_t> demanded);

  std::int64_t num_owned() const { return edges_.num_rows(); }
  std::int64_t num_sources() const { return readers_.num_rows(); }  // owned and ghosts
  std::int64_t num_edges() const { return edges_.num_nonzeros(); }
  // Rows: owned nodes; columns: their neighbours.
  const Csr& edges() const { return edges_; }
  // The transpose: rows are neighbours, columns the owned nodes that read them. Nonzero k of it is
  // nonzero edge_of()[k] of edges().
  const Csr& readers() const { return readers_; }
  std::span<const std::int64_t> edge_of() const { return edge_of_; }

  // Neighbours that an owned node has, listed or not.
  std::int64_t degree(std::int64_t row) const {
    const auto r = static_cast<std::size_t>(row);
    return degree_.empty() ? edges_.row_begin[r + 1] - edges_.row_begin[r] : degree_[r];
  }

  // Names the owned rows, ascending and distinct, that Rows::demanded means. Not collective.
  void demand(std::span<const std::int32_t> rows);
  std::int64_t num_rows(Rows rows) const {
    return rows == Rows::all ? num_owned() : std::ssize(demanded_);
  }
  // Place of each owned row among those computed, or -1; nullptr: the row itself.
  const std::int32_t* place(Rows rows) const { return rows == Rows::all ? nullptr : place_.data(); }
  const RowChunks& chunks(Rows rows) const {
    return rows == Rows::all ? all_chunks_ : demanded_chunks_;
  }
  const RowChunks& reader_chunks() const { return reader_chunks_; }

 private:
  // What follows from edges_.
  void turn_round(std::int64_t num_sources);

  Csr edges_, readers_;
  std::vector<std::int32_t> degree_;  // empty: all neighbours are listed
  std::vector<std::int64_t> edge_of_;
  std::vector<std::int32_t> demanded_, place_;
  RowChunks all_chunks_, demanded_chunks_, reader_chunks_;
};

inline std::int64_t num_parcels(const RowChunks& chunks) {
  return std::ssize(chunks.hubs()) + std::ssize(chunks.chunks());
}

// f(parcel, k, row) for all positions k of `chunks` and their rows; a parcel is what one thread
// does without interruption, the same rows on any number of threads. f writes what belongs to its
// row, or to its parcel.
template <typename F>
void for_each_row(const RowChunks& chunks, const F& f) {
  const std::int64_t num_hubs = std::ssize(chunks.hubs());
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t parcel = 0; parcel < num_parcels(chunks); ++parcel) {
    std::int64_t first = 0, last = 0;
    if (parcel < num_hubs) {
      first = chunks.hubs()[static_cast<std::size_t>(parcel)].position;
      last = first + 1;
    } else {
      first = chunks.chunks()[static_cast<std::size_t>(parcel - num_hubs)].first;
      last = chunks.chunks()[static_cast<std::size_t>(parcel - num_hubs)].last;
    }
    for (std::int64_t k = first; k < last; ++k) {
      f(parcel, k, chunks.rows().empty() ? k : chunks.rows()[static_cast<std::size_t>(k)]);
    }
  }
}

}  // namespace halorec
