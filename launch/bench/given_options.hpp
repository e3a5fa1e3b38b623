// The caller's options as words for another command of this program.
#pragma once

#include <string>
#include <vector>

#include "launch/commands/commands.hpp"

namespace halorec {

// Those that were given and that `other` has too, without `but`.
std::vector<std::string> given_options(const OptionTable& mine, const OptionTable& other,
                                       const std::vector<std::string>& but);

// Those of training, for halorec train.
std::vector<std::string> given_training_options(const CommandContext& context);

}  // namespace halorec
