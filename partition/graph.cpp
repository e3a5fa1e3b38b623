#include "partition/graph.hpp"

#include <algorithm>

#include "partition/dataset.hpp"

namespace halorec {

std::string_view training_part_name(TrainingPart part) {
  return part == TrainingPart::train ? "train" : "train+validation";
}

std::vector<std::uint32_t> BipartiteGraph::item_degrees() const {
  std::vector<std::uint32_t> degrees(num_items, 0);
  for (const std::uint32_t item : items) ++degrees[item];
  return degrees;
}

BipartiteGraph read_graph(const DatasetFile& dataset, TrainingPart part) {
  BipartiteGraph graph;
  graph.num_items = static_cast<std::uint32_t>(dataset.num_items());
  graph.user_begin.assign(dataset.num_users() + 1, 0);

  const int num_splits = part == TrainingPart::train ? 1 : 2;
  std::vector<Interactions> read;
  for (int s = 0; s < num_splits; ++s) {
    const auto split = static_cast<Split>(s);
    read.push_back(dataset.read(split, 0, dataset.num_interactions(split)));
    for (const std::uint32_t user : read.back().user) ++graph.user_begin[user + 1];
  }
  for (std::size_t u = 1; u < graph.user_begin.size(); ++u) {
    graph.user_begin[u] += graph.user_begin[u - 1];
  }
  graph.items.resize(graph.user_begin.back());
  std::vector<std::uint64_t> next(graph.user_begin.begin(), graph.user_begin.end() - 1);
  for (const Interactions& split : read) {
    for (std::size_t e = 0; e < split.user.size(); ++e) {
      graph.items[next[split.user[e]]++] = split.item[e];
    }
  }

  std::uint64_t kept = 0;
  for (std::size_t u = 0; u + 1 < graph.user_begin.size(); ++u) {
    const auto first = graph.items.begin() + static_cast<std::ptrdiff_t>(graph.user_begin[u]);
    const auto last = graph.items.begin() + static_cast<std::ptrdiff_t>(graph.user_begin[u + 1]);
    std::sort(first, last);
    const auto end = std::unique(first, last);
    const auto begin = kept;
    kept += static_cast<std::uint64_t>(end - first);
    std::copy(first, end, graph.items.begin() + static_cast<std::ptrdiff_t>(begin));
    graph.user_begin[u] = begin;
  }
  graph.user_begin.back() = kept;
  graph.items.resize(kept);
  return graph;
}

}  // namespace halorec
