// The options that tell edges apart: by weight, by age, by slice of time.
#pragma once

#include "launch/training_options.hpp"

namespace halorec {

void declare_edge_options(OptionTable& options, TrainingArguments& arguments);

// Of --own-repeats: what --own-half-life says, else a single --half-life, else infinity. Usage
// Error when it is no one duration.
double own_half_life_seconds(const TrainingArguments& arguments);

// How popularity ages for people of whom nothing is known: what --popular-half-life says, else a
// single --half-life, else infinity. Usage Error when it is no one duration.
double popular_half_life_seconds(const TrainingArguments& arguments);

// Usage Error where they make no sense for the model or beside other options.
void check_edges(const TrainingArguments& arguments);

}  // namespace halorec
