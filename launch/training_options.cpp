#include "launch/training_options.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "launch/durations.hpp"
#include "launch/edge_options.hpp"
#include "launch/list_options.hpp"
#include "launch/loss_option.hpp"
#include "launch/sampling_options.hpp"
#include "launch/side_options.hpp"
#include "models/baselines/baselines.hpp"
#include "models/presets.hpp"
#include "models/registry.hpp"

namespace halorec {
namespace {

template <typename E, std::size_t N>
using Words = std::array<std::pair<const char*, E>, N>;

constexpr Words<Aggregate, 6> kAggregates{{{"auto", Aggregate::automatic},
                                           {"sum", Aggregate::sum},
                                           {"mean", Aggregate::mean},
                                           {"max", Aggregate::max},
                                           {"attention", Aggregate::attention},
                                           {"gated", Aggregate::gated}}};
constexpr Words<Combine, 5> kCombines{{{"auto", Combine::automatic},
                                       {"mean", Combine::mean},
                                       {"last", Combine::last},
                                       {"concat", Combine::concatenation},
                                       {"attention", Combine::attention}}};

template <typename E, std::size_t N>
std::vector<std::string> words_of(const Words<E, N>& words) {
  std::vector<std::string> result;
  for (const auto& [word, value] : words) result.emplace_back(word);
  return result;
}

template <typename E, std::size_t N>
E value_of(const Words<E, N>& words, const std::string& word) {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const auto& one) { return one.first == word; });
  HALOREC_ASSERT_LIGHT(found != words.end());
  return found->second;
}

}  // namespace

