#include "partition/attribute_relation.hpp"

#include <fmt/format.h>

#include <cmath>

#include "partition/side/feature_rows.hpp"

namespace halorec {
namespace {

double inverse_root(std::int64_t degree) {
  return degree == 0 ? 0 : 1 / std::sqrt(static_cast<double>(degree));
}

std::vector<std::int64_t> row_lengths(const Csr& matrix) {
  std::vector<std::int64_t> lengths;
  for (std::size_t r = 0; r + 1 < matrix.row_begin.size(); ++r) {
    lengths.push_back(matrix.row_begin[r + 1] - matrix.row_begin[r]);
  }
  return lengths;
}

}  // namespace

void check_attribute(const DatasetFile& dataset, std::string_view name) {
  std::string known;
  for (const SideColumn& column : dataset.side_info().columns()) {
    if (column.type != SideType::attribute) continue;
    const std::string full = fmt::format("{}:{}", kind_name(column.kind), column.name);
    if (full == name) return;
    known += (known.empty() ? "" : ", ") + full;
  }
  throw Error(fmt::format("the dataset has no attribute '{}'; it has: {} (halorec import --items, "
                          "--users, --tags)",
                          name, known.empty() ? "none" : known),
              kExitUsage, true);
}

AttributeRelation read_attribute_relation(const Shard& shard, const DatasetFile& dataset,
                                          std::string_view name) {
  check_attribute(dataset, name);
  const std::string column(name);
  const FeatureRows rows = read_feature_rows(shard, dataset, std::span(&column, 1));
  AttributeRelation relation;
  relation.name = name;
  relation.kind = rows.columns.front().kind;
  relation.communicator = &shard.communicator();
  relation.values_of.row_begin = rows.row_begin;
  relation.values_of.column.assign(rows.feature.begin(), rows.feature.end());
  relation.nodes_of = transpose(relation.values_of, rows.num_features);
  for (const std::int64_t degree : row_lengths(relation.values_of)) {
    relation.scale.push_back(inverse_root(degree));
  }
  for (const std::uint32_t degree : rows.frequency) {  // of trained nodes
    relation.value_scale.push_back(inverse_root(degree));
  }
  for (const double scale : shard.scale()) relation.is_heard.push_back(scale != 0 ? 1 : 0);
  return relation;
}

}  // namespace halorec
