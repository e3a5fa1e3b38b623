#include "partition/covered_halo.hpp"

#include <algorithm>

#include "partition/vertex_cover.hpp"

namespace halorec {
namespace {

// The cross edges between this rank and another: own boundary rows and ghosts, numbered from 0.
struct PairEdges {
  std::span<const std::int32_t> own_rows;  // ascending, as the halo sends them
  std::int64_t first_ghost = 0, num_ghosts = 0;
};

VertexCover cover_pair(const BoundaryEdges& edges, const PairEdges& pair, bool own_is_left) {
  const auto num_own = static_cast<std::int32_t>(pair.own_rows.size());
  const auto num_ghosts = static_cast<std::int32_t>(pair.num_ghosts);
  std::vector<std::int64_t> begin{0};
  std::vector<std::int32_t> ends;
  if (own_is_left) {
    const Csr& cross = *edges.cross;
    for (const std::int32_t row : pair.own_rows) {
      const auto first = cross.column.begin() + cross.row_begin[static_cast<std::size_t>(row)];
      const auto last = cross.column.begin() + cross.row_begin[static_cast<std::size_t>(row) + 1];
      for (auto e = std::lower_bound(first, last, pair.first_ghost);
           e != last && *e < pair.first_ghost + pair.num_ghosts; ++e) {
        ends.push_back(static_cast<std::int32_t>(*e - pair.first_ghost));
      }
      begin.push_back(std::ssize(ends));
    }
    return minimum_vertex_cover(num_own, num_ghosts, begin, ends);
  }
  const Csr& transposed = *edges.cross_transposed;
  for (std::int64_t g = pair.first_ghost; g < pair.first_ghost + pair.num_ghosts; ++g) {
    auto at = pair.own_rows.begin();
    for (std::int64_t e = transposed.row_begin[static_cast<std::size_t>(g)];
         e < transposed.row_begin[static_cast<std::size_t>(g) + 1]; ++e) {
      at =
          std::lower_bound(at, pair.own_rows.end(), transposed.column[static_cast<std::size_t>(e)]);
      ends.push_back(static_cast<std::int32_t>(at - pair.own_rows.begin()));
    }
    begin.push_back(std::ssize(ends));
  }
  return minimum_vertex_cover(num_ghosts, num_own, begin, ends);
}

}  // namespace

CoveredBoundary cover_boundary(const BoundaryEdges& edges) {
  const std::size_t num_ranks = edges.send_begin.size() - 1;
  const Csr& transposed = *edges.cross_transposed;
  std::vector<std::int32_t> send_rows;
  std::vector<std::int64_t> send_begin(num_ranks + 1, 0), receive_begin(num_ranks + 1, 0);
  std::vector<std::int32_t> covered_ghost(static_cast<std::size_t>(edges.receive_begin.back()), -1);
  std::vector<char> own_is_covered(static_cast<std::size_t>(edges.num_owned), 0);
  Csr partial;
  for (std::size_t r = 0; r < num_ranks; ++r) {
    PairEdges pair;
    pair.own_rows = edges.send_rows.subspan(
        static_cast<std::size_t>(edges.send_begin[r]),
        static_cast<std::size_t>(edges.send_begin[r + 1] - edges.send_begin[r]));
    pair.first_ghost = edges.receive_begin[r];
    pair.num_ghosts = edges.receive_begin[r + 1] - pair.first_ghost;
    // The lower rank's nodes are the left ones on both sides, each in the order of its rows.
    const bool own_is_left = edges.rank < static_cast<int>(r);
    const VertexCover cover = cover_pair(edges, pair, own_is_left);
    const std::vector<char>& own = own_is_left ? cover.left : cover.right;
    const std::vector<char>& theirs = own_is_left ? cover.right : cover.left;
    for (std::size_t k = 0; k < own.size(); ++k) {
      own_is_covered[static_cast<std::size_t>(pair.own_rows[k])] = own[k];
      if (own[k] != 0) send_rows.push_back(pair.own_rows[k]);
    }
    std::int64_t num_covered = receive_begin[r];
    for (std::size_t k = 0; k < theirs.size(); ++k) {
      if (theirs[k] == 0) continue;
      const std::size_t g = static_cast<std::size_t>(pair.first_ghost) + k;
      covered_ghost[g] = static_cast<std::int32_t>(num_covered++);
      for (std::int64_t e = transposed.row_begin[g]; e < transposed.row_begin[g + 1]; ++e) {
        const std::int32_t row = transposed.column[static_cast<std::size_t>(e)];
        if (own_is_covered[static_cast<std::size_t>(row)] != 0) continue;
        partial.column.push_back(row);
        if (transposed.has_values()) {
          partial.value.push_back(transposed.value[static_cast<std::size_t>(e)]);
        }
      }
      partial.row_begin.push_back(std::ssize(partial.column));
    }
    send_begin[r + 1] = std::ssize(send_rows);
    receive_begin[r + 1] = num_covered;
  }

  Csr gathered;
  const Csr& cross = *edges.cross;
  for (std::size_t row = 0; row + 1 < cross.row_begin.size(); ++row) {
    for (std::int64_t e = cross.row_begin[row]; e < cross.row_begin[row + 1]; ++e) {
      const std::int32_t at =
          covered_ghost[static_cast<std::size_t>(cross.column[static_cast<std::size_t>(e)])];
      if (at < 0) continue;
      gathered.column.push_back(at);
      if (cross.has_values()) gathered.value.push_back(cross.value[static_cast<std::size_t>(e)]);
    }
    gathered.row_begin.push_back(std::ssize(gathered.column));
  }
  return {std::move(send_rows), std::move(send_begin), std::move(receive_begin),
          std::move(gathered), std::move(partial)};
}

CoveredHalo cover_halo(const Adjacency& edges) {
  const HaloPlan& halo = *edges.halo;
  CoveredBoundary covered = cover_boundary({edges.communicator().rank(), edges.num_owned(),
                                            &edges.cross, &edges.cross_transposed, halo.send_rows(),
                                            halo.send_begin(), halo.receive_begin()});
  return {HaloPlan(edges.communicator(), edges.num_owned(), std::move(covered.send_rows),
                   std::move(covered.send_begin), std::move(covered.receive_begin)),
          std::move(covered.gathered), std::move(covered.partial)};
}

}  // namespace halorec
