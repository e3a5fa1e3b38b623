#include "launch/baseline_options.hpp"

#include "launch/durations.hpp"
#include "models/baselines/content_rows.hpp"

namespace halorec {

void declare_baseline_options(OptionTable& options, BaselineArguments& arguments) {
  options.group("Baseline content (items by what is known of them)");
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
}

BaselineOptions baseline_options(const TrainingArguments& training,
                                 const BaselineArguments& arguments, TrainingPart part) {
  BaselineOptions options;
  options.num_neighbours = training.neighbours;
  const auto half_lives = parse_half_lives(training.half_life, "--half-life");
  if (!half_lives.empty()) options.half_life_seconds = half_lives.front();
  options.own_repeats = training.own_repeats;
  options.part = part;
  options.content_columns = arguments.content_columns;
  options.content_neighbours = arguments.content_neighbours;
  options.content_power = arguments.content_power;
  return options;
}

void check_baseline(const TrainingArguments& training, const BaselineArguments& arguments,
                    const DatasetFile& dataset) {
  if (training.model == "content") content_columns(dataset, arguments.content_columns);
}

}  // namespace halorec
