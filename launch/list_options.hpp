// What lists of a trained model are by: --rank-by and --log-popularity (docs/OBJECTIVES.md).
#pragma once

#include "launch/training_options.hpp"

namespace halorec {

void declare_list_options(OptionTable& options, TrainingArguments& arguments);

// Whether lists are by rows of items of length 1.
bool ranks_by_cosine(const TrainingArguments& arguments);
// Of lists (EmbeddingScorer): what --log-popularity says, else what the objective leaves out, or
// zero where lists are not by cosines.
double log_popularity(const TrainingArguments& arguments);
// Whether validation chooses that weight (launch/popularity_choice.hpp).
bool chooses_log_popularity(const TrainingArguments& arguments);

}  // namespace halorec
