// Replay: the shards of a larger cut run on this machine, each alone or as many as would share a
// host side by side, with all the threads of a rank, the exchange replaced by its counts of rows
// and messages. What is left to a model is the network (launch/bench/scaling_model.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/propagation.hpp"
#include "launch/bench/part_shard.hpp"
#include "launch/bench/scaling_model.hpp"
#include "launch/bench/step_bench.hpp"
#include "partition/cut_quality.hpp"

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

// Times ranks that run side by side and meet at each product: packing and unpacking, local and
// cross product, and the update of their rows, each the median of the repetitions, in the order of
// a step.
std::vector<PartFigures> replay_parts(std::span<const PartShard> shards,
                                      const ReplayOptions& options);

// Times the whole graph on one rank of `num_ranks` that share its columns. `order`: all rows as
// they arrive from their owners.
ColumnFigures replay_columns(const PartShard& whole, const std::vector<std::int32_t>& order,
                             std::int64_t num_ranks, const ReplayOptions& options);
// Rows of the whole graph (users, then items, each by place) by owner.
std::vector<std::int32_t> rows_by_owner(const Owners& owners);

// The parts to run when there are more than `limit`: the one with most nonzeros, the one with
// least, and others evenly between. Ascending, distinct.
std::vector<std::int32_t> choose_parts(const std::vector<std::int64_t>& nonzeros,
                                       std::int64_t limit);

// Runs the chosen parts of a cut.
CutFigures replay_cut(const BipartiteGraph& graph, const Owners& owners,
                      const ReplayOptions& options);

// What a step costs on one rank, whole, and besides its products at each batch size a rank gets.
struct BaseQuestion {
  const StepBenchArguments* step = nullptr;
  std::uint64_t seed = 0;
  std::vector<std::int64_t> ranks;
  RowOrder order = {};  // of the rows
};
BaseFigures measure_base(const DatasetFile& dataset, const BaseQuestion& question);

}  // namespace halorec
