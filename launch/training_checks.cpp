#include "launch/training_checks.hpp"

#include "models/registry.hpp"

#include <cstdio>

#include "comm/check.hpp"

namespace halorec {

void check_data(const TrainingArguments& training, const DatasetFile& dataset) {
  if (is_trained_model(training.model) && training.select == "validation" &&
      dataset.num_interactions(Split::validation) == 0) {
    fail_usage(
        "the dataset has no validation interactions (too few per user); give --select test "
        "or --select none");
  }
  if (is_trained_model(training.model) && training.select == "test" &&
      dataset.num_interactions(Split::test) == 0) {
    fail_usage("the dataset has no test interactions to select on; give --select none");
  }
  if (training.model == "planted" && !dataset.has_truth()) {
    fail_usage(
        "--model planted ranks by what a generator planted, and this dataset was not made by "
        "halorec generate");
  }
}

void check_foretold(const TrainingArguments& training, std::string_view where) {
  if (training.model == "lightgcn" || training.model == "mf") return;
  fail_usage(
      "{} foretells steps of lightgcn and mf, whose cost it can model; --model {} can be "
      "measured: halorec bench step, halorec bench scaling",
      where, training.model);
}

void warn_of_options_without_effect(const TrainingArguments& training, const OptionTable& options) {
  std::string names;
  for (const std::string& name : options_without_effect(training)) {
    if (options.typed(name)) names += (names.empty() ? "--" : ", --") + name;
  }
  if (names.empty()) return;
  std::fputs(fmt::format("halorec: warning: without effect on --model {}{}: {}\n", training.model,
                         is_trained_model(training.model)
                             ? fmt::format(" --loss {} --select {}", training.loss, training.select)
                             : "",
                         names)
                 .c_str(),
             stderr);
}

}  // namespace halorec
