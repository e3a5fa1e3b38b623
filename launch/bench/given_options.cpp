#include "launch/bench/given_options.hpp"

#include <algorithm>

#include "launch/training_options.hpp"

namespace halorec {

std::vector<std::string> given_options(const OptionTable& mine, const OptionTable& other,
                                       const std::vector<std::string>& but) {
  std::vector<std::string> words;
  for (const auto& [name, value] : mine.values()) {
    if (!other.has(name) || !mine.given(name)) continue;
    if (std::find(but.begin(), but.end(), name) != but.end()) continue;
    if (dynamic_cast<const FlagOption*>(&other.find(name)) != nullptr) {
      if (value == "true") words.push_back("--" + name);
      continue;
    }
    words.push_back("--" + name);
    words.push_back(value);
  }
  return words;
}

std::vector<std::string> given_training_options(const CommandContext& context) {
  OptionTable training;
  TrainingArguments unused;
  declare_training_options(training, unused);
  auto words = given_options(context.options, training, {});
  if (context.options.given("seed")) {
    words.insert(words.end(), {"--seed", std::to_string(context.seed())});
  }
  return words;
}

}  // namespace halorec
