// The side information of a shard's nodes as fitted, sparse feature rows (feature_fit.hpp): what
// models with features and the content baseline read. Numbering and values are the same, bit for
// bit, on any number of ranks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "partition/shard.hpp"
#include "partition/side/side_info_file.hpp"

namespace halorec {

// A column of side information among the features: [first, first + count).
struct FeatureColumn {
  std::string name;  // "item:genres"
  SideType type = SideType::attribute;
  NodeKind kind = NodeKind::item;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint64_t num_dropped = 0;  // features of untrained nodes alone, which are left out
};

struct FeatureRows {
  // The same on every rank.
  std::uint32_t num_features = 0;
  std::vector<FeatureColumn> columns;    // in the order of the file
  std::vector<std::uint32_t> frequency;  // trained nodes that have each feature, [num_features]

  // Of this rank's owned rows: users, then items, as in the shard. Features of row r are
  // [row_begin[r], row_begin[r+1]), ascending and distinct.
  std::vector<std::int64_t> row_begin{0};  // [num_owned + 1]
  std::vector<std::uint32_t> feature;
  std::vector<float> value;
};

// "user:age" or "item:title" for each column that can be a feature (all but links), in the order of
// the file.
std::vector<std::string> feature_column_names(const DatasetFile& dataset);

// Names without repeats, in the order of the file; {"all"} stands for all. Usage Error, which lists
// what there is, on an empty list, an unknown name, or when the dataset has none.
std::vector<std::string> resolve_feature_columns(const DatasetFile& dataset,
                                                 std::span<const std::string> names);

// Trained: with an interaction in the shard's training part. Each rank reads its slice of the nodes
// and sends the rows to their owners. Memory: the entries of this rank's slice and of its rows, and
// 12 bytes for each value of an attribute and bucket of text, on every rank. Error as above, on
// every rank. Collective.
FeatureRows read_feature_rows(const Shard& shard, const DatasetFile& dataset,
                              std::span<const std::string> columns);

}  // namespace halorec
