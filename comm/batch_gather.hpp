// Rows fetched from their owners for a loss, and the gradients returned to them. A step names the
// rows it reads as (owner rank, row at the owner); duplicates travel once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.hpp"

namespace halorec {

// Where a node's row lives.
struct RowAddress {
  std::int32_t owner = 0;
  std::int32_t row = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): takes the zero inside <=> for a pointer
  friend auto operator<=>(const RowAddress&, const RowAddress&) = default;
};

class BatchGather {
 public:
  // `wanted`: rows this rank reads, in its own order, repeats allowed. Collective.
  BatchGather(Communicator& communicator, std::span<const RowAddress> wanted);

  std::int64_t num_wanted() const { return static_cast<std::int64_t>(order_.size()); }
  // Owned rows that any rank reads, ascending and distinct: all that has to be computed.
  std::span<const std::int32_t> served_rows() const { return served_rows_; }
  std::int64_t num_served() const { return std::ssize(served_rows_); }

  // out[num_wanted x width] (dense) = the wanted rows, read from `served` [num_served x width, row
  // stride `stride`] on their owners. Collective. T: float, double.
  template <typename T>
  void gather(const T* served, std::int64_t stride, std::int64_t width, T* out) const;
  // The adjoint: adds each of `gradients` [num_wanted x width] to the served row it was read from.
  // Sums in the order of `wanted` within a rank, then in rank order. Collective.
  template <typename T>
  void scatter_add(const T* gradients, std::int64_t width, T* served, std::int64_t stride) const;

 private:
  Communicator* communicator_;
  // Wanted positions sorted by (owner, row, position); group g of equal rows is
  // order_[group_begin_[g] .. group_begin_[g+1]) and travels once.
  std::vector<std::int32_t> order_;
  std::vector<std::int64_t> group_begin_;
  std::vector<std::int64_t> fetch_counts_;  // distinct rows read from each rank
  std::vector<std::int64_t> serve_counts_;  // rows that each rank reads here
  std::vector<std::int32_t> served_rows_;
  std::vector<std::int32_t> serve_;  // for each row that a rank reads: its place in served_rows_
};

}  // namespace halorec
