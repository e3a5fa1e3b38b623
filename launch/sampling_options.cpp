#include "launch/sampling_options.hpp"

#include <fmt/ranges.h>

#include "launch/durations.hpp"
#include "launch/side_options.hpp"
#include "models/presets.hpp"

namespace halorec {

void declare_sampling_options(OptionTable& options, TrainingArguments& a) {
  options.group("Neighbour sampling");
  options
      .add("fanout", a.fanout,
           "neighbours that a node hears in a training step, drawn without replacement; a number "
           "for each layer, the first for the batch's own nodes; steps then hold the batch's "
           "surroundings, not the graph, and evaluation hears all neighbours as ever (none: all)")
      .value_name("N,N,...")
      .at_least(1);
  options
      .add("update", a.update,
           "with --fanout, which embeddings a step moves: all, as their moments say, or those "
           "touched, while the others and their moments stand still (lazy Adam)")
      .choices({"all", "touched"});
}

void check_sampling(const TrainingArguments& a) {
  if (a.fanout.empty()) {
    if (a.update == "touched") {
      fail_usage("--update touched goes with --fanout: without it every step reaches every row");
    }
    return;
  }
  if ((a.model != "lightgcn" && !is_layered_model(a.model)) || a.model == "rgcn") {
    fail_usage(
        "--fanout goes with lightgcn, ngcf, gat, lightgat, ngat4rec, ggnn, sage and gnn, which "
        "pass messages over interactions alone, not with {}",
        a.model);
  }
  if (std::ssize(a.fanout) != a.layers) {
    fail_usage("--fanout {} has {} number{}, and --layers {} needs {}: one for each layer",
               fmt::join(a.fanout, ","), a.fanout.size(), a.fanout.size() == 1 ? "" : "s", a.layers,
               a.layers);
  }
  if (a.relations != "none" || a.attribute_nodes != "none") {
    fail_usage(
        "--fanout draws among interactions alone: leave out --relations and --attribute-nodes");
  }
  if (parse_half_lives(a.half_life, "--half-life").size() > 1) {
    fail_usage(
        "--half-life {}: a mixture goes without --fanout, which draws from one graph; give one "
        "half-life",
        a.half_life);
  }
  if (a.id_dropout > 0 && a.model == "lightgcn") {
    fail_usage(
        "--id-dropout takes interactions too from lightgcn, which --fanout draws among: leave out "
        "one of them, or take a layered model");
  }
  if (a.exchange == "columns") {
    fail_usage(
        "--exchange columns goes without --fanout, which fetches rows; allowed: auto, halo, "
        "hybrid");
  }
  if (a.store == "bf16") {
    fail_usage("--store bf16 goes without --fanout, whose steps keep their rows in full");
  }
  if (perturbation(a, 0).any()) {
    fail_usage(
        "--fanout goes without --loss contrastive, --edge-dropout, --node-dropout, "
        "--message-dropout and --embedding-noise: what is drawn perturbs training already");
  }
}

}  // namespace halorec
