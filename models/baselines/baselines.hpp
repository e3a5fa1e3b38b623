// What a trained model has to beat, by name. Baselines are scorers: they rank, are evaluated and
// recommend through the same code as embeddings.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/baselines/likeness_scorer.hpp"

namespace halorec {

struct BaselineOptions {
  std::int64_t num_neighbours = 100;  // itemknn: neighbours kept of an item
  double shrinkage = 10;              // itemknn: what few common users count less by
  // recent: of an interaction; none: a tenth of the time between the first and the last.
  std::optional<double> half_life_seconds = std::nullopt;
  // recent: what a user's own items count beside popularity, and their half-life; none: the same.
  double own_repeats = 0;
  std::optional<double> own_half_life_seconds = std::nullopt;
  TrainingPart part = TrainingPart::train_and_validation;  // that the shard was made from
  // content: columns of items; the trained items most like an item that count, 0: a user's profile
  // of all; and the power that their similarity counts to.
  std::vector<std::string> content_columns = {"all"};
  std::int64_t content_neighbours = 0;
  double content_power = 1;
};

// Names in the order of help: popular, recent, itemknn, content, random, planted.
std::vector<std::string> baseline_names();

// Error (exit status 2) when the name is none of the above, or when `planted` is asked of data that
// no generator made, `recent` of data without times, or `content` of data without side information
// of items. Collective.
std::unique_ptr<Scorer> make_baseline(std::string_view name, const Shard& shard,
                                      const DatasetFile& dataset, std::uint64_t seed,
                                      const BaselineOptions& options = {});

// The scorer of `content`. Errors as make_baseline. Collective.
std::unique_ptr<LikenessScorer> make_content(const Shard& shard, const DatasetFile& dataset,
                                             const BaselineOptions& options);

}  // namespace halorec
