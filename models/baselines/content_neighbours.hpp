// Content neighbours: with N(i) the trained items most like item i, and x the rows of
// content_rows.hpp,
//     similarity(i, j) = (x_i . x_j)^power  where the product is above 0
//     score(u, i)      = sum of similarity(i, j) over j in N(i) and in u's history
// It ranks items that nobody has ever taken, by the items that their like have been taken with.
#pragma once

#include <string>
#include <vector>

#include "models/baselines/neighbour_scorer.hpp"

namespace halorec {

// Time as side/content_links.hpp; rows of trained items travel round in blocks.
class ContentNeighbours final : public NeighbourScorer {
 public:
  // Usage Error on every rank when the dataset has no such column of items. Collective.
  ContentNeighbours(const Shard& shard, const DatasetFile& dataset,
                    const std::vector<std::string>& columns, std::int64_t num_neighbours,
                    double power);

  bool serves_cold_items() const override { return true; }
};

}  // namespace halorec
