// Scores by the inner product of final rows, what every embedding model ranks by, and, where asked
// for, by how popular items are:
//   score(u, i) = <x_u, x_i> + c |x_u| log d_i,
// d_i: the item's popularity (Scorer::popularity_of), at least 1: its training degree, or what
// ages. With item rows of length 1 that is the cosine plus c log d_i, times what is the same for
// all items. A softmax over the cosine / t against negatives drawn by d^a learns
//   cos / t = log p(i | u) - a log d_i + what is the same for all items
// (Bengio and Senecal, 2008; Yi et al., RecSys 2019, eq. 3), so that c = t a ranks by p.
#pragma once

#include "engine/scorer.hpp"

namespace halorec {

// Of which nodes without interactions the rows say something, made of what else is known of them;
// zero, where nothing is.
struct ColdRows {
  bool users = false, items = false;
};

class EmbeddingScorer final : public Scorer {
 public:
  // rows: [num_owned x dim], users first, then items, as in the shard; kept by reference and read
  // at each ranking, so one scorer serves a whole training.
  // log_popularity: c.
  EmbeddingScorer(const Shard& shard, MatrixView<const float> rows, ColdRows cold = {},
                  double log_popularity = 0);

  // The row, and log d_i where it counts.
  std::int64_t item_width() const override { return rows_.cols + (log_popularity_ != 0 ? 1 : 0); }
  void pack_items(std::span<const std::int32_t> owned, float* out) const override;
  std::int64_t scratch_size(std::int64_t num_people) const override {
    return num_people * item_width();
  }
  void take_items(const ItemBlock& block) override;
  // Equal rows of items have equal scores, wherever they stand and whoever ranks them.
  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
             float* scratch, float* scores) const override;

  // [dim]: of a user of this rank, or of a guest.
  const float* row_of(std::int32_t person) const {
    const std::int64_t guest = person - shard().num_owned_users();
    return guest < 0 ? rows_.row(person) : guest_rows_.row(guest);
  }

  bool serves_cold(std::int64_t person) const override;
  bool serves_cold_items() const override { return cold_.items; }
  // Those whose rows are zero.
  std::vector<std::uint32_t> unknown_items() const override;

  // By the cosine of item rows.
  std::optional<std::vector<RankedItem>> similar_items(const Catalogue& catalogue,
                                                       std::uint32_t item,
                                                       std::int64_t k) const override;

 private:
  // One layer of propagation from the history: e = sum over its items i that have rows of
  // e_i / sqrt(d_i), over sqrt of their number (d: training degree, 1 of a cold item).
  void fold_in_guests() override;

  MatrixView<const float> rows_;
  ColdRows cold_;
  double log_popularity_;
  Matrix<float> guest_rows_;    // [guests x dim], the same on every rank
  LargeVector<float> columns_;  // [item_width x items of the block]
};

// The same scores as inner products alone: [num_owned x dim + 1], users' rows and c |x_u| behind
// them, items' and log d_i as the scorer has d.
Matrix<float> rows_with_popularity(const Scorer& scorer, MatrixView<const float> rows,
                                   double log_popularity);

}  // namespace halorec
