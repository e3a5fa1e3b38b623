#include "launch/training_checks.hpp"

#include <cmath>
#include "comm/check.hpp"
#include "engine/kernels/bf16_product.hpp"

#include "launch/durations.hpp"
#include "launch/edge_options.hpp"
#include "launch/loss_option.hpp"
#include "launch/output.hpp"
#include "launch/side_options.hpp"
#include "models/presets.hpp"
#include "models/registry.hpp"

namespace halorec {

void check_times(const TrainingArguments& training, const DatasetFile& dataset) {
  const bool asks = training.model == "recent" || training.model == "roland" ||
                    (is_trained_model(training.model) && training.half_life != "auto") ||
                    training.own_half_life != "auto" ||
                    std::isfinite(popular_half_life_seconds(training));
  if (!asks || dataset.has_times()) return;
  fail_usage(
      "{} needs to know when interactions were, and the dataset has no times; import data with a "
      "time column (--columns time=...)",
      training.half_life != "auto"           ? "--half-life"
      : training.own_half_life != "auto"     ? "--own-half-life"
      : training.popular_half_life != "auto" ? "--popular-half-life"
                                             : "--model " + training.model);
}

void check_data(const TrainingArguments& training, const DatasetFile& dataset) {
  if (is_trained_model(training.model) && training.select == "validation" &&
      dataset.num_interactions(Split::validation) == 0) {
    fail_usage(
        "the dataset has no validation interactions (too few per user); give --select test "
        "or --select none");
  }
  if (is_trained_model(training.model) && training.select == "test" &&
      dataset.num_interactions(Split::test) == 0) {
    fail_usage("the dataset has no test interactions to select on; give --select none");
  }
  if (is_trained_model(training.model)) check_side_inputs(training, dataset);
  check_times(training, dataset);
  if (training.model == "planted" && !dataset.has_truth()) {
    fail_usage(
        "--model planted ranks by what a generator planted, and this dataset was not made by "
        "halorec generate");
  }
}

std::string scores_warning(const TrainingArguments& training, Communicator& communicator) {
  if (!is_trained_model(training.model) || training.scores != "bf16" ||
      !parse_loss_terms(training.loss).has(LossKind::softmax)) {
    return {};
  }
  const auto without = communicator.sum(std::int64_t{kernels::has_bf16_units() ? 0 : 1});
  if (without == 0) return {};
  const std::string where =
      without == communicator.size()
          ? "this machine has"
          : fmt::format("the machines of {} of {} ranks have", without, communicator.size());
  return where +
         " no bf16 matrix units: scores are rounded and multiplied in fp32, slower (--scores bf16)";
}

namespace {

void check_perturbation(const TrainingArguments& training, const Perturbation& p) {
  if (training.model == "lightgcn" || !p.any()) return;
  if (!is_layered_model(training.model)) {
    fail_usage(
        "--loss contrastive, --edge-dropout, --node-dropout, --message-dropout and "
        "--embedding-noise do not go with --model {}",
        training.model);
  }
  if (p.node_dropout > 0 || p.contrast == Contrast::sgl) {
    fail_usage("--{} goes with --model lightgcn, not {}",
               p.node_dropout > 0 ? "node-dropout" : "contrastive sgl", training.model);
  }
  const ModelOptions options = model_options(training, 0);
  if (p.edge_dropout > 0 && !sums_neighbours(training.model, options)) {
    fail_usage(
        "--edge-dropout goes with sums over neighbours: lightgcn, ngcf, ggnn, and sage and gnn but "
        "for --aggregate max and attention; --message-dropout goes with every layered model");
  }
  if (p.contrast == Contrast::xsimgcl &&
      preset_of(training.model, options).combine == Combine::concatenation) {
    fail_usage(
        "--loss contrastive compares what ranks with one layer, and layers side by side are "
        "longer; "
        "give --combine mean, last or attention");
  }
}

// Of links, or of attributes whose values are nodes.
void check_relations(const TrainingArguments& training, const std::vector<NamedRelation>& relations,
                     std::string_view option) {
  if (relations.empty() || !is_trained_model(training.model)) return;
  if (!takes_relations(training.model)) {
    fail_usage("{} goes with --model lightgcn and rgcn, not {}", option, training.model);
  }
  if (training.layers == 0) {
    fail_usage("{} passes messages, and --layers 0 passes none; give --layers 1 or more", option);
  }
  for (const NamedRelation& relation : relations) {
    if (training.model != "rgcn" || relation.weight == 1) continue;
    fail_usage(
        "{} {}:{:g}: rgcn learns a transform for each relation and takes no weights; leave out "
        "':{:g}', or take --model lightgcn",
        option, relation.name, relation.weight, relation.weight);
  }
  if (parse_half_lives(training.half_life, "--half-life").size() > 1) {
    fail_usage("--half-life {}: a mixture goes without {}; give one half-life", training.half_life,
               option);
  }
}

}  // namespace

void check_training_options(const TrainingArguments& training) {
  const LossTerms terms = parse_loss_terms(training.loss);
  const Perturbation p = perturbation(training, 0);
  if (is_trained_model(training.model)) check_perturbation(training, p);
  if ((training.cold_content > 0 || training.warm_content > 0) &&
      !is_trained_model(training.model)) {
    fail_usage("--{} goes with trained models; --model {} is a baseline",
               training.cold_content > 0 ? "cold-content" : "warm-content", training.model);
  }
  if (p.contrast == Contrast::xsimgcl && p.contrast_layer > training.layers) {
    fail_usage("--contrastive-layer {} is beyond --layers {}; allowed: 0 .. {}", p.contrast_layer,
               training.layers, training.layers);
  }
  if (terms.has(LossKind::contrastive) && !terms.has(LossKind::softmax) && !terms.has_pairs() &&
      !terms.has(LossKind::rating)) {
    fail_usage(
        "--loss contrastive alone learns nothing of who took what; blend it, for example "
        "softmax:1,contrastive:0.1");
  }
  if (is_trained_model(training.model) && training.dim == 1 &&
      (terms.has(LossKind::softmax) || terms.has(LossKind::contrastive))) {
    fail_usage(
        "--dim 1 leaves of a cosine, by which softmax and contrastive learn, a sign alone; give "
        "--dim 2 or more, or --loss bpr");
  }
  if ((p.any() || has_side_inputs(training)) && training.exchange == "columns") {
    fail_usage(
        "--exchange columns goes without contrastive, dropout, noise, relations, attribute nodes "
        "and features, which run by rows; allowed with them: auto, halo, hybrid");
  }
  for (const auto& [text, option] : {std::pair(&training.relations, "--relations"),
                                     std::pair(&training.attribute_nodes, "--attribute-nodes")}) {
    check_relations(training, parse_relations(*text, option), option);
  }
  if (training.attribute_nodes != "none" && training.model == "lightgcn" &&
      (p.changes_rows() || p.contrast != Contrast::none)) {
    fail_usage(
        "--attribute-nodes goes without --loss contrastive, --node-dropout, --message-dropout and "
        "--embedding-noise in lightgcn; --edge-dropout and --id-dropout go with it");
  }
  if (training.id_dropout > 0 && has_side_inputs(training) &&
      parse_half_lives(training.half_life, "--half-life").size() > 1) {
    fail_usage(
        "--half-life {}: a mixture goes without --id-dropout, which takes interactions from its "
        "nodes; give one half-life",
        training.half_life);
  }
}

void check_weights(const EdgeWeights& weights) {
  if (weights.spread() > 0) return;
  throw Error(fmt::format("--loss rating has nothing to learn: every training interaction weighs "
                          "{:g}; import the data with its ratings (--columns rating=...), or leave "
                          "the term out",
                          weights.mean()),
              kExitUsage, true);
}

void check_foretold(const TrainingArguments& training, std::string_view where) {
  if (has_side_inputs(training)) {
    fail_usage(
        "{} foretells steps over interactions alone: leave out --relations, --attribute-nodes and "
        "--features; steps with them can be measured: halorec bench step",
        where);
  }
  if (weighs_edges(training)) {
    fail_usage("{} foretells steps over equal edges; leave out --weight and --half-life", where);
  }
  if (!training.fanout.empty()) {
    fail_usage(
        "{} foretells steps over the whole graph; those of --fanout can be measured: halorec bench "
        "step, halorec bench scaling",
        where);
  }
  if (perturbation(training, 0).any()) {
    fail_usage(
        "{} foretells steps over all edges and rows as they are; leave out contrastive, dropout "
        "and "
        "noise",
        where);
  }
  if (training.precision != "single") {
    fail_usage("{} foretells steps in single precision; leave out --precision", where);
  }
  if (training.model == "lightgcn" || training.model == "mf") return;
  fail_usage(
      "{} foretells steps of lightgcn and mf, whose cost it can model; --model {} can be "
      "measured: halorec bench step, halorec bench scaling",
      where, training.model);
}

std::vector<std::string> options_without_effect(const TrainingArguments& a) {
  std::vector<std::string> names;
  if (a.model != "itemknn") names.emplace_back("neighbours");
  if (!is_trained_model(a.model)) {
    names.emplace_back("likeness-power");
    OptionTable training;
    TrainingArguments unused;
    declare_training_options(training, unused);
    for (const auto& [name, value] : training.values()) {
      const bool is_recents = name == "half-life" || name == "own-repeats" ||
                              (name == "own-half-life" && a.own_repeats > 0);
      if (name == "model" || name == "neighbours" || (a.model == "recent" && is_recents)) continue;
      names.push_back(name);
    }
    return names;
  }
  if (a.own_repeats == 0) names.emplace_back("own-half-life");
  if (a.model != "roland") names.emplace_back("slices");
  if (a.model != "lightgcn") names.insert(names.end(), {"learn-layer-weights", "store"});
  if (a.model == "mf") {
    names.insert(names.end(), {"layers", "exchange", "wire"});
  }
  if (!is_layered_model(a.model)) names.insert(names.end(), {"aggregate", "combine"});
  if (a.model != "rgcn") names.emplace_back("bases");
  if (!has_side_inputs(a)) names.emplace_back("id-dropout");
  if (a.map_features == "none") names.emplace_back("map-ridge");
  if (a.cold_content == 0 && !knows_cold_nodes(a)) {
    names.insert(names.end(), {"cold-level", "cold-places"});
  }
  if (a.cold_content == 0 && a.warm_content == 0) {
    names.insert(names.end(),
                 {"content-columns", "content-neighbours", "content-power", "likeness-power"});
  }
  if (!has_heads(a.model, model_options(a, 0))) names.emplace_back("heads");
  const LossTerms terms = parse_loss_terms(a.loss);
  if (!terms.has(LossKind::softmax)) {
    names.insert(names.end(), {"negative-power", "temperature", "temperature2", "gce", "scores",
                               "blended-negatives"});
    if (!terms.has_pairs()) names.emplace_back("negatives");
  } else if (!terms.has_pairs()) {
    names.emplace_back("blended-negatives");
  }
  const bool contrasts = terms.has(LossKind::contrastive);
  if (!contrasts) {
    names.insert(names.end(), {"contrastive", "contrastive-temperature", "contrastive-pool"});
  }
  if (!contrasts || a.contrastive != "xsimgcl") {
    names.insert(names.end(), {"contrastive-layer", "noise"});
  }
  if (!contrasts || a.contrastive != "sgl") names.emplace_back("contrastive-dropout");
  if (a.fanout.empty()) names.emplace_back("update");
  if (a.select == "none") names.insert(names.end(), {"metric", "patience", "evaluate-every"});
  return names;
}

void warn_of_options_without_effect(const TrainingArguments& training, const OptionTable& options) {
  std::string names;
  for (const std::string& name : options_without_effect(training)) {
    if (options.typed(name)) names += (names.empty() ? "--" : ", --") + name;
  }
  if (names.empty()) return;
  warn(fmt::format("without effect on --model {}{}: {}", training.model,
                   is_trained_model(training.model)
                       ? fmt::format(" --loss {} --select {}", training.loss, training.select)
                       : "",
                   names));
}

}  // namespace halorec
