// Options that compare items by what is known of them, of the baseline `content` and of a trained
// model's lists; the places that items without interactions have in lists; and what all baselines
// are made with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/catalogue.hpp"
#include "engine/embedding_scorer.hpp"
#include "launch/options.hpp"
#include "launch/training_options.hpp"
#include "models/baselines/baselines.hpp"
#include "models/own_repeats.hpp"
#include "partition/dataset.hpp"

namespace halorec {

struct ContentArguments {
  std::vector<std::string> content_columns = {"all"};
  std::int64_t content_neighbours = 0;
  double content_power = 1;
  double likeness_power = 1;
  std::optional<double> cold_places;  // share of a list; none: all rank by their scores
  std::string leave_out = "none";     // links whose items stand in no list of the user
};

// --cold-places, of all commands that make lists; `otherwise` says what holds when it is left out.
void declare_cold_places(OptionTable& options, std::optional<double>& cold_places,
                         std::string_view otherwise);
void declare_content_options(OptionTable& options, ContentArguments& arguments);

// part: that the baseline's shard was made from.
BaselineOptions baseline_options(const TrainingArguments& training,
                                 const ContentArguments& arguments, TrainingPart part);

// What may stand in lists. Collective.
Catalogue make_catalogue(const Shard& shard, const DatasetFile& dataset, Candidates candidates,
                         std::optional<double> cold_places);

// Usage Error when the dataset lacks what the model, --cold-content or --warm-content asks for. Not
// collective.
void check_content(const TrainingArguments& training, const ContentArguments& arguments,
                   const DatasetFile& dataset);

// What ranks by final rows, by likeness where --cold-content or --warm-content ask for it, and by
// what users have taken before where --own-repeats does; people of whom nothing is known by
// popularity, which ages where --half-life or --popular-half-life say so.
class RowScorers {
 public:
  // part: that the shard was made from. shard and dataset outlive this. Collective.
  RowScorers(const TrainingArguments& training, const ContentArguments& arguments,
             const Shard& shard, const DatasetFile& dataset, TrainingPart part, ColdRows cold);

  // Whether scores are more than inner products of rows.
  bool add_to_rows() const { return likeness_ != nullptr || repeats_ != nullptr; }
  // In place of what the options say, in units of the cosine; for scorers made from now on.
  void set_log_popularity(double weight) { log_popularity_ = weight; }
  // In the units of EmbeddingScorer. Collective.
  double log_popularity(MatrixView<const float> rows) const;
  // What stands in lists.
  Candidates candidates() const {
    return cold_.items || likens_cold_ ? Candidates::all : Candidates::warm;
  }
  // rows: as EmbeddingScorer takes them. Collective.
  std::unique_ptr<Scorer> make(MatrixView<const float> rows) const;

 private:
  const Shard* shard_;
  ColdRows cold_;
  double log_popularity_;  // in units of the cosine
  double likeness_power_;
  bool likens_cold_;
  std::shared_ptr<LikenessScorer> likeness_;              // null: without
  std::shared_ptr<const OwnRepeats> repeats_;             // null: without
  std::shared_ptr<const std::vector<float>> popularity_;  // null: that of all times
};

}  // namespace halorec
