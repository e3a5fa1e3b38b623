#include "models/presets.hpp"

#include <algorithm>
#include <array>

#include "comm/check.hpp"

namespace halorec {
namespace {

struct Named {
  std::string_view name;
  Preset preset;
};

// ngcf concatenates (eq. 9), NGAT4Rec takes the mean (sec. 3.4), the others the last layer. One's
// own starts from what LightGCN taught: the mean.
constexpr std::array<Named, 8> kPresets{
    {{"ngcf", {LayerKind::bi_interaction, Aggregate::automatic, Combine::concatenation}},
     {"gat", {LayerKind::gat, Aggregate::automatic, Combine::last}},
     {"lightgat", {LayerKind::light_attention, Aggregate::automatic, Combine::mean}},
     {"ngat4rec", {LayerKind::neighbour_aware, Aggregate::automatic, Combine::mean}},
     {"ggnn", {LayerKind::gated, Aggregate::automatic, Combine::last}},
     {"sage", {LayerKind::sage, Aggregate::mean, Combine::last}},
     {"rgcn", {LayerKind::relational, Aggregate::automatic, Combine::last}},
     {"gnn", {LayerKind::sage, Aggregate::mean, Combine::mean}}}};

const Named* find_preset(std::string_view name) {
  const auto found = std::find_if(kPresets.begin(), kPresets.end(),
                                  [&](const Named& named) { return named.name == name; });
  return found == kPresets.end() ? nullptr : &*found;
}

bool has_heads(LayerKind layer) {
  return layer == LayerKind::gat || layer == LayerKind::light_attention;
}

}  // namespace

bool is_layered_model(std::string_view name) {
  return find_preset(name) != nullptr;
}

Preset preset_of(std::string_view name, const ModelOptions& options) {
  const Named* named = find_preset(name);
  HALOREC_ASSERT_LIGHT(named != nullptr);
  Preset preset = named->preset;
  const Aggregate wanted = options.aggregate;
  if (wanted != Aggregate::automatic) {
    if (name == "sage" && wanted != Aggregate::mean && wanted != Aggregate::max) {
      fail_usage("--aggregate: --model sage takes mean or max; --model gnn takes all");
    }
    if (name != "sage" && name != "gnn") {
      fail_usage("--aggregate: --model {} has its own; --model gnn takes all, sage mean or max",
                 name);
    }
    preset.aggregate = wanted;
    if (wanted == Aggregate::attention) preset.layer = LayerKind::gat;
    if (wanted == Aggregate::gated) preset.layer = LayerKind::gated;
  }
  if (options.combine != Combine::automatic) preset.combine = options.combine;
  if (has_heads(preset.layer) && options.dim % options.num_heads != 0) {
    fail_usage("--heads {} does not divide --dim {}: each head has as many columns",
               options.num_heads, options.dim);
  }
  return preset;
}

void check_model_options(std::string_view name, const ModelOptions& options) {
  if (is_layered_model(name)) {
    preset_of(name, options);
    return;
  }
  if (options.aggregate != Aggregate::automatic || options.combine != Combine::automatic) {
    fail_usage("--{}: --model {} has none to choose; --model gnn takes all",
               options.aggregate != Aggregate::automatic ? "aggregate" : "combine", name);
  }
}

bool takes_relations(std::string_view name) {
  return name == "lightgcn" || name == "rgcn";
}

bool tells_directions_apart(std::string_view name) {
  return name == "rgcn";
}

bool sums_neighbours(std::string_view name, const ModelOptions& options) {
  if (!is_layered_model(name)) return name == "lightgcn";
  const Preset preset = preset_of(name, options);
  return preset.layer == LayerKind::bi_interaction || preset.layer == LayerKind::gated ||
         (preset.layer == LayerKind::sage && preset.aggregate != Aggregate::max);
}

bool has_heads(std::string_view name, const ModelOptions& options) {
  return is_layered_model(name) && has_heads(preset_of(name, options).layer);
}

}  // namespace halorec
