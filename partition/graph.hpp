// The training graph as one process sees it while it cuts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace halorec {

class DatasetFile;

// Which interactions a model learns from: the train split alone while validation chooses, both
// splits for --refit, --select test and --select none.
enum class TrainingPart : std::uint8_t { train, train_and_validation };
std::string_view training_part_name(TrainingPart part);

// Users' item lists in compressed sparse rows.
struct BipartiteGraph {
  std::vector<std::uint64_t> user_begin{0};  // [num_users + 1]
  std::vector<std::uint32_t> items;          // [num_edges], ascending and distinct within a user
  std::uint32_t num_items = 0;

  std::uint32_t num_users() const { return static_cast<std::uint32_t>(user_begin.size() - 1); }
  std::uint64_t num_edges() const { return items.size(); }
  std::vector<std::uint32_t> item_degrees() const;
};

// Reads the whole training part; pairs that stand in both splits or in several behaviors become one
// edge. 4 bytes an edge, and as much again while reading. Not collective.
BipartiteGraph read_graph(const DatasetFile& dataset, TrainingPart part);

}  // namespace halorec
