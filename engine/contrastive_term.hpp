// The contrastive term: InfoNCE between two views of the nodes of a batch, users and items apart,
//   mean over nodes v of -cos(v', v'')/tau + log sum over nodes w of exp(cos(v', w'')/tau)
// (XSimGCL: Yu et al., TKDE 2023, eq. 4 and 12; SGL: Wu et al., SIGIR 2021, eq. 10). The nodes are
// those of the batch's first positions, so every rank has the same ones whatever the rank count,
// and a step's cost has a bound; the ranks divide the v' among themselves and each meets all w''.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/batch_gather.hpp"
#include "engine/loss_options.hpp"
#include "engine/sampler.hpp"
#include "engine/tape.hpp"

namespace halorec {

template <typename T>
class ContrastiveTerm {
 public:
  ContrastiveTerm(const Shard& shard, const LossOptions& options);

  // Finds the nodes of a step. Collective.
  void plan(const Batch& batch);
  // The owned rows that any rank reads (ascending, distinct).
  std::span<const std::int32_t> rows() const { return gather_->served_rows(); }
  // Views of the rows `all_rows` (ascending, distinct, a superset of rows(); outlives the step).
  // Returns this rank's share, unweighted. Collective.
  double record(Tape<T>& tape, Variable<T>& first_view, Variable<T>& second_view,
                std::span<const std::int32_t> all_rows, double weight);

 private:
  const Shard* shard_;
  double temperature_;
  std::int64_t num_positions_;
  std::int64_t num_users_ = 0, num_items_ = 0;
  std::optional<BatchGather> gather_;  // users, then items, each ascending
  std::vector<std::int32_t> places_;   // of rows() among all_rows
};

// The places of `rows` in `all`, both ascending and distinct.
std::vector<std::int32_t> places_in(std::span<const std::int32_t> all,
                                    std::span<const std::int32_t> rows);

}  // namespace halorec
