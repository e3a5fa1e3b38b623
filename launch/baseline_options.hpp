// Options of training that baselines alone read.
#pragma once

#include <string>
#include <vector>

#include "launch/options.hpp"
#include "launch/training_options.hpp"
#include "models/baselines/baselines.hpp"
#include "partition/dataset.hpp"

namespace halorec {

struct BaselineArguments {
  std::vector<std::string> content_columns = {"all"};
  std::int64_t content_neighbours = 0;
  double content_power = 1;
};

void declare_baseline_options(OptionTable& options, BaselineArguments& arguments);

// part: that the baseline's shard was made from.
BaselineOptions baseline_options(const TrainingArguments& training,
                                 const BaselineArguments& arguments, TrainingPart part);

// Usage Error when the dataset lacks what the baseline asks for. Not collective.
void check_baseline(const TrainingArguments& training, const BaselineArguments& arguments,
                    const DatasetFile& dataset);

}  // namespace halorec
