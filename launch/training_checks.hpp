// Whether a training's options fit its data and one another, before anything is touched.
#pragma once

#include <string_view>

#include "launch/options.hpp"
#include "launch/training_options.hpp"
#include "partition/dataset.hpp"

namespace halorec {

// Usage Error when the dataset lacks what the options ask for.
void check_data(const TrainingArguments& training, const DatasetFile& dataset);

// Usage Error unless steps of this model can be foretold for other numbers of ranks, which is what
// `where` does.
void check_foretold(const TrainingArguments& training, std::string_view where);

// One warning on stderr that names what was typed and changes nothing for this model and loss.
void warn_of_options_without_effect(const TrainingArguments& training, const OptionTable& options);

}  // namespace halorec
