// Ranking by lists of neighbouring items, however they were found:
//     score(u, i) = sum of similarity(i, j) over j in N(i) and in u's history
// where N(i) are the most similar items of i. Ties go by the hash of the original id, then by
// index; sums run in ascending j: the same bits on any number of ranks.
//
// Memory: 8 bytes for each kept neighbour of an owned item, 8 bytes an item.
#pragma once

#include "models/baselines/likeness_scorer.hpp"

namespace halorec {

class NeighbourScorer : public LikenessScorer {
 public:
  // A row is the item's neighbours: num_neighbours indices (bits of a float), then as many
  // similarities; unused places hold kNone and 0.
  std::int64_t item_width() const override { return 2 * num_neighbours_; }
  void pack_items(std::span<const std::int32_t> owned, float* out) const override;
  void take_items(const ItemBlock& block) override;
  std::int64_t scratch_size(std::int64_t num_people) const override { return num_people; }
  void add_scores(std::span<const std::int32_t> people, std::span<const float> weights,
                  std::int64_t first, std::int64_t count, float*, float* scores) const override;
  // Divides the similarities of each item by their sum: its score is then its weight times the
  // share of N(i) that stands in the history.
  void scale_to(double cold, double warm) override;

  // The item's own neighbours.
  std::optional<std::vector<RankedItem>> similar_items(const Catalogue& catalogue,
                                                       std::uint32_t item,
                                                       std::int64_t k) const override;

 protected:
  // Without neighbours yet. Collective.
  NeighbourScorer(const Shard& shard, const DatasetFile& dataset, std::int64_t num_neighbours);

  // a is a nearer neighbour than b.
  bool before(const RankedItem& a, const RankedItem& b) const {
    if (a.score != b.score) return a.score > b.score;
    if (id_hash_[a.item] != id_hash_[b.item]) return id_hash_[a.item] < id_hash_[b.item];
    return a.item < b.item;
  }
  // Keeps the nearest of these, which it reorders, for owned item i. May be called from several
  // threads for different items.
  void keep_nearest(std::int64_t i, std::vector<RankedItem>& candidates);

 private:
  void fold_in_guests() override {}

  std::int64_t num_neighbours_;
  std::vector<std::uint64_t> id_hash_;  // [items of the whole graph]
  std::vector<std::int32_t> length_;    // [owned items]
  std::vector<RankedItem> neighbours_;  // [owned items x num_neighbours], by descending similarity

  // The block, turned round: for each item j of some row, the block's items that have it as a
  // neighbour, ascending. Slot s of j = slot_of_item_[j] - 1 when not 0.
  struct Entry {
    std::int32_t item;  // number in the block
    float similarity;
  };
  std::vector<std::uint32_t> slot_of_item_;  // [items of the whole graph]
  std::vector<std::uint32_t> slots_taken_;   // the j of each slot
  std::vector<std::size_t> slot_begin_;
  std::vector<Entry> entries_;
};

}  // namespace halorec
