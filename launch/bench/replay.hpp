// Replay: the shards of a larger cut run on this machine, each alone or as many as would share a
// host side by side, with all the threads of a rank, the exchange replaced by its counts of rows
// and messages. What is left to a model is the network (launch/bench/scaling_model.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "launch/bench/part_replay.hpp"
#include "launch/bench/step_figures.hpp"
#include "partition/cut_quality.hpp"

namespace halorec {

// Rows of the whole graph (users, then items, each by place) by owner.
std::vector<std::int32_t> rows_by_owner(const Owners& owners);

// The parts to run when there are more than `limit`: the one with most nonzeros, the one with
// least, and others evenly between. Ascending, distinct.
std::vector<std::int32_t> choose_parts(const std::vector<std::int64_t>& nonzeros,
                                       std::int64_t limit);

// Runs the chosen parts of a cut, and counts the others.
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
