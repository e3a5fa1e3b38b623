#include "partition/adjacency.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

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

// Ends the row whose columns, and values if any, stand behind the last row's end.
void end_row(Csr& matrix) {
  const auto begin = static_cast<std::size_t>(matrix.row_begin.back());
  matrix.row_begin.push_back(std::ssize(matrix.column));
  const auto first = matrix.column.begin() + static_cast<std::ptrdiff_t>(begin);
  if (!matrix.has_values()) {
    std::sort(first, matrix.column.end());
    return;
  }
  std::vector<std::pair<std::int32_t, float>> row;
  for (std::size_t e = begin; e < matrix.column.size(); ++e) {
    row.emplace_back(matrix.column[e], matrix.value[e]);
  }
  std::sort(row.begin(), row.end());
  for (std::size_t e = begin; e < matrix.column.size(); ++e) {
    std::tie(matrix.column[e], matrix.value[e]) = row[e - begin];
  }
}

// A row's degree is summed in the order of its list: the same bits on any number of ranks.
void append_rows(int rank, const NeighbourLists& block, const std::vector<std::int32_t>& ghost_of,
                 Adjacency& adjacency) {
  const bool weighs = !block.weights.empty();
  for (std::size_t r = 0; r + 1 < block.begin.size(); ++r) {
    double degree = weighs ? 0.0 : static_cast<double>(block.begin[r + 1] - block.begin[r]);
    for (auto e = static_cast<std::size_t>(block.begin[r]);
         e < static_cast<std::size_t>(block.begin[r + 1]); ++e) {
      const std::uint32_t end = block.values[e];
      const bool is_local = block.address[end].owner == rank;
      if (is_local && weighs && block.weights[e] == 0) continue;
      Csr& matrix = is_local ? adjacency.local : adjacency.cross;
      matrix.column.push_back(is_local ? block.address[end].row : ghost_of[end]);
      if (!weighs) continue;
      HALOREC_ASSERT_LIGHT(block.weights[e] >= 0);
      matrix.value.push_back(block.weights[e]);
      degree += static_cast<double>(block.weights[e]);
    }
    adjacency.scale.push_back(degree == 0 ? 0.0 : 1.0 / std::sqrt(degree));
    end_row(adjacency.local);
    end_row(adjacency.cross);
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
  result.value.resize(matrix.value.size());
  std::vector<std::int64_t> next(result.row_begin.begin(), result.row_begin.end() - 1);
  for (std::int64_t row = 0; row < matrix.num_rows(); ++row) {
    for (std::int64_t e = matrix.row_begin[static_cast<std::size_t>(row)];
         e < matrix.row_begin[static_cast<std::size_t>(row) + 1]; ++e) {
      const auto column = static_cast<std::size_t>(matrix.column[static_cast<std::size_t>(e)]);
      const auto slot = static_cast<std::size_t>(next[column]++);
      result.column[slot] = static_cast<std::int32_t>(row);
      if (matrix.has_values()) result.value[slot] = matrix.value[static_cast<std::size_t>(e)];
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
  for (const Csr* matrix : {&adjacency.local, &adjacency.cross}) {
    HALOREC_ASSERT_LIGHT(!matrix->has_values() || matrix->value.size() == matrix->column.size());
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
