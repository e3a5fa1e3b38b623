// The options of training over drawn neighbourhoods (engine/neighbour_sampler.hpp).
#pragma once

#include "launch/training_options.hpp"

namespace halorec {

void declare_sampling_options(OptionTable& options, TrainingArguments& arguments);

// Usage Error where --fanout and --update do not fit the model or one another.
void check_sampling(const TrainingArguments& a);

}  // namespace halorec
