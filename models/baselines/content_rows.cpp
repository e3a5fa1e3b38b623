#include "models/baselines/content_rows.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "partition/side/feature_rows.hpp"

namespace halorec {
namespace {

// Rows of the owned items, each of length 1 or empty, numbered as in Shard::owned_items.
SparseRows unit_rows(const Shard& shard, const FeatureRows& features) {
  double num_trained = 0;
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) num_trained += shard.item_degree(i) > 0;
  // What a feature counts beside its value: IDF where that is not in it yet.
  std::vector<double> weight(features.num_features, 1);
  for (const FeatureColumn& column : features.columns) {
    if (column.type != SideType::attribute) continue;
    for (std::uint32_t f = column.first; f < column.first + column.count; ++f) {
      weight[f] = std::log((1 + num_trained) / features.frequency[f]);
    }
  }
  SparseRows rows;
  for (std::int64_t i = 0; i < shard.num_owned_items(); ++i) {
    const auto row = static_cast<std::size_t>(shard.num_owned_users() + i);
    const auto begin = static_cast<std::size_t>(features.row_begin[row]);
    const auto end = static_cast<std::size_t>(features.row_begin[row + 1]);
    const auto value_at = [&](std::size_t e) {
      return weight[features.feature[e]] * static_cast<double>(features.value[e]);
    };
    // Of each column the length that it had without IDF, then all together length 1.
    std::vector<double> scaled;
    double squares = 0;
    for (std::size_t first = begin, last = begin; first < end; first = last) {
      const auto column = std::find_if(features.columns.begin(), features.columns.end(),
                                       [&](const FeatureColumn& c) {
                                         return features.feature[first] < c.first + c.count &&
                                                features.feature[first] >= c.first;
                                       });
      double before = 0, after = 0;
      for (; last < end && features.feature[last] < column->first + column->count; ++last) {
        before +=
            static_cast<double>(features.value[last]) * static_cast<double>(features.value[last]);
        after += value_at(last) * value_at(last);
      }
      squares += before;
      for (std::size_t e = first; e < last; ++e) {
        scaled.push_back(after > 0 ? value_at(e) * std::sqrt(before / after) : 0);
      }
    }
    for (std::size_t e = begin; e < end && squares > 0; ++e) {
      rows.feature.push_back(features.feature[e]);
      rows.value.push_back(static_cast<float>(scaled[e - begin] / std::sqrt(squares)));
    }
    rows.close_row();
  }
  return rows;
}

}  // namespace

std::vector<std::string> content_columns(const DatasetFile& dataset,
                                         const std::vector<std::string>& asked) {
  std::vector<std::string> columns = resolve_feature_columns(dataset, asked);
  const bool all = asked.size() == 1 && asked[0] == "all";
  for (const std::string& name : columns) {
    if (!all && !name.starts_with("item:")) {
      fail_usage("--model content and --cold-content compare items: '{}' is no column of theirs",
                 name);
    }
  }
  std::erase_if(columns, [](const std::string& name) { return !name.starts_with("item:"); });
  if (columns.empty()) {
    fail_usage(
        "--model content and --cold-content compare items, and the dataset knows nothing of them, "
        "but: {}; "
        "import it with --items",
        fmt::join(feature_column_names(dataset), ", "));
  }
  return columns;
}

ContentRows read_content_rows(const Shard& shard, const DatasetFile& dataset,
                              const std::vector<std::string>& asked) {
  std::vector<std::string> columns;
  shard.communicator().together([&] { columns = content_columns(dataset, asked); });
  const FeatureRows features = read_feature_rows(shard, dataset, columns);
  return {unit_rows(shard, features), features.num_features};
}

}  // namespace halorec
