// The items that may stand in a list (the candidates), in the order in which their owners send
// them, and the order of lists: score descending, then the hash of the original id (indices often
// follow popularity, so they must not break ties), then the index; where places are kept for cold
// items, of each kind in its places. 12 bytes an item on every rank.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/cold_places.hpp"
#include "engine/scorer.hpp"

namespace halorec {

// Warm: with a training interaction. Cold: the others.
enum class Candidates : std::uint8_t { warm, cold, all };

inline bool is_among(Candidates candidates, bool warm) {
  return candidates == Candidates::all || warm == (candidates == Candidates::warm);
}

// What stands in lists unless the caller says otherwise.
inline Candidates served_candidates(const Scorer& scorer) {
  return scorer.serves_cold_items() ? Candidates::all : Candidates::warm;
}

class Catalogue {
 public:
  // Collective.
  Catalogue(const Shard& shard, const DatasetFile& dataset,
            Candidates candidates = Candidates::warm);

  // Narrows to these items, or to all but these (global indices, any order, repeats allowed; the
  // same on every rank).
  void keep_only(std::span<const std::uint32_t> items);
  void remove(std::span<const std::uint32_t> items);
  // Without the items that the scorer serves and knows nothing of; nothing, where there are none.
  // Collective.
  std::optional<Catalogue> known_to(const Scorer& scorer) const;
  // Those of one kind alone, without places kept for any. Not collective.
  Catalogue narrowed(const Shard& shard, Candidates candidates) const;

  // The same on every rank.
  void keep_places(ColdPlaces places) { cold_places_ = places; }
  const ColdPlaces& cold_places() const { return cold_places_; }

  // Candidates that `rank` owns: global indices, ascending.
  std::span<const std::uint32_t> of_rank(int rank) const {
    return {items_.data() + begin_[static_cast<std::size_t>(rank)],
            items_.data() + begin_[static_cast<std::size_t>(rank) + 1]};
  }
  std::uint64_t num_items() const { return items_.size(); }
  bool holds(const Shard& shard, std::uint32_t item) const {
    const auto candidates = of_rank(shard.address_of_item(item).owner);
    return std::binary_search(candidates.begin(), candidates.end(), item);
  }

  // a stands before b in a list, among items of its kind.
  bool before(const RankedItem& a, const RankedItem& b) const {
    if (a.score != b.score) return a.score > b.score;
    const std::uint64_t hash_a = id_hash_[a.item], hash_b = id_hash_[b.item];
    return hash_a != hash_b ? hash_a < hash_b : a.item < b.item;
  }

 private:
  template <typename Keep>
  void filter(const Keep& keep);

  std::vector<std::uint64_t> id_hash_;  // XXH3 of the original id, by global index
  std::vector<std::uint32_t> items_;    // by (owner, index)
  std::vector<std::size_t> begin_;      // [ranks + 1]
  ColdPlaces cold_places_;
};

}  // namespace halorec