void declare_training_options(OptionTable& options, TrainingArguments& a) {
  std::vector<std::string> models = trained_model_names();
  for (const std::string& name : baseline_names()) models.push_back(name);
  options.group("Model");
  options.add("model", a.model, "what is trained, or a baseline that is only evaluated")
      .choices(models);
  options.add("dim", a.dim, "numbers in an embedding").range(1, 4096);
  options.add("layers", a.layers, "message-passing layers").range(0, 16);
  options.add("learn-layer-weights", a.learn_layer_weights,
              "lightgcn: learn how much each layer counts, from 1/(layers+1)");
  options
      .add("aggregate", a.aggregate,
           "what a node of gnn takes from its neighbours (of sage: mean or max); auto: mean")
      .choices(words_of(kAggregates));
  options
      .add("combine", a.combine,
           "what ranks, of the layers of ngcf, gat, lightgat, ngat4rec, ggnn, sage, rgcn and gnn; "
           "attention: each node weighs its own; auto: as in the model's paper, for gnn and "
           "lightgat mean")
      .choices(words_of(kCombines));
  options.add("heads", a.heads, "of attention, each with as many columns; divides --dim")
      .range(1, 64);
  options.add("bases", a.bases, "rgcn: transforms that those of all relations are made of")
      .range(1, 64);
  options
      .add("init", a.init,
           "standard deviation of the first embeddings (auto: 0.01 with softmax, else 0.1)")
      .or_word("auto")
      .above(0);
  options.add("precision", a.precision, "of embeddings and gradients")
      .choices({"single", "double"});
  options.add("neighbours", a.neighbours, "of an item, itemknn keeps the most similar")
      .range(1, 10000);

  declare_side_options(options, a);
  declare_edge_options(options, a);

  declare_sampling_options(options, a);

  options.group("Exchange");
  options
      .add("exchange", a.exchange,
           "between ranks: halo sends a boundary row to all who read it; hybrid sends rows or "
           "partial sums, whichever are fewer; columns gives each rank the whole graph and some "
           "columns of "
           "all rows, exchanged once before the layers and once after; auto: columns where the "
           "graph "
           "fits and bytes gathered and sent are fewer so, else hybrid. Columns are for lightgcn; "
           "attention and max always send whole rows")
      .choices({"auto", "halo", "hybrid", "columns"});
  options
      .add("wire", a.wire,
           "how boundary rows travel; bf16 halves the bytes and rounds to 8 bits of mantissa; int8 "
           "quarters them and is lossy: each number is rounded, at random by the seed, to a "
           "multiple of 1/127 of its row's largest")
      .choices({"fp32", "bf16", "int8"});
  options
      .add(
          "store", a.store,
          "how a layer stores the rows that edges read; bf16 halves the bytes that bound a product "
          "and rounds rows to 8 bits of mantissa, alike on any number of ranks; sums stay fp32 "
          "(lightgcn, --precision single)")
      .choices({"fp32", "bf16"});

  options.group("Objective");
  options
      .add("loss", a.loss,
           fmt::format("what training lowers: a term, or a blend with weights, as in "
                       "softmax:1,bpr:0.2; terms: {}",
                       allowed_loss_terms()))
      .value_name("NAME[:W],...");
  options
      .add(
          "batch", a.batch,
          "positives in a step, over all ranks; auto: 2048, on large graphs without --fanout 1/400 "
          "of the edges, 131,072 from 52 million edges on, and 1/1600 where that is more")
      .or_word("auto")
      .range(1, std::int64_t{1} << 30);
  options
      .add("negatives", a.negatives,
           "softmax: items in the pool that all ranks share (auto: 2048); bpr and logistic without "
           "softmax: for each positive (auto: 1)")
      .or_word("auto")
      .range(1, 1 << 20);
  options
      .add("blended-negatives", a.blended_negatives,
           "bpr and logistic beside softmax: negatives for each positive")
      .range(1, 1 << 20);
  options
      .add("negative-power", a.negative_power,
           "softmax: an item's chance to be in the pool is its training interactions to this power "
           "(0: all alike, 1: drawn like positives)")
      .range(0, 1);
  options.add("temperature", a.temperature, "softmax: what cosines are divided by").above(0);
  options.add("temperature2", a.temperature2, "softmax: BSL's weight of the negatives' term")
      .above(0);
  options
      .add("gce", a.gce,
           "softmax: q of generalised cross-entropy, by which positives that contradict the rest "
           "count less (0: all alike)")
      .range(0, 1);
  options
      .add("l2", a.l2,
           "weight of the batch's squared embeddings (auto: 1e-5 with softmax, else 1e-4)")
      .or_word("auto")
      .at_least(0);
  options
      .add("scores", a.scores,
           "softmax: what the products of its scores and their gradients read; bf16 rounds to 8 "
           "bits of mantissa, for processors with matrix units for it (AVX512-BF16, AMX; slower "
           "on others); sums stay fp32 (--precision single)")
      .choices({"fp32", "bf16"});
  options
      .add("contrastive", a.contrastive,
           "where the two views of contrastive come from: xsimgcl adds noise to every layer and "
           "compares the final rows with one layer's; sgl drops edges, twice")
      .choices({"xsimgcl", "sgl"});
  options
      .add("contrastive-temperature", a.contrastive_temperature,
           "contrastive: what cosines are divided by")
      .above(0);
  options
      .add("contrastive-pool", a.contrastive_pool,
           "contrastive: positions of a batch whose users and items are compared")
      .range(2, 1 << 20);
  options.add("contrastive-layer", a.contrastive_layer, "xsimgcl: the layer of the second view")
      .range(0, 16);
  options
      .add("contrastive-dropout", a.contrastive_dropout,
           "sgl: share of the edges that each view does without")
      .range(0, 0.99);
  options.add("noise", a.noise, "xsimgcl: length of what is added to a row in each layer")
      .at_least(0);

  declare_list_options(options, a);
  options.group("Robustness, in training alone");
  options
      .add("edge-dropout", a.edge_dropout,
           "share of the edges that a step does without; the others count 1/(1 - share)")
      .range(0, 0.99);
  options.add("node-dropout", a.node_dropout, "share of the nodes that send nothing in a step")
      .range(0, 0.99);
  options
      .add("message-dropout", a.message_dropout,
           "share of the numbers of each layer that are zero in a step")
      .range(0, 0.99);
  options
      .add("embedding-noise", a.embedding_noise,
           "length of the noise that is added to each row before the first layer")
      .at_least(0);

  options.group("Optimizer");
  options.add("optimizer", a.optimizer, "update rule").choices({"adam", "sgd"});
  options.add("lr", a.lr, "learning rate (auto: 0.002 with softmax, else 0.001)")
      .or_word("auto")
      .above(0);
  options.add("schedule", a.schedule, "of the rate: constant, or to zero at the last of --epochs")
      .choices({"constant", "linear", "cosine"});
  options.add("epochs", a.epochs, "passes over the training interactions, at most").at_least(1);

  options.group("Selection and evaluation");
  options
      .add("select", a.select,
           "what chooses the epoch: validation (trains without it), test (labelled so), none (all "
           "epochs)")
      .choices({"validation", "test", "none"});
  options.add("refit", a.refit,
              "then train on everything for the chosen number of epochs and test that");
  options.add("metric", a.metric, "what the choice is made by").choices({"recall@20", "ndcg@20"});
  options.add("evaluate-every", a.evaluate_every, "epochs between evaluations").at_least(1);
  options.add("patience", a.patience, "evaluations without a better one before stopping; 0: never")
      .at_least(0);

  options.group("Log and checkpoints");
  options.add("log-every", a.log_every, "steps between step events; 0: none").at_least(0);
  options.add("checkpoint-epochs", a.checkpoint_epochs, "epochs between checkpoints; 0: last only")
      .at_least(0);
  options
      .add("checkpoint-steps", a.checkpoint_steps,
           "steps between checkpoints besides those of epochs; 0: none")
      .at_least(0);
}

