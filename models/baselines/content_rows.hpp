// What content baselines compare: a row of length 1 for each item, of its columns of side
// information.
//
// Columns are feature rows as models see them (side/feature_rows.hpp: IDF and scaling fitted on
// trained items alone), attributes with the same IDF as texts; all columns of an item together are
// scaled to length 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/shard.hpp"
#include "partition/side/feature_fit.hpp"

namespace halorec {

struct ContentRows {
  SparseRows rows;  // of owned items, as in Shard::owned_items; empty where nothing is known
  std::uint32_t num_features = 0;
};

// The columns of items among those that are asked for ({"all"}: all of them). Usage Error when
// there is none, or one that is not of items. Not collective.
std::vector<std::string> content_columns(const DatasetFile& dataset,
                                         const std::vector<std::string>& asked);

// Error as above, on every rank. Collective.
ContentRows read_content_rows(const Shard& shard, const DatasetFile& dataset,
                              const std::vector<std::string>& asked);

}  // namespace halorec
