// The unit of what is added to inner products in lists of a trained model.
#pragma once

#include "engine/matrix.hpp"
#include "partition/shard.hpp"

namespace halorec {

// Mean length of the rows of items with training interactions, over all ranks; 0 without any.
// rows: [num_owned x any], owned rows. Collective.
double mean_item_length(const Shard& shard, MatrixView<const float> rows);

}  // namespace halorec
