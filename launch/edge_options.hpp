// The options that tell edges apart: by weight, by age, by slice of time.
#pragma once

#include "launch/training_options.hpp"

namespace halorec {

void declare_edge_options(OptionTable& options, TrainingArguments& arguments);

// Usage Error where they make no sense for the model or beside other options.
void check_edges(const TrainingArguments& arguments);

}  // namespace halorec
