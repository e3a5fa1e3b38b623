// Item-based nearest neighbours (Sarwar et al., Item-based collaborative filtering recommendation
// algorithms, WWW 2001; Deshpande and Karypis, TOIS 2004). With c_ij the users that items i and j
// share and d their training degrees,
//     similarity(i, j) = c_ij / (sqrt(d_i d_j) + shrinkage)
//     score(u, i)      = sum of similarity(i, j) over j in N(i) and in u's history
// where N(i) are the most similar items of i. Ties go by the hash of the original id, then by
// index. Counts are whole numbers and sums run in ascending j: the same bits on any number of
// ranks.
//
// Memory: 8 bytes for each kept neighbour of an owned item, 4 bytes an item a thread, and, while
// neighbours are found, the item lists of the ghost users. Time: sum over users of degree squared.
#pragma once

#include "engine/scorer.hpp"

namespace halorec {

class ItemKnn final : public Scorer {
 public:
  // Collective.
  ItemKnn(const Shard& shard, const DatasetFile& dataset, std::int64_t num_neighbours,
          double shrinkage);

  // A row is the item's neighbours: num_neighbours indices (bits of a float), then as many
  // similarities; unused places hold kNone and 0.
  std::int64_t item_width() const override { return 2 * num_neighbours_; }
  void pack_items(std::span<const std::int32_t> owned, float* out) const override;
  void take_items(const ItemBlock& block) override;
  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count, float*,
             float* scores) const override;

  // The item's own neighbours.
  std::optional<std::vector<RankedItem>> similar_items(const Catalogue& catalogue,
                                                       std::uint32_t item,
                                                       std::int64_t k) const override;

 private:
  void fold_in_guests() override {}
  void find_neighbours(const std::vector<std::uint64_t>& id_hash, double shrinkage);

  std::int64_t num_neighbours_;
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
