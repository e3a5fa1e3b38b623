// What a scorer recommends to everyone, for tests that compare it with a naive version.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "engine/catalogue.hpp"
#include "engine/ranking.hpp"

namespace halorec {

// Every rank's lists together: items and scores by user, the same on every rank.
using AllLists = std::map<std::uint32_t, std::vector<std::pair<std::uint32_t, float>>>;

// Lists of what the scorer serves. Collective.
inline AllLists rank_everyone(Scorer& scorer, const DatasetFile& file, std::int64_t k) {
  const Shard& shard = scorer.shard();
  const Catalogue catalogue(shard, file, served_candidates(scorer));
  std::vector<std::int32_t> people;
  for (std::int32_t row = 0; row < shard.num_owned_users(); ++row) people.push_back(row);
  RankingQuery query;
  query.k = k;
  query.people = people;
  const RankedLists lists = rank_items(scorer, catalogue, query);
  std::vector<double> flat;
  for (const std::int32_t row : people) {
    for (const RankedItem& entry : lists.of(row)) {
      flat.insert(flat.end(),
                  {static_cast<double>(shard.owned_users()[static_cast<std::size_t>(row)]),
                   static_cast<double>(entry.item), static_cast<double>(entry.score)});
    }
  }
  const auto all = shard.communicator().all_gather(std::span<const double>(flat));
  AllLists result;
  for (std::size_t e = 0; e < all.size(); e += 3) {
    result[static_cast<std::uint32_t>(all[e])].emplace_back(static_cast<std::uint32_t>(all[e + 1]),
                                                            static_cast<float>(all[e + 2]));
  }
  return result;
}

}  // namespace halorec
