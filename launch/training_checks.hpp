// Whether a training's options fit its data and one another, before anything is touched.
#pragma once

#include <string>
#include <string_view>

#include "comm/communicator.hpp"
#include "launch/options.hpp"
#include "launch/training_options.hpp"
#include "partition/dataset.hpp"
#include "partition/edge_weights.hpp"

namespace halorec {

// Usage Error when the dataset lacks what the options ask for.
void check_data(const TrainingArguments& training, const DatasetFile& dataset);

// The same of times alone.
void check_times(const TrainingArguments& training, const DatasetFile& dataset);

// What is to be said of --scores bf16 where machines of some ranks have no units for it; else
// empty. Collective.
std::string scores_warning(const TrainingArguments& training, Communicator& communicator);

// Usage Error where options of training contradict each other.
void check_training_options(const TrainingArguments& training);

// Usage Error when all weights are alike. On every rank.
void check_weights(const EdgeWeights& weights);

// Usage Error unless steps of this model can be foretold for other numbers of ranks, which is what
// `where` does.
void check_foretold(const TrainingArguments& training, std::string_view where);

// Names of the training options that this model or loss does not read.
std::vector<std::string> options_without_effect(const TrainingArguments& arguments);
// One warning on stderr that names what was typed and changes nothing for this model and loss.
void warn_of_options_without_effect(const TrainingArguments& training, const OptionTable& options);

}  // namespace halorec