void check_model(const TrainingArguments& a) {
  check_edges(a);
  if (a.store == "bf16" && a.precision == "double") {
    fail_usage("--store bf16 goes with --precision single: sums of rounded rows stay fp32");
  }
  if (a.scores == "bf16" && a.precision == "double") {
    fail_usage("--scores bf16 goes with --precision single: sums of rounded scores stay fp32");
  }
  if (!is_trained_model(a.model)) return;
  check_sampling(a);
  check_model_options(a.model, model_options(a, 0));
  if (!is_layered_model(a.model) && a.model != "roland") return;
  if (a.exchange == "columns") {
    fail_usage("--exchange columns goes with --model lightgcn: transforms of {} mix the columns",
               a.model);
  }
  if (a.store == "bf16") {
    fail_usage("--store bf16 goes with --model lightgcn: {} keeps its rows in full", a.model);
  }
}

std::int64_t num_message_layers(const TrainingArguments& a) {
  if (a.model == "roland") return a.layers * a.slices;
  if (a.model == "lightgcn") {
    const auto num_graphs = std::ssize(parse_half_lives(a.half_life, "--half-life"));
    return a.layers * std::max<std::int64_t>(1, num_graphs);
  }
  return is_layered_model(a.model) ? a.layers : 0;
}

// Where an option says "with softmax, else": the published settings of softmax and of bpr.
bool has_softmax(const TrainingArguments& a) {
  return parse_loss_terms(a.loss).has(LossKind::softmax);
}

WireFormat wire_format(const std::string& name) {
  if (name == "bf16") return WireFormat::bf16;
  return name == "int8" ? WireFormat::int8 : WireFormat::full;
}

Perturbation perturbation(const TrainingArguments& a, std::uint64_t seed) {
  Perturbation p;
  p.edge_dropout = a.edge_dropout;
  p.node_dropout = a.node_dropout;
  p.message_dropout = a.message_dropout;
  p.embedding_noise = a.embedding_noise;
  p.id_dropout = a.id_dropout;
  if (parse_loss_terms(a.loss).has(LossKind::contrastive)) {
    p.contrast = a.contrastive == "sgl" ? Contrast::sgl : Contrast::xsimgcl;
  }
  p.layer_noise = a.noise;
  p.contrast_layer = a.contrastive_layer;
  p.view_dropout = a.contrastive_dropout;
  p.seed = seed;
  return p;
}

