// The nearest known word to one that was mistyped, for messages that help.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace halorec {

// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
int edit_distance(std::string_view a, std::string_view b);

// The word of `known` nearest to `typed`, or "" when none is near (more than a third of it
// differs).
std::string nearest_word(std::string_view typed, std::span<const std::string> known);

}  // namespace halorec
