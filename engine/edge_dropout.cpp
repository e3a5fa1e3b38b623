#include "engine/edge_dropout.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halorec {

void keep_edges(const EdgeDropout& dropout, const Csr& matrix, std::span<const GlobalId> row_ids,
                std::span<const GlobalId> column_ids, Csr& kept) {
  const std::int64_t num_rows = matrix.num_rows();
  HALOREC_ASSERT_LIGHT(std::ssize(row_ids) == num_rows);
  kept.row_begin.assign(matrix.row_begin.size(), 0);
  // Each row's kept columns first to the front of where the whole row stands.
  std::vector<std::int32_t> in_place(matrix.column.size());
  std::vector<float> value_in_place(matrix.value.size());
#pragma omp parallel for schedule(dynamic, 256)
  for (std::int64_t r = 0; r < num_rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    std::int64_t next = matrix.row_begin[row];
    for (std::int64_t e = matrix.row_begin[row]; e < matrix.row_begin[row + 1]; ++e) {
      const std::int32_t column = matrix.column[static_cast<std::size_t>(e)];
      if (!dropout.keeps(row_ids[row], column_ids[static_cast<std::size_t>(column)])) continue;
      if (matrix.has_values()) {
        value_in_place[static_cast<std::size_t>(next)] = matrix.value[static_cast<std::size_t>(e)];
      }
      in_place[static_cast<std::size_t>(next++)] = column;
    }
    kept.row_begin[row + 1] = next - matrix.row_begin[row];
  }
  std::partial_sum(kept.row_begin.begin(), kept.row_begin.end(), kept.row_begin.begin());
  kept.column.resize(static_cast<std::size_t>(kept.row_begin.back()));
  kept.value.resize(matrix.has_values() ? kept.column.size() : 0);
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < num_rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    const std::int64_t count = kept.row_begin[row + 1] - kept.row_begin[row];
    std::copy_n(in_place.begin() + matrix.row_begin[row], count,
                kept.column.begin() + kept.row_begin[row]);
    if (!matrix.has_values()) continue;
    std::copy_n(value_in_place.begin() + matrix.row_begin[row], count,
                kept.value.begin() + kept.row_begin[row]);
  }
}

std::vector<GlobalId> ids_of_ghosts(const HaloPlan& plan, std::span<const GlobalId> owned_ids) {
  std::vector<std::uint64_t> sent;
  for (const std::int32_t row : plan.send_rows()) {
    sent.push_back(owned_ids[static_cast<std::size_t>(row)].bits());
  }
  std::vector<std::int64_t> counts;
  for (std::size_t r = 0; r + 1 < plan.send_begin().size(); ++r) {
    counts.push_back(plan.send_begin()[r + 1] - plan.send_begin()[r]);
  }
  std::vector<GlobalId> ids;
  for (const std::uint64_t bits : plan.communicator().all_to_all<std::uint64_t>(sent, counts)) {
    ids.push_back(GlobalId::from_bits(bits));
  }
  HALOREC_ASSERT_LIGHT(std::ssize(ids) == plan.num_ghosts());
  return ids;
}

double normalising_scale(double degree) {
  return degree == 0 ? 0.0 : 1.0 / std::sqrt(degree);
}

}  // namespace halorec