ModelOptions model_options(const TrainingArguments& a, std::uint64_t seed) {
  ModelOptions options;
  options.dim = a.dim;
  options.num_layers = a.layers;
  options.learn_layer_weights = a.learn_layer_weights;
  options.aggregate = value_of(kAggregates, a.aggregate);
  options.combine = value_of(kCombines, a.combine);
  options.num_heads = a.heads;
  options.num_bases = a.bases;
  options.initial_deviation = a.init.value_or(has_softmax(a) ? 0.01 : 0.1);
  options.seed = seed;
  options.propagation.exchange = a.exchange == "halo" ? ExchangePlan::halo : ExchangePlan::hybrid;
  options.propagation.wire = wire_format(a.wire);
  options.propagation.wire_seed = seed;
  options.propagation.store = a.store == "bf16" ? RowStorage::bf16 : RowStorage::full;
  options.perturbation = perturbation(a, seed);
  options.cold_level = a.cold_level;
  options.rank_by_cosine = ranks_by_cosine(a);
  options.fanout = a.fanout;
  options.move_touched_rows_alone = a.update == "touched";
  return options;
}

TrainerOptions trainer_options(const TrainingArguments& a, std::uint64_t seed,
                               std::uint64_t num_edges) {
  TrainerOptions options;
  const bool softmax = has_softmax(a);
  options.loss.terms = parse_loss_terms(a.loss);
  options.loss.num_negatives = a.negatives.value_or(softmax ? 2048 : 1);
  options.loss.blended_negatives = a.blended_negatives;
  options.loss.negative_power = a.negative_power;
  options.loss.temperature = a.temperature;
  options.loss.temperature2 = a.temperature2;
  options.loss.gce = a.gce;
  options.loss.scores = a.scores == "bf16" ? ScoreFormat::bf16 : ScoreFormat::full;
  options.loss.contrastive_temperature = a.contrastive_temperature;
  options.loss.contrastive_pool = a.contrastive_pool;
  options.loss.l2 = a.l2.value_or(softmax ? 1e-5 : 1e-4);
  options.optimizer.kind = a.optimizer == "sgd" ? OptimizerKind::sgd : OptimizerKind::adam;
  options.optimizer.learning_rate = a.lr.value_or(softmax ? 2e-3 : 1e-3);
  options.schedule = a.schedule == "constant" ? Schedule::constant
                     : a.schedule == "linear" ? Schedule::linear
                                              : Schedule::cosine;
  options.schedule_epochs = a.epochs;
  options.num_epochs = a.epochs;
  // A sampled step has no cost of the whole graph that a large batch would share.
  options.batch_size = a.batch.value_or(automatic_batch_size(a.fanout.empty() ? num_edges : 0));
  options.seed = seed;
  options.evaluate_every = a.evaluate_every;
  options.patience = a.select == "none" ? 0 : a.patience;
  options.metric = a.metric;
  options.log_every = a.log_every;
  options.checkpoint_epochs = a.checkpoint_epochs;
  options.checkpoint_steps = a.checkpoint_steps;
  return options;
}

TrainingPart training_part(const TrainingArguments& a, bool refit) {
  return a.select == "validation" && !refit ? TrainingPart::train
                                            : TrainingPart::train_and_validation;
}

std::string checkpoint_identity(const TrainingArguments& a, std::uint64_t seed,
                                const std::string& dataset_hash, TrainingPart part) {
  std::string identity = fmt::format(
      "dataset {} {} model={} dim={} layers={} learn-layer-weights={} precision={} "
      "optimizer={} seed={}",
      dataset_hash, training_part_name(part), a.model, a.dim, a.layers, a.learn_layer_weights,
      a.precision, a.optimizer, seed);
  if (weighs_edges(a)) identity += fmt::format(" weight={} half-life={}", a.weight, a.half_life);
  if (a.model == "roland") identity += fmt::format(" slices={}", a.slices);
  if (is_layered_model(a.model)) {
    identity += fmt::format(" aggregate={} combine={} heads={}", a.aggregate, a.combine, a.heads);
  }
  if (a.model == "rgcn") identity += fmt::format(" bases={}", a.bases);
  if (has_side_inputs(a)) {
    identity += fmt::format(" relations={} features={}", a.relations, a.features);
    if (a.attribute_nodes != "none") identity += fmt::format(" attributes={}", a.attribute_nodes);
  }
  if (!a.fanout.empty()) {
    identity += fmt::format(" fanout={} update={}", fmt::join(a.fanout, ","), a.update);
  }
  return identity;
}

}  // namespace halorec
