// What a person wants to know of each column of side information.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "partition/side/side_info_file.hpp"

namespace halorec {

struct SideSummary {
  SideColumn column;
  std::uint64_t num_covered =
      0;  // nodes with a value, a word, a vector, or a link that begins there

  double coverage() const {
    return column.num_nodes == 0
               ? 0
               : static_cast<double>(num_covered) / static_cast<double>(column.num_nodes);
  }
};

std::vector<SideSummary> summarize_side(const SideInfo& side);
// The same of a file, in slices of nodes.
std::vector<SideSummary> summarize_side(const SideInfoFile& side);

nlohmann::ordered_json side_summary_json(const std::vector<SideSummary>& side);

}  // namespace halorec
