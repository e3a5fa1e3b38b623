#include "partition/side/side_summary.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace halorec {
namespace {

constexpr std::uint64_t kNodesAtATime = std::uint64_t{1} << 16;

std::uint64_t count_lists(const std::vector<std::uint64_t>& begin) {
  std::uint64_t covered = 0;
  for (std::size_t n = 1; n < begin.size(); ++n) covered += begin[n - 1] < begin[n] ? 1 : 0;
  return covered;
}

std::uint64_t covered(const AttributeColumn& c) {
  return count_lists(c.begin);
}
std::uint64_t covered(const TextColumn& c) {
  return count_lists(c.begin);
}
std::uint64_t covered(const LinkTable& c) {
  return count_lists(c.begin);
}
std::uint64_t covered(const NumberColumn& c) {
  return static_cast<std::uint64_t>(
      std::count_if(c.value.begin(), c.value.end(), [](float x) { return !std::isnan(x); }));
}
std::uint64_t covered(const VectorColumn& c) {
  return static_cast<std::uint64_t>(std::count(c.known.begin(), c.known.end(), 1));
}

template <typename Column>
SideColumn named(SideType type, const Column& c) {
  SideColumn column;
  column.type = type;
  column.kind = c.kind;
  column.name = c.name;
  return column;
}
SideColumn column_of(const AttributeColumn& c) {
  SideColumn column = named(SideType::attribute, c);
  column.num_nodes = c.begin.size() - 1;
  column.num_values = c.values.size();
  column.num_entries = c.value.size();
  return column;
}
SideColumn column_of(const NumberColumn& c) {
  SideColumn column = named(SideType::number, c);
  column.num_nodes = c.value.size();
  return column;
}
SideColumn column_of(const TextColumn& c) {
  SideColumn column = named(SideType::text, c);
  column.buckets = c.buckets;
  column.num_nodes = c.begin.size() - 1;
  column.num_entries = c.feature.size();
  return column;
}
SideColumn column_of(const VectorColumn& c) {
  SideColumn column = named(SideType::vector, c);
  column.dim = c.dim;
  column.num_nodes = c.known.size();
  return column;
}
SideColumn column_of(const LinkTable& c) {
  SideColumn column = named(SideType::link, c);
  column.directed = c.directed;
  column.crosses = c.crosses;
  column.times = !c.time.empty();
  column.num_nodes = c.begin.size() - 1;
  column.num_entries = c.target.size();
  return column;
}

std::uint64_t covered(const SideInfoFile& side, std::size_t place, std::uint64_t first,
                      std::uint64_t count) {
  switch (side.columns()[place].type) {
    case SideType::attribute:
      return covered(side.read_attribute(place, first, count));
    case SideType::number:
      return covered(side.read_numbers(place, first, count));
    case SideType::text:
      return covered(side.read_text(place, first, count));
    case SideType::vector:
      return covered(side.read_vectors(place, first, count));
    case SideType::link:
      return covered(side.read_links(place, first, count));
  }
  return 0;
}

}  // namespace

std::vector<SideSummary> summarize_side(const SideInfo& side) {
  std::vector<SideSummary> summaries;
  for_each_column(side, [&](const auto& column) {
    summaries.push_back({column_of(column), covered(column)});
  });
  return summaries;
}

std::vector<SideSummary> summarize_side(const SideInfoFile& side) {
  std::vector<SideSummary> summaries;
  for (std::size_t place = 0; place < side.columns().size(); ++place) {
    SideSummary summary{side.columns()[place], 0};
    for (std::uint64_t n = 0; n < summary.column.num_nodes; n += kNodesAtATime) {
      const std::uint64_t count = std::min(kNodesAtATime, summary.column.num_nodes - n);
      summary.num_covered += covered(side, place, n, count);
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

nlohmann::ordered_json side_summary_json(const std::vector<SideSummary>& side) {
  auto list = nlohmann::ordered_json::array();
  for (const SideSummary& summary : side) {
    const SideColumn& column = summary.column;
    nlohmann::ordered_json json{{"type", side_type_name(column.type)},
                                {"kind", kind_name(column.kind)},
                                {"name", column.name},
                                {"nodes", column.num_nodes},
                                {"covered", summary.num_covered},
                                {"coverage", summary.coverage()}};
    if (column.type == SideType::attribute) json["values"] = column.num_values;
    if (column.type == SideType::text) json["buckets"] = column.buckets;
    if (column.type == SideType::vector) json["dim"] = column.dim;
    if (column.type == SideType::link) {
      json["directed"] = column.directed;
      if (column.crosses) json["to"] = kind_name(NodeKind::item);
      json["links"] = column.num_entries / (column.directed ? 1 : 2);
      if (column.times) json["times"] = true;
    } else if (column.num_entries > 0) {
      json["entries"] = column.num_entries;
    }
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace halorec
