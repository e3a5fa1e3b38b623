// Values of an attribute (genres, countries, tags) as nodes: whoever has a value hears it, and it
// hears whoever has it. Values are few beside users and items, so that every rank holds the rows of
// all of them, and what they hear is summed over ranks; nothing about the shard changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "partition/adjacency.hpp"
#include "partition/shard.hpp"

namespace halorec {

struct AttributeRelation {
  std::string name;                // "item:genres"
  NodeKind kind = NodeKind::item;  // of who has values
  double weight = 1;               // beside the interactions, which weigh 1
  Csr values_of;                   // [num_owned x num_values], without weights
  Csr nodes_of;                    // [num_values x num_owned]: its transpose
  // 1 / sqrt(number of its values) of each owned row, and 1 / sqrt(number of trained nodes that
  // have it, on any rank) of each value, the same on every rank; zero where there are none.
  std::vector<double> scale, value_scale;
  // Which owned nodes values hear: those with a training interaction. What is held out alone
  // changes nothing of what is learned.
  std::vector<char> is_heard;
  Communicator* communicator = nullptr;

  std::int64_t num_values() const { return nodes_of.num_rows(); }
};

// The attribute column `name` ("item:genres") of the shard's nodes. Values that no node with a
// training interaction has are left out: nothing would be learned of them. Error (on every rank)
// when there is no such column; it lists those there are. Collective.
AttributeRelation read_attribute_relation(const Shard& shard, const DatasetFile& dataset,
                                          std::string_view name);

// Error as above, from the file's head alone. Not collective.
void check_attribute(const DatasetFile& dataset, std::string_view name);

}  // namespace halorec
