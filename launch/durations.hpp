// Durations as people write them: 90s, 15m, 12h, 30d, 2w, 1y; inf is endless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace halorec {

// A duration above zero in seconds; a year has 365.25 days. Usage Error that names the option and
// what it allows.
double parse_duration(std::string_view text, std::string_view option);

// The half-lives of a comma list, each once; none for "auto".
std::vector<double> parse_half_lives(std::string_view text, std::string_view option);

}  // namespace halorec
