// Links between nodes and tags of items, from delimited lists. What is dated behind the cut
// (held_out_times.hpp) is left out and counted, and so is what has no time in a list that gives
// times, where a cut stands: it may lie behind it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "partition/readers/node_list.hpp"
#include "partition/side/held_out.hpp"
#include "partition/side/side_info.hpp"

namespace halorec {

// The count of a list's rows that are left out for want of a time.
constexpr const char* kUndatedLeftOut = "undated_left_out";

struct RawLink {
  std::uint32_t from, to;
  float weight;
  std::int64_t time = kUnknownTime;
};

// Links as a table holds them: symmetric ones at both ends; of repeated links the largest weight
// and the newest time. No times where no link has one.
LinkTable make_link_table(NodeKind kind, std::string name, bool directed, std::uint64_t num_nodes,
                          std::vector<RawLink> links);

// Rows of two ids, and then weight and time where a header names them; without a header a third
// number is a time when it is at least 100,000,000 and else a weight, and a fourth is a time. Named
// by the file's stem. Counts rows, unknown ends, links of a node to itself and repetitions.
LinkTable read_link_list(const std::filesystem::path& path, const NodeIndex& nodes, bool directed,
                         const HeldOut& held_out, nlohmann::ordered_json& counts);

// Rows of user, item, tag and perhaps time; the item attribute "tags" of the tags as they are
// written but for case (ASCII) and outer spaces. Those of held-out pairs, and what is dated behind
// the cut or behind what is held out of the user, is left out and counted.
AttributeColumn read_tags(const std::filesystem::path& path, const NodeIndex& users,
                          const NodeIndex& items, const HeldOut& parts,
                          nlohmann::ordered_json& counts);

}  // namespace halorec
