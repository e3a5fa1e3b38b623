// Content profiles: a user is the sum of the rows (content_rows.hpp) of the items in the history,
// and items rank by the inner product of theirs, of length 1, with it; the ranking by the cosine of
// both (Pazzani and Billsus, Content-based recommendation systems, in The Adaptive Web, 2007).
//
// Rows of items that a rank's users have are kept where the users are; those that are ranked travel
// in blocks, padded to the longest. Sums run in ascending item, products in ascending feature: the
// same bits on any number of ranks. Memory: the rows of owned and ghost items, and the features of
// a person for each thread. Time: for each 512 items of a block the entries of the history's rows
// and of theirs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/baselines/content_rows.hpp"
#include "models/baselines/likeness_scorer.hpp"

namespace halorec {

class ContentProfile final : public LikenessScorer {
 public:
  // Usage Error on every rank when the dataset has no such column of items. Collective.
  ContentProfile(const Shard& shard, const DatasetFile& dataset,
                 const std::vector<std::string>& columns);

  // A row is the item's features (bits of a float), then as many values; unused places hold kNone
  // and 0.
  std::int64_t item_width() const override { return 2 * longest_; }
  void pack_items(std::span<const std::int32_t> owned, float* out) const override;
  std::int64_t scratch_size(std::int64_t num_people) const override {
    return num_people + num_features_;
  }
  void add_scores(std::span<const std::int32_t> people, std::span<const float> weights,
                  std::int64_t first, std::int64_t count, float* scratch,
                  float* scores) const override;
  // Scores are cosines with the profile, times the item's weight.
  void scale_to(double cold, double warm) override { weights_ = {cold, warm}; }
  bool serves_cold_items() const override { return true; }

 private:
  void fetch_ghost_rows();
  // Fetches the rows of items in guests' histories that are not here yet. Collective.
  void fold_in_guests() override;
  // Puts a row behind those that are here.
  void append_row(std::uint32_t item, std::span<const std::uint32_t> feature,
                  std::span<const float> value);

  struct Weights {
    double cold, warm;
  };
  std::optional<Weights> weights_;  // none: products with the profile as they come
  SparseRows rows_;                 // of owned items, then of ghosts, then of guests' items
  std::int64_t num_features_ = 0;
  std::int64_t longest_ = 0;                 // row of any item, on any rank
  std::vector<std::int32_t> place_of_item_;  // [items of the whole graph], -1 where not here
};

}  // namespace halorec
