#include "launch/side_options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "comm/communicator.hpp"
#include "launch/comma_list.hpp"
#include "launch/output.hpp"
#include "models/presets.hpp"

namespace halorec {
namespace {

constexpr const char* kNone = "none";
constexpr double kMostRelationWeight = 1e6;

// Whether all of `text` is a number.
bool is_number(std::string_view text, double& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  return !text.empty() && code == std::errc() && stop == end;
}

std::vector<std::string> columns_of(const std::string& text, std::string_view option) {
  if (text == kNone) return {};
  return split_commas(text, option);
}
std::vector<std::string> feature_names(const TrainingArguments& arguments) {
  return columns_of(arguments.features, "--features");
}
std::vector<NamedRelation> named_attributes(const TrainingArguments& arguments) {
  return parse_relations(arguments.attribute_nodes, "--attribute-nodes");
}
std::vector<std::string> mapped_names(const TrainingArguments& arguments) {
  return columns_of(arguments.map_features, "--map-features");
}

// `count`: what of it is left, on this rank. Collective.
void warn_if_empty(Communicator& communicator, std::int64_t count, std::string_view option,
                   std::string_view name) {
  if (communicator.sum(count) > 0 || !communicator.is_root()) return;
  warn(fmt::format("{} {} changes nothing: the split leaves none of it that trained nodes have",
                   option, name));
}

std::int64_t num_entries(const Adjacency& edges) {
  return edges.local.num_nonzeros() + edges.cross.num_nonzeros();
}

}  // namespace

void declare_side_options(OptionTable& options, TrainingArguments& a) {
  options.group("Side information, of the dataset (halorec describe lists it)");
  options
      .add("relations", a.relations,
           "links that pass messages beside the interactions: of lightgcn each with its weight "
           "(1; below zero for what speaks against an item), of rgcn each with a transform of its "
           "own; --half-life ages those that have times")
      .value_name("none|NAME[:W],...");
  options
      .add(
          "attribute-nodes", a.attribute_nodes,
          "attributes whose values are nodes with rows of their own, item:genres, user:country: of "
          "lightgcn each with its weight (1), of rgcn with transforms of its own; --features "
          "takes them as bags instead")
      .value_name("none|COLUMN[:W],...");
  options
      .add("features", a.features,
           "columns that give nodes rows beside their own: item:title, user:age ..., or all")
      .value_name("none|COLUMN,...");
  options
      .add("id-dropout", a.id_dropout,
           "share of the nodes with features, attributes or links that a step treats as new: "
           "without rows of "
           "their own and (lightgcn) without interactions")
      .range(0, 0.99);
  options
      .add("map-features", a.map_features,
           "columns from which nodes without interactions get rows after training, fitted to the "
           "rows "
           "of the others, which stay as they are")
      .value_name("none|COLUMN,...");
  options.add("map-ridge", a.map_ridge, "of that fit: what its coefficients' squares cost")
      .above(0);
  options
      .add("cold-level", a.cold_level,
           "length of the row of an item without interactions over that of others, where lists are "
           "made; 0: as it comes")
      .at_least(0);
  options
      .add("cold-content", a.cold_content,
           "trained models: adds to the cosine with an item that has no interactions so many times "
           "its likeness to what the user has taken: the share of its nearest trained items, or, "
           "with --content-neighbours 0, its cosine with the sum of the user's items")
      .at_least(0);
  options
      .add("warm-content", a.warm_content,
           "the same for items with interactions; both compare --content-columns")
      .at_least(0);
}

std::vector<NamedRelation> parse_relations(std::string_view text, std::string_view option) {
  std::vector<NamedRelation> relations;
  if (text == kNone) return relations;
  for (const std::string& entry : split_commas(text, option)) {
    NamedRelation relation{entry};
    const auto colon = entry.rfind(':');
    double weight = 0;
    if (colon != std::string::npos &&
        is_number(std::string_view(entry).substr(colon + 1), weight)) {
      if (!(weight != 0 && std::abs(weight) <= kMostRelationWeight)) {
        fail_usage("{} takes weights from {} to {}, but 0, not '{}'", option, -kMostRelationWeight,
                   kMostRelationWeight, entry);
      }
      relation = {entry.substr(0, colon), weight};
    }
    const bool twice =
        std::any_of(relations.begin(), relations.end(),
                    [&](const NamedRelation& other) { return other.name == relation.name; });
    if (twice) fail_usage("{} names '{}' twice", option, relation.name);
    relations.push_back(relation);
  }
  return relations;
}

bool knows_cold_nodes(const TrainingArguments& arguments) {
  return has_side_inputs(arguments) || arguments.map_features != kNone;
}

bool has_side_inputs(const TrainingArguments& arguments) {
  return arguments.relations != kNone || arguments.attribute_nodes != kNone ||
         arguments.features != kNone;
}

SideInputs read_side_inputs(const TrainingArguments& arguments, const Shard& shard,
                            const DatasetFile& dataset, const std::optional<Ageing>& ageing) {
  SideInputs inputs;
  for (const NamedRelation& named : parse_relations(arguments.relations)) {
    Relation relation = read_relation(
        shard, dataset, named.name,
        tells_directions_apart(arguments.model) ? Directions::apart : Directions::merged, ageing);
    relation.weight = named.weight;
    warn_if_empty(shard.communicator(),
                  num_entries(relation.edges) + num_entries(relation.untrained), "--relations",
                  named.name);
    inputs.relations.push_back(std::move(relation));
  }
  for (const NamedRelation& named : named_attributes(arguments)) {
    inputs.attributes.push_back(read_attribute_relation(shard, dataset, named.name));
    inputs.attributes.back().weight = named.weight;
    warn_if_empty(shard.communicator(), std::ssize(inputs.attributes.back().values_of.column),
                  "--attribute-nodes", named.name);
  }
  const std::vector<std::string> columns = feature_names(arguments);
  if (!columns.empty()) {
    inputs.features = read_feature_rows(shard, dataset, columns);
    warn_if_empty(shard.communicator(), std::ssize(inputs.features->feature), "--features",
                  arguments.features);
  }
  const std::vector<std::string> mapped = mapped_names(arguments);
  if (!mapped.empty()) {
    FeatureRows rows = read_feature_rows(shard, dataset, mapped);
    warn_if_empty(shard.communicator(), std::ssize(rows.feature), "--map-features",
                  arguments.map_features);
    inputs.map.emplace(shard, std::move(rows), arguments.map_ridge);
  }
  return inputs;
}

ColdRows cold_rows(const SideInputs& side) {
  return {side.know(NodeKind::user), side.know(NodeKind::item)};
}

void check_side_inputs(const TrainingArguments& arguments, const DatasetFile& dataset) {
  std::set<std::size_t> places;
  for (const NamedRelation& named : parse_relations(arguments.relations)) {
    if (!places.insert(find_links(dataset, named.name)).second) {
      fail_usage("--relations names '{}' twice, in two ways", named.name);
    }
  }
  for (const NamedRelation& named : named_attributes(arguments)) {
    check_attribute(dataset, named.name);
  }
  if (arguments.features != kNone) resolve_feature_columns(dataset, feature_names(arguments));
  if (arguments.map_features != kNone) resolve_feature_columns(dataset, mapped_names(arguments));
}

}  // namespace halorec
