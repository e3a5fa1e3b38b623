// The best k items for each person, over the whole catalogue and all ranks.
//
// Blocks of items go round by broadcast, rank 0's first; each rank scores its people against the
// block in tiles of 256 people x 512 items and keeps every person's best k behind a threshold, so
// that most scores cost one compare. Nothing of size users x items exists: a rank holds one block
// (at most 1 MiB or 256 items), a 512 KiB tile and the scorer's scratch for each thread, and 8 k
// bytes a person asked for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/catalogue.hpp"
#include "engine/scorer.hpp"

namespace halorec {

struct RankingQuery {
  std::int64_t k = 20;
  std::span<const std::int32_t> people;     // rows of this rank (see scorer.hpp), any number
  bool exclude_history = true;              // leave out what the person has interacted with
  const UserItems* also_exclude = nullptr;  // further items of users to leave out
};

class RankedLists {
 public:
  RankedLists() = default;
  RankedLists(std::int64_t num_people, std::int64_t k);

  std::int64_t num_people() const { return static_cast<std::int64_t>(length_.size()); }
  // Puts an item behind the others of person p, who has fewer than k.
  void append(std::int64_t p, const RankedItem& item) {
    entries_[static_cast<std::size_t>(p * k_ + length_[static_cast<std::size_t>(p)]++)] = item;
  }
  // The list of person `p` of the query, best first; shorter than k when fewer items may stand
  // in it.
  std::span<const RankedItem> of(std::int64_t p) const {
    return {entries_.data() + static_cast<std::size_t>(p * k_),
            static_cast<std::size_t>(length_[static_cast<std::size_t>(p)])};
  }

 private:
  friend class ListBuilder;
  std::int64_t k_ = 0;
  std::vector<RankedItem> entries_;  // [people x k]
  std::vector<std::int32_t> length_;
};

// Lists are the same on any number of ranks, up to the rounding of scores. Where the catalogue
// keeps places for cold items, both kinds are ranked apart and their lists merged (three times the
// memory); people who are served by popularity get warm items first. Candidates that the scorer
// knows nothing of are left out. Error, on every rank, when a score is not finite. k must be the
// same on every rank. Collective.
RankedLists rank_items(Scorer& scorer, const Catalogue& candidates, const RankingQuery& asked);

}  // namespace halorec
