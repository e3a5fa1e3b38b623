#include "launch/edge_options.hpp"

#include <limits>

#include "launch/durations.hpp"
#include "models/presets.hpp"
#include "models/registry.hpp"

namespace halorec {

void declare_edge_options(OptionTable& options, TrainingArguments& a) {
  options.group("Edges and time");
  options
      .add("weight", a.weight,
           "what an edge counts in sums over neighbours: one; rating: its interaction's weight "
           "(rating, count); log1p: log(1 + weight)")
      .choices({"one", "rating", "log1p"});
  options
      .add("half-life", a.half_life,
           "an edge counts half as much with every half-life that it is older than the newest "
           "training interaction: 30d (s, m, h, d, w, y); several, as in 7d,30d,inf, are mixed as "
           "training learns (lightgcn). auto: no decay; of recent a tenth of the time that "
           "training covers")
      .value_name("TIME,TIME");
  options.add("slices", a.slices, "roland: of equal duration, that training's time is cut into")
      .range(1, 64);
  options
      .add("own-repeats", a.own_repeats,
           "where repeats are kept: what an item that the user took at the newest time counts for "
           "that user, beside the most popular item's 1 (recent) or added to the cosine (trained "
           "models)")
      .at_least(0);
  options
      .add("own-half-life", a.own_half_life,
           "of that: how fast it falls with the age of the interaction. auto: as --half-life says "
           "if it is one, else never")
      .value_name("TIME");
  options
      .add(
          "popular-half-life", a.popular_half_life,
          "trained models: how fast popularity (of --log-popularity, and by which people are "
          "served "
          "of whom nothing is known) falls with the age of interactions. auto: as --half-life says "
          "if it is one, else never")
      .value_name("TIME");
}

namespace {

// What `text` says, else a single --half-life, else infinity.
double half_life_seconds(const TrainingArguments& a, std::string_view text,
                         std::string_view option) {
  const auto asked = parse_half_lives(text, option);
  if (asked.size() > 1)
    fail_usage("{} {}: there is but one half-life here; give one", option, text);
  if (!asked.empty()) return asked.front();
  const auto half_lives = parse_half_lives(a.half_life, "--half-life");
  return half_lives.size() == 1 ? half_lives.front() : std::numeric_limits<double>::infinity();
}

}  // namespace

double own_half_life_seconds(const TrainingArguments& a) {
  return half_life_seconds(a, a.own_half_life, "--own-half-life");
}

double popular_half_life_seconds(const TrainingArguments& a) {
  return half_life_seconds(a, a.popular_half_life, "--popular-half-life");
}

bool weighs_edges(const TrainingArguments& a) {
  return a.weight != "one" || a.half_life != "auto";
}

namespace {

void check_weighing(const TrainingArguments& a, bool mixes) {
  const std::string options = a.weight == "one"       ? "--half-life"
                              : a.half_life == "auto" ? "--weight"
                                                      : "--weight and --half-life";
  if (!sums_neighbours(a.model, model_options(a, 0))) {
    fail_usage(
        "{}: edges weigh in sums over neighbours of lightgcn, ngcf, ggnn, sage and gnn (without "
        "max and attention), not in --model {}",
        options, a.model);
  }
  if (a.exchange == "columns") {
    fail_usage("--exchange columns goes with equal edges, not with {}; allowed: auto, halo, hybrid",
               options);
  }
  if (mixes && perturbation(a, 0).any()) {
    fail_usage(
        "--half-life {}: a mixture goes without --loss contrastive, dropout and noise; give one "
        "half-life",
        a.half_life);
  }
}

}  // namespace

void check_edges(const TrainingArguments& a) {
  own_half_life_seconds(a);
  popular_half_life_seconds(a);
  const auto half_lives = parse_half_lives(a.half_life, "--half-life");
  if (half_lives.size() > 1 && a.model != "lightgcn" && a.model != "mf") {
    fail_usage("--half-life {}: a mixture of half-lives goes with --model lightgcn; give one",
               a.half_life);
  }
  if (!is_trained_model(a.model) || !weighs_edges(a)) return;
  check_model_options(a.model, model_options(a, 0));
  check_weighing(a, half_lives.size() > 1);
}

}  // namespace halorec
