// From a list of nodes as text to columns of side information.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "partition/side/feature_types.hpp"
#include "partition/side/side_info.hpp"

namespace halorec {

// Takes the values of node after node and numbers them by first appearance.
class AttributeBuilder {
 public:
  AttributeBuilder(NodeKind kind, std::string name) {
    column_.kind = kind, column_.name = std::move(name);
  }

  // The values of the next node, in any order, also repeatedly. They are cleaned by the caller.
  void add_node(std::vector<std::string> values);
  AttributeColumn finish() { return std::move(column_); }

 private:
  AttributeColumn column_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

// Adds a column for each of `typed` that is not left out, and counts into `counts`: rows, rows of
// ids that are not in the data, repeated rows, nodes without a row, and per column the nodes
// without a value. Error when no id is known, or a number cannot be read (file:line).
void add_features(const NodeList& list, const std::vector<TypedColumn>& typed,
                  const NodeIndex& nodes, std::uint32_t text_buckets, SideInfo& side,
                  nlohmann::ordered_json& counts);

// Error when a column of that kind and name is there already. Called before each is added.
void check_new_name(const SideInfo& side, NodeKind kind, const std::string& name);

}  // namespace halorec
