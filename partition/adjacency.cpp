#include "partition/adjacency.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halorec {
namespace {

constexpr std::int32_t kNoGhost = -1;

// Distinct foreign ends of all blocks, by (owner, row).
std::vector<RowAddress> find_ghosts(int rank, std::span<const NeighbourLists> blocks,
                                    std::vector<std::vector<std::int32_t>>& ghost_of) {
  std::vector<RowAddress> ghosts;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    ghost_of[b].assign(blocks[b].address.size(), kNoGhost);
    for (const std::uint32_t end : blocks[b].values) {
      if (blocks[b].address[end].owner == rank || ghost_of[b][end] == 0) continue;
      ghost_of[b][end] = 0;
      ghosts.push_back(blocks[b].address[end]);
    }
  }
  std::sort(ghosts.begin(), ghosts.end());
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    for (std::size_t k = 0; k < ghost_of[b].size(); ++k) {
      if (ghost_of[b][k] == kNoGhost) continue;
      ghost_of[b][k] = static_cast<std::int32_t>(
          std::lower_bound(ghosts.begin(), ghosts.end(), blocks[b].address[k]) - ghosts.begin());
    }
  }
  return ghosts;
}

void append_rows(int rank, const NeighbourLists& block, const std::vector<std::int32_t>& ghost_of,
                 Adjacency& adjacency) {
  Csr &local = adjacency.local, &cross = adjacency.cross;
  for (std::size_t r = 0; r + 1 < block.begin.size(); ++r) {
    const std::int64_t degree = block.begin[r + 1] - block.begin[r];
    adjacency.scale.push_back(degree == 0 ? 0.0 : 1.0 / std::sqrt(static_cast<double>(degree)));
    for (std::int64_t e = block.begin[r]; e < block.begin[r + 1]; ++e) {
      const std::uint32_t end = block.values[static_cast<std::size_t>(e)];
      if (block.address[end].owner == rank) {
        local.column.push_back(block.address[end].row);
      } else {
        cross.column.push_back(ghost_of[end]);
      }
    }
    std::sort(local.column.begin() + local.row_begin.back(), local.column.end());
    std::sort(cross.column.begin() + cross.row_begin.back(), cross.column.end());
    local.row_begin.push_back(std::ssize(local.column));
    cross.row_begin.push_back(std::ssize(cross.column));
  }
}

}  // namespace

Csr transpose(const Csr& matrix, std::int64_t num_columns) {
  Csr result;
  result.row_begin.assign(static_cast<std::size_t>(num_columns) + 1, 0);
  for (const std::int32_t column : matrix.column) {
    ++result.row_begin[static_cast<std::size_t>(column) + 1];
  }
  std::partial_sum(result.row_begin.begin(), result.row_begin.end(), result.row_begin.begin());
  result.column.resize(matrix.column.size());
  std::vector<std::int64_t> next(result.row_begin.begin(), result.row_begin.end() - 1);
  for (std::int64_t row = 0; row < matrix.num_rows(); ++row) {
    for (std::int64_t e = matrix.row_begin[static_cast<std::size_t>(row)];
         e < matrix.row_begin[static_cast<std::size_t>(row) + 1]; ++e) {
      const auto column = static_cast<std::size_t>(matrix.column[static_cast<std::size_t>(e)]);
      const auto slot = static_cast<std::size_t>(next[column]++);
      result.column[slot] = static_cast<std::int32_t>(row);
    }
  }
  return result;
}

Adjacency make_adjacency(Communicator& communicator, std::span<const NeighbourLists> blocks) {
  std::vector<std::vector<std::int32_t>> ghost_of(blocks.size());
  const std::vector<RowAddress> ghosts = find_ghosts(communicator.rank(), blocks, ghost_of);
  Adjacency adjacency;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    append_rows(communicator.rank(), blocks[b], ghost_of[b], adjacency);
  }
  adjacency.cross_transposed = transpose(adjacency.cross, std::ssize(ghosts));
  std::vector<std::int32_t> ghost_owner, ghost_row;
  for (const RowAddress& ghost : ghosts) {
    ghost_owner.push_back(ghost.owner);
    ghost_row.push_back(ghost.row);
  }
  adjacency.halo =
      std::make_unique<HaloPlan>(communicator, adjacency.num_owned(), ghost_owner, ghost_row);
  return adjacency;
}

}  // namespace halorec
