// --loss as people write it: softmax:1,bpr:0.2. A name alone weighs 1.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/loss_terms.hpp"

namespace halorec {

// Error (exit status 2) that names what is wrong and what is allowed.
LossTerms parse_loss_terms(std::string_view text);
// Of the terms that there are.
std::map<std::string, double> weights_by_name(const LossTerms& terms);
// The names, for --help.
std::string allowed_loss_terms();

}  // namespace halorec
