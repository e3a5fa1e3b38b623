#include "launch/content_options.hpp"

#include <cmath>

#include "launch/durations.hpp"
#include "launch/edge_options.hpp"
#include "launch/held_out_lists.hpp"
#include "launch/list_options.hpp"
#include "launch/output.hpp"
#include "models/baselines/content_rows.hpp"
#include "models/blended_scorer.hpp"
#include "models/mean_item_length.hpp"
#include "models/registry.hpp"

namespace halorec {

void declare_content_options(OptionTable& options, ContentArguments& arguments) {
  options.group(
      "Content: items by what is known of them (--model content, --cold-content, --warm-content)");
  options
      .add("content-columns", arguments.content_columns,
           "columns of items to compare, as in item:title,item:genres; all: every one that is no "
           "link")
      .value_name("NAME,NAME");
  options
      .add("content-neighbours", arguments.content_neighbours,
           "trained items most like it that an item is ranked by; 0: by all of a user's items, as "
           "the cosine with the sum of their rows")
      .range(0, 10'000);
  options
      .add("content-power", arguments.content_power,
           "with neighbours: similarities count to this power")
      .above(0);
  options
      .add("likeness-power", arguments.likeness_power,
           "--cold-content and --warm-content: likeness counts to this power; below 1 the first of "
           "a user's items that is like an item counts more than further ones")
      .range(0.25, 4);
  declare_cold_places(options, arguments.cold_places, "all items rank by their scores");
  declare_leave_out(options, arguments.leave_out);
}

void declare_cold_places(OptionTable& options, std::optional<double>& cold_places,
                         std::string_view otherwise) {
  options
      .add(
          "cold-places", cold_places,
          fmt::format("share of a list's places kept for items without interactions, evenly spread "
                      "(0.1: places 10, 20 ...); the best of them stand there and nowhere else. "
                      "Left out: {}",
                      otherwise))
      .range(0.01, 1)
      .value_name("SHARE");
}

Catalogue make_catalogue(const Shard& shard, const DatasetFile& dataset, Candidates candidates,
                         std::optional<double> cold_places) {
  Catalogue catalogue(shard, dataset, candidates);
  if (cold_places) catalogue.keep_places(ColdPlaces(*cold_places));
  return catalogue;
}

BaselineOptions baseline_options(const TrainingArguments& training,
                                 const ContentArguments& arguments, TrainingPart part) {
  BaselineOptions options;
  options.num_neighbours = training.neighbours;
  const auto half_lives = parse_half_lives(training.half_life, "--half-life");
  if (!half_lives.empty()) options.half_life_seconds = half_lives.front();
  options.own_repeats = training.own_repeats;
  if (training.own_half_life != "auto") {
    options.own_half_life_seconds = own_half_life_seconds(training);
  }
  options.part = part;
  options.content_columns = arguments.content_columns;
  options.content_neighbours = arguments.content_neighbours;
  options.content_power = arguments.content_power;
  return options;
}

void check_content(const TrainingArguments& training, const ContentArguments& arguments,
                   const DatasetFile& dataset) {
  check_leave_out(arguments.leave_out, dataset);
  if (training.model == "content" || training.cold_content > 0 || training.warm_content > 0) {
    content_columns(dataset, arguments.content_columns);
  }
  if (training.own_repeats > 0 && is_trained_model(training.model) &&
      !dataset.protocol().keep_repeats) {
    warn(
        "--own-repeats: the dataset leaves repeats out, so that no list has a user's own items; "
        "import with --repeats keep, or ask for them (halorec recommend --include-seen)");
  }
}

RowScorers::RowScorers(const TrainingArguments& training, const ContentArguments& arguments,
                       const Shard& shard, const DatasetFile& dataset, TrainingPart part,
                       ColdRows cold)
    : shard_(&shard),
      cold_(cold),
      log_popularity_(halorec::log_popularity(training)),
      likeness_power_(arguments.likeness_power) {
  const double popular_half_life = popular_half_life_seconds(training);
  if (training.own_repeats > 0 || std::isfinite(popular_half_life)) {
    const InteractionFacts facts(shard, dataset, part);
    if (training.own_repeats > 0) {
      repeats_ = std::make_shared<OwnRepeats>(facts, own_half_life_seconds(training),
                                              training.own_repeats);
    }
    if (std::isfinite(popular_half_life)) {
      const std::vector<double> popularity = decayed_popularity(facts, popular_half_life);
      popularity_ = std::make_shared<std::vector<float>>(popularity.begin(), popularity.end());
    }
  }
  // As long as trained items' rows, wherever --cold-level leaves cold ones as they come.
  const double level = training.cold_level > 0 ? training.cold_level : 1;
  const double cold_weight = level * training.cold_content;
  likens_cold_ = cold_weight > 0;
  if (!likens_cold_ && training.warm_content == 0) return;
  likeness_ = make_content(shard, dataset, baseline_options(training, arguments, part));
  likeness_->scale_to(std::pow(cold_weight, 1 / likeness_power_),
                      std::pow(training.warm_content, 1 / likeness_power_));
}

double RowScorers::log_popularity(MatrixView<const float> rows) const {
  return log_popularity_ == 0 ? 0 : log_popularity_ * mean_item_length(*shard_, rows);
}

std::unique_ptr<Scorer> RowScorers::make(MatrixView<const float> rows) const {
  std::unique_ptr<Scorer> scorer;
  const EmbeddingScorer* by_rows = nullptr;
  const double popularity = log_popularity(rows);
  if (likeness_ == nullptr) {
    auto plain = std::make_unique<EmbeddingScorer>(*shard_, rows, cold_, popularity);
    by_rows = plain.get();
    scorer = std::move(plain);
  } else {
    auto blended = std::make_unique<BlendedScorer>(*shard_, rows, cold_, popularity, likeness_,
                                                   likens_cold_, likeness_power_);
    by_rows = &blended->by_rows();
    scorer = std::move(blended);
  }
  if (repeats_ != nullptr) {
    scorer = std::make_unique<RepeatScorer>(*shard_, rows, std::move(scorer), *by_rows, repeats_);
  }
  scorer->set_popularity(popularity_);
  return scorer;
}

}  // namespace halorec
