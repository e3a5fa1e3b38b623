#include "models/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/attribute_lightgcn.hpp"
#include "models/layered.hpp"
#include "models/layers/attention.hpp"
#include "models/layers/bi_interaction.hpp"
#include "models/layers/gated.hpp"
#include "models/layers/relational.hpp"
#include "models/layers/sage.hpp"
#include "models/lightgcn.hpp"
#include "models/matrix_factorization.hpp"
#include "models/mixed_lightgcn.hpp"
#include "models/presets.hpp"
#include "models/roland.hpp"

namespace halorec {
namespace {

template <typename T>
std::unique_ptr<MessageLayer<T>> make_layer(const Preset& preset, const Shard& shard,
                                            LayerGraphs<T>& graphs, const LayerOptions& options) {
  MessageGraph<T>& graph = *graphs.interactions;
  switch (preset.layer) {
    case LayerKind::bi_interaction:
      return std::make_unique<BiInteractionLayer<T>>(graph, options);
    case LayerKind::sage:
      return std::make_unique<SageLayer<T>>(graph, options, preset.aggregate);
    case LayerKind::gat:
      return std::make_unique<GatLayer<T>>(graph, options);
    case LayerKind::light_attention:
      return std::make_unique<LightAttentionLayer<T>>(graph, options);
    case LayerKind::neighbour_aware:
      return std::make_unique<NeighbourAwareLayer<T>>(graph);
    case LayerKind::gated:
      return std::make_unique<GatedLayer<T>>(graph, options);
    case LayerKind::relational:
      return std::make_unique<RelationalLayer<T>>(graphs, shard.num_owned_users(), options);
  }
  HALOREC_ASSERT_LIGHT(false);
  return nullptr;
}

template <typename T>
std::unique_ptr<Model<T>> make_layered(std::string_view name, const Shard& shard,
                                       const ModelOptions& options) {
  const Preset preset = preset_of(name, options);
  const auto layer = [&](LayerGraphs<T>& graphs, std::int64_t k) {
    return make_layer<T>(preset, shard, graphs,
                         {.name = fmt::format("layer{}", k),
                          .dim = options.dim,
                          .num_heads = options.num_heads,
                          .num_bases = options.num_bases,
                          .seed = options.seed,
                          .is_last = k == options.num_layers});
  };
  return std::make_unique<LayeredModel<T>>(shard, options, preset.combine,
                                           preset.layer == LayerKind::gated, layer);
}

}  // namespace

std::vector<std::string> trained_model_names() {
  return {"lightgcn", "mf",   "ngcf", "gat", "lightgat", "ngat4rec",
          "ggnn",     "sage", "rgcn", "gnn", "roland"};
}

bool is_trained_model(std::string_view name) {
  const auto names = trained_model_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <typename T>
std::unique_ptr<Model<T>> make_model(std::string_view name, const Shard& shard,
                                     const ModelOptions& options) {
  if (name == "lightgcn" && !options.time_graphs.empty()) {
    return std::make_unique<MixedLightGcn<T>>(shard, options);
  }
  if (name == "lightgcn" && options.side != nullptr && !options.side->attributes.empty()) {
    return std::make_unique<AttributeLightGcn<T>>(shard, options);
  }
  if (name == "lightgcn") return std::make_unique<LightGcn<T>>(shard, options);
  if (name == "roland") return std::make_unique<Roland<T>>(shard, options);
  if (name == "mf") return std::make_unique<MatrixFactorization<T>>(shard, options);
  if (is_layered_model(name)) return make_layered<T>(name, shard, options);
  fail_usage("--model '{}' is not trained; allowed: {}", name,
             fmt::join(trained_model_names(), ", "));
}

template std::unique_ptr<Model<float>> make_model<float>(std::string_view, const Shard&,
                                                         const ModelOptions&);
template std::unique_ptr<Model<double>> make_model<double>(std::string_view, const Shard&,
                                                           const ModelOptions&);

}  // namespace halorec
