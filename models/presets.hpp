// Layered models by name: which layer and which combination each paper has.
#pragma once

#include <string_view>

#include "engine/model.hpp"

namespace halorec {

enum class LayerKind : std::uint8_t {
  bi_interaction,
  sage,
  gat,
  light_attention,
  neighbour_aware,
  gated,
  relational
};

struct Preset {
  LayerKind layer;
  Aggregate aggregate;  // of sage: sum, mean or max
  Combine combine;
};

bool is_layered_model(std::string_view name);
// What a layered model of this name is with these options. Error when --aggregate, --combine or
// --heads make no sense for it; for other models, when --aggregate or --combine is given.
Preset preset_of(std::string_view name, const ModelOptions& options);
void check_model_options(std::string_view name, const ModelOptions& options);
// Whether it tells relations beside the interactions apart, or can add them (lightgcn): links, and
// attributes whose values are nodes.
bool takes_relations(std::string_view name);
// Whether it tells those that a node links to from those that link to it.
bool tells_directions_apart(std::string_view name);
// Whether its layers take sums over neighbours, so that edges may weigh.
bool sums_neighbours(std::string_view name, const ModelOptions& options);
// Whether its layers have heads.
bool has_heads(std::string_view name, const ModelOptions& options);

}  // namespace halorec
