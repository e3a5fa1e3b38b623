#include "partition/side/attach.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/readers.hpp"
#include "partition/readers/records.hpp"
#include "partition/readers/side_lists.hpp"
#include "partition/readers/vector_file.hpp"
#include "partition/side/features.hpp"

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;

void take_titles(const NodeList& list, Dataset& dataset) {
  const auto column =
      std::find_if(list.columns.begin(), list.columns.end(),
                   [](const NodeList::Column& c) { return is_title_name(plain_name(c.name)); });
  if (column == list.columns.end()) return;
  for (std::uint64_t i = 0; i < dataset.items.size(); ++i) {
    const std::optional<std::uint32_t> row = list.ids.find(dataset.items[i]);
    dataset.titles.push_back(row ? clean_text(column->fields[*row]) : std::string());
  }
}

void attach_list(const std::filesystem::path& path, const std::string& columns,
                 const std::string& features, const NodeIndex& nodes, std::uint32_t buckets,
                 Dataset& dataset, Json& report) {
  const std::string kind(kind_name(nodes.kind()));
  const std::string option = "--" + kind + "-features";
  std::vector<FeatureSpec> specs;
  if (!features.empty() && features != "none") specs = parse_feature_specs(features, option);
  std::vector<std::string> wanted;
  wanted.reserve(specs.size());
  for (const FeatureSpec& spec : specs) wanted.push_back(spec.column);
  const NodeList list = read_node_list(path, nodes, columns, wanted, "--" + kind + "-columns");
  if (nodes.kind() == NodeKind::item && dataset.titles.empty()) take_titles(list, dataset);
  if (features == "none") return;
  const std::vector<TypedColumn> typed = type_columns(list, specs, option);
  report[kind + "_features"] = describe_types(list, typed);
  for (const TypedColumn& column : typed) {
    if (!column.doubt.empty()) report[kDoubtfulTypes].push_back(column.doubt);
  }
  add_features(list, typed, nodes, buckets, dataset.side, report[kind + "_list"]);
}

bool asks_for_dated_lists(const SideOptions& options) {
  return !options.tags.empty() || !options.links.empty() || !options.item_links.empty();
}

bool asks_for_any(const SideOptions& options) {
  return !options.users.empty() || asks_for_dated_lists(options) || !options.item_vectors.empty() ||
         !options.user_vectors.empty() || options.co_occurrence.has_value() ||
         options.content_links.has_value();
}

// Tags and links, of which the split says what may be used.
void attach_dated_lists(Dataset& dataset, const SideOptions& options, const NodeIndex& users,
                        const NodeIndex& items, const HeldOut& held_out, Json& report) {
  SideInfo& side = dataset.side;
  if (!options.tags.empty()) {
    AttributeColumn tags = read_tags(options.tags, users, items, held_out, report["tag_list"]);
    check_new_name(side, tags.kind, tags.name);
    side.attributes.push_back(std::move(tags));
  }
  const auto attach_links = [&](const std::vector<std::filesystem::path>& paths,
                                const NodeIndex& nodes) {
    for (const std::filesystem::path& path : paths) {
      LinkTable links = read_link_list(path, nodes, options.directed_links, held_out,
                                       report[fmt::format("{}_links_{}", kind_name(nodes.kind()),
                                                          clean_text(path.stem().string()))]);
      check_new_name(side, links.kind, links.name);
      side.links.push_back(std::move(links));
    }
  };
  attach_links(options.links, users);
  attach_links(options.item_links, items);
}

}  // namespace

void check_side_options(const SideOptions& options) {
  for (const auto& [features, option] : {std::pair(&options.item_features, "--item-features"),
                                         std::pair(&options.user_features, "--user-features")}) {
    if (!features->empty() && *features != "none") parse_feature_specs(*features, option);
  }
  if (options.users.empty() && !(options.user_features + options.user_columns).empty()) {
    fail_usage(
        "--user-features and --user-columns speak of a list of users; name it: --users FILE");
  }
  if (options.item_vectors.empty() != options.item_vector_ids.empty()) {
    fail_usage("--item-vectors and --item-vector-ids belong together: a matrix, and its rows' ids");
  }
  if (options.user_vectors.empty() != options.user_vector_ids.empty()) {
    fail_usage("--user-vectors and --user-vector-ids belong together: a matrix, and its rows' ids");
  }
  if (options.text_buckets == 0 || options.text_buckets > 1U << 24) {
    fail_usage("--text-buckets {} is not between 1 and 16777216", options.text_buckets);
  }
}

void attach_side_info(Dataset& dataset, const SideOptions& options,
                      const std::filesystem::path& item_list, const HeldOut& held_out,
                      const Interactions& training_rows, Json& report) {
  if (item_list.empty() && !asks_for_any(options)) return;
  const NodeIndex users(dataset.users, NodeKind::user), items(dataset.items, NodeKind::item);
  SideInfo& side = dataset.side;
  if (!item_list.empty()) {
    attach_list(item_list, options.item_columns, options.item_features, items, options.text_buckets,
                dataset, report);
  }
  if (!options.users.empty()) {
    attach_list(options.users, options.user_columns, options.user_features, users,
                options.text_buckets, dataset, report);
  }
  const auto attach_vectors = [&](const std::string& source, const std::filesystem::path& ids,
                                  const NodeIndex& nodes) {
    if (source.empty()) return;
    VectorColumn vectors = read_vector_file(
        source, ids, nodes, report[fmt::format("{}_vectors", kind_name(nodes.kind()))]);
    check_new_name(side, vectors.kind, vectors.name);
    side.vectors.push_back(std::move(vectors));
  };
  attach_vectors(options.user_vectors, options.user_vector_ids, users);
  attach_vectors(options.item_vectors, options.item_vector_ids, items);
  if (asks_for_dated_lists(options)) {
    attach_dated_lists(dataset, options, users, items, held_out, report);
  }
  if (options.co_occurrence) {
    LinkTable links = derive_co_occurrence(training_rows, dataset.items.size(),
                                           *options.co_occurrence, report["co_occurrence"]);
    check_new_name(side, links.kind, links.name);
    side.links.push_back(std::move(links));
  }
  if (options.content_links) {
    LinkTable links =
        derive_content_links(dataset, *options.content_links, report["content_links"]);
    check_new_name(side, links.kind, links.name);
    side.links.push_back(std::move(links));
  }
}

}  // namespace halorec
