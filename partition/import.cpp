#include "partition/import.hpp"

#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "partition/readers/event_table.hpp"
#include "partition/side/held_out.hpp"
#include "partition/side/relation_rows.hpp"
#include "partition/split.hpp"

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;

struct TitleCounts {
  std::uint64_t listed = 0;
  std::uint64_t listed_without_interactions = 0;
  std::uint64_t items_without_title = 0;
};

TitleCounts attach_titles(const TitleTable& titles, Dataset& dataset) {
  TitleCounts counts;
  counts.listed = titles.ids.size();
  if (counts.listed == 0) return counts;
  std::uint64_t found = 0;
  for (std::uint64_t i = 0; i < dataset.items.size(); ++i) {
    const std::optional<std::uint32_t> index = titles.ids.find(dataset.items[i]);
    dataset.titles.push_back(index ? titles.titles[*index] : std::string_view());
    if (index) ++found;
  }
  counts.listed_without_interactions = counts.listed - found;
  counts.items_without_title = dataset.items.size() - found;
  return counts;
}

// {"validation": .., "test": ..}, or with "train" in front.
Json by_split(const std::array<std::uint64_t, kNumSplits>& counts, bool with_train) {
  Json json;
  if (with_train) json["train"] = counts[0];
  json["validation"] = counts[1];
  json["test"] = counts[2];
  return json;
}

Json report(const ReadCounts& read, const SplitCounts& split, const TitleCounts& titles) {
  Json json;
  json["format"] = read.format;
  json["columns"] = read.columns;
  json["files"] = Json::array();
  for (const auto& [path, rows] : read.files) {
    json["files"].push_back({{"path", path}, {"rows", rows}});
  }
  json["rows_read"] = read.rows;
  json["dropped_by_keep"] = read.dropped_by_keep;
  json["dropped_nonpositive_weight"] = read.dropped_nonpositive_weight;
  json["users_read"] = split.users_read;
  json["items_read"] = split.items_read;
  json["dropped_by_subset"] = split.dropped_by_subset;
  json["repeats_excluded"] = by_split(split.repeats_excluded, false);
  json["dropped_by_core"] = by_split(split.dropped_by_core, true);
  json["users_outside_core"] = split.users_outside_core;
  json["items_outside_core"] = split.items_outside_core;
  json["merged_repeats"] = by_split(split.merged, true);
  json["cold_users"] = by_split(split.cold_users, false);
  json["cold_items"] = by_split(split.cold_items, false);
  json["cold_interactions"] = by_split(split.cold_interactions, false);
  json["listed_items"] = titles.listed;
  json["listed_items_without_interactions"] = titles.listed_without_interactions;
  json["items_without_title"] = titles.items_without_title;
  return json;
}

}  // namespace

Dataset import_dataset(const std::vector<std::filesystem::path>& sources,
                       const ImportOptions& options) {
  if (!(options.subset > 0 && options.subset <= 1)) {
    fail_usage("--subset: {} is not a share of users; give a number above 0 and at most 1",
               options.subset);
  }
  if (!(options.cold_share > 0 && options.cold_share < 1)) {
    fail_usage("--cold-share: {} is not a share of nodes; give a number between 0 and 1",
               options.cold_share);
  }
  if (options.core > 0 && options.protocol.starts_with("cold-")) {
    fail_usage(
        "--core {} does not go with --protocol {}: cold nodes have no training pair, so that all "
        "of "
        "them would leave; filter the source first, or leave --core out",
        options.core, options.protocol);
  }
  check_side_options(options.side);
  // Names are checked before millions of rows are read.
  if (!options.protocol.empty()) make_protocol(options.protocol, 0, false);
  ReadOptions read_options;
  read_options.format = options.format;
  read_options.columns = options.columns;
  read_options.keep = options.keep;
  read_options.relations = options.relations;
  read_options.items = options.items;
  read_options.titles = options.side.item_columns.empty();  // else they are in a column named so
  read_options.in_order_train_test = options.protocol == "given";
  ReadResult read = read_sources(sources, read_options);
  const RelationRows relation_rows = take_relation_rows(read.events);
  if (read.events.size() == 0) {
    fail(
        "no interaction is left of the {} rows read: {} dropped by --keep, {} without a positive "
        "weight, {} taken by --relation; loosen the filters",
        read.counts.rows, read.counts.dropped_by_keep, read.counts.dropped_nonpositive_weight,
        relation_rows.size());
  }
  SplitOptions split_options;
  split_options.protocol = !options.protocol.empty()  ? options.protocol
                           : read.events.part.empty() ? "random"
                                                      : "given";
  split_options.seed = options.seed;
  split_options.keep_repeats = options.keep_repeats;
  split_options.newest_time = options.newest_time;
  split_options.cold_share = options.cold_share;
  split_options.subset = options.subset;
  split_options.core = options.core;
  SplitCounts split_counts;
  SplitTrace trace;
  trace.wants_rows = options.side.co_occurrence.has_value();
  Dataset dataset = split_events(std::move(read.events), split_options, split_counts, &trace);
  const TitleCounts title_counts = attach_titles(read.titles, dataset);
  for (const std::filesystem::path& source : sources) {
    dataset.source += (dataset.source.empty() ? "" : " ") + source.string();
  }
  Json counts = report(read.counts, split_counts, title_counts);
  const bool asked = !options.items.empty() || !options.side.item_features.empty() ||
                     !options.side.item_columns.empty();
  if (asked && read.item_list.empty()) {
    fail_usage(
        "--item-features and --item-columns speak of a list of items; name it: --items FILE");
  }
  const HeldOut held_out(dataset, std::move(trace.held_out));
  if (!relation_rows.relations.empty()) {
    dataset.side.links = relation_links(relation_rows, dataset, trace.user_origin,
                                        trace.item_origin, held_out, counts["relations"]);
  }
  attach_side_info(dataset, options.side, asked ? read.item_list : std::filesystem::path(),
                   held_out, trace.training_rows, counts);
  dataset.report_json = counts.dump();
  return dataset;
}

}  // namespace halorec
