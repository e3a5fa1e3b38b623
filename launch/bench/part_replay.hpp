// One part of a cut, or several that share a host: what its rank computes in a step, run and timed
// here, the exchange replaced by its counts of rows and messages.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/propagation.hpp"
#include "launch/bench/part_shard.hpp"
#include "launch/bench/scaling_model.hpp"

namespace halorec {

struct ReplayOptions {
  std::int64_t dim = 64;
  std::int64_t repetitions = 7;
  ExchangePlan exchange = ExchangePlan::hybrid;
  std::int64_t limit = 0;  // of the parts that are run; 0: all
  WireFormat wire = WireFormat::full;
  RowStorage store = RowStorage::full;
  std::int64_t matrices = 2;  // that forward products take turns in, and as many backward ones
  std::size_t at_once = 1;    // shards that run side by side, each with its own threads
};

// What a rank holds, sends and receives, without running it.
PartFigures count_part(const PartShard& shard, const ReplayOptions& options);

// Times ranks that run side by side and meet at each product: packing and unpacking, local and
// cross product, and the update of their rows, each the median of the repetitions, in the order of
// a step.
std::vector<PartFigures> replay_parts(std::span<const PartShard> shards,
                                      const ReplayOptions& options);

// Times the whole graph on one rank of `num_ranks` that share its columns. `order`: all rows as
// they arrive from their owners.
ColumnFigures replay_columns(const PartShard& whole, const std::vector<std::int32_t>& order,
                             std::int64_t num_ranks, const ReplayOptions& options);

}  // namespace halorec
