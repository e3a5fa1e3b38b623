// Item-based nearest neighbours (Sarwar et al., Item-based collaborative filtering recommendation
// algorithms, WWW 2001; Deshpande and Karypis, TOIS 2004). With c_ij the users that items i and j
// share and d their training degrees,
//     similarity(i, j) = c_ij / (sqrt(d_i d_j) + shrinkage)
// and scores as in neighbour_scorer.hpp. Counts are whole numbers: the same bits on any number of
// ranks.
//
// Memory, while neighbours are found: 4 bytes an item a thread, and the item lists of the ghost
// users. Time: sum over users of degree squared.
#pragma once

#include "models/baselines/neighbour_scorer.hpp"

namespace halorec {

class ItemKnn final : public NeighbourScorer {
 public:
  // Collective.
  ItemKnn(const Shard& shard, const DatasetFile& dataset, std::int64_t num_neighbours,
          double shrinkage);

 private:
  void find_neighbours(double shrinkage);
};

}  // namespace halorec
