// The options of training: what train declares, and what a run's config.json gives back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/model.hpp"
#include "engine/trainer.hpp"
#include "launch/options.hpp"
#include "partition/graph.hpp"

namespace halorec {

struct TrainingArguments {
  std::string model = "lightgcn";
  std::int64_t dim = 64;
  std::int64_t layers = 1;
  bool learn_layer_weights = false;
  std::string aggregate = "auto";
  std::string combine = "auto";
  std::int64_t heads = 1;
  std::int64_t bases = 2;
  std::optional<double> init;
  std::string precision = "single";
  std::int64_t neighbours = 100;

  std::string rank_by = "auto";
  std::optional<double> log_popularity;

  std::string relations = "none";
  std::string attribute_nodes = "none";
  std::string features = "none";
  double id_dropout = 0;
  double cold_level = 1;
  std::string map_features = "none";
  double map_ridge = 3;
  double cold_content = 0;
  double warm_content = 0;
  std::string weight = "one";
  std::string half_life = "auto";
  std::int64_t slices = 4;
  double own_repeats = 0;
  std::string own_half_life = "auto";
  std::string popular_half_life = "auto";
  std::vector<std::int64_t> fanout;  // empty: all neighbours
  std::string update = "all";

  std::string exchange = "auto";
  std::string wire = "fp32";
  std::string store = "fp32";

  std::string loss = "softmax";
  std::optional<std::int64_t> batch;
  std::optional<std::int64_t> negatives;
  std::int64_t blended_negatives = 1;
  double negative_power = 0.5;
  double temperature = 0.12;
  double temperature2 = 1.0;
  double gce = 0;
  std::optional<double> l2;
  std::string scores = "fp32";
  std::string contrastive = "xsimgcl";
  double contrastive_temperature = 0.15;
  std::int64_t contrastive_pool = 2048;
  std::int64_t contrastive_layer = 1;
  double contrastive_dropout = 0.1;
  double noise = 0.2;

  double edge_dropout = 0;
  double node_dropout = 0;
  double message_dropout = 0;
  double embedding_noise = 0;

  std::string optimizer = "adam";
  std::optional<double> lr;
  std::string schedule = "linear";
  std::int64_t epochs = 40;

  std::string select = "validation";
  bool refit = false;
  std::string metric = "recall@20";
  std::int64_t evaluate_every = 1;
  std::int64_t patience = 5;

  std::int64_t log_every = 100;
  std::int64_t checkpoint_epochs = 1;
  std::int64_t checkpoint_steps = 0;
};

void declare_training_options(OptionTable& options, TrainingArguments& arguments);

// Error (exit status 2) when options of the model exclude each other, those of sampling included.
void check_model(const TrainingArguments& arguments);
// Whether its edges are told apart, by weight or by age.
bool weighs_edges(const TrainingArguments& arguments);
// Whether softmax is a term of its loss.
bool has_softmax(const TrainingArguments& arguments);
// Products with a graph that a forward pass runs.
std::int64_t num_message_layers(const TrainingArguments& arguments);

// --wire by name: fp32, bf16 or int8.
WireFormat wire_format(const std::string& name);

// What training perturbs.
Perturbation perturbation(const TrainingArguments& arguments, std::uint64_t seed);

// What the engine is told. `num_edges`: of the training part (for --batch auto).
ModelOptions model_options(const TrainingArguments& arguments, std::uint64_t seed);
TrainerOptions trainer_options(const TrainingArguments& arguments, std::uint64_t seed,
                               std::uint64_t num_edges);
// Which interactions a phase learns from.
TrainingPart training_part(const TrainingArguments& arguments, bool refit);
// What checkpoints of a phase must agree with to be continued; one line.
std::string checkpoint_identity(const TrainingArguments& arguments, std::uint64_t seed,
                                const std::string& dataset_hash, TrainingPart part);

}  // namespace halorec
