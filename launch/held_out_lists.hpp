// What a run is asked for on a split: the held-out items to find, and what its lists leave out. One
// rule for training's evaluations and the evaluate command.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/evaluation.hpp"
#include "partition/dataset.hpp"
#include "partition/shard.hpp"

namespace halorec {

struct HeldOutLists {
  HeldOut held_out;                   // of the owned users
  std::optional<HeldOut> validation;  // also left out of the test split's lists
  bool excludes_history = true;       // not where the protocol lets repeats count as hits

  // `ks`: lengths of lists. Refers to this object, which outlives it.
  EvaluationQuery query(std::vector<std::int64_t> ks) const;
};

// Collective.
HeldOutLists read_held_out_lists(const Shard& shard, const DatasetFile& dataset, Split split);

}  // namespace halorec
