// How far up one item stands in everybody's ranking: what an attack that pushes it has achieved
// (the hit ratio of Mobasher et al., Toward trustworthy recommender systems, ACM TOIT 2007). Ranks
// are counted, not cut at a list's end, and nothing is kept but two numbers a person.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/catalogue.hpp"
#include "engine/scorer.hpp"

namespace halorec {

struct ExposureQuery {
  std::uint32_t item = 0;                   // global index; the same on every rank
  std::vector<std::int64_t> ks = {20};      // lengths of lists, ascending
  std::span<const std::int32_t> people;     // rows of this rank (see scorer.hpp), any number
  bool exclude_history = true;              // what lists leave out, as in RankingQuery
  const UserItems* also_exclude = nullptr;  //
};

// The same on every rank.
struct Exposure {
  std::vector<std::int64_t> ks;
  std::vector<double> shares;    // of the people whose list at k holds the item, by k
  std::uint64_t num_people = 0;  // whose lists may hold it: it is not among what theirs leave out
  double mean_rank = 0;          // over them; 1 is the top of the list
  bool is_candidate = true;      // false for an item that nobody has trained on: in no list at all
};

// Error, on every rank, when a score is not finite. Collective.
Exposure measure_exposure(Scorer& scorer, const Catalogue& catalogue, const ExposureQuery& query);

}  // namespace halorec
