#include "launch/durations.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "comm/check.hpp"
#include "launch/comma_list.hpp"

namespace halorec {
namespace {

double seconds_of_unit(std::string_view unit) {
  constexpr double kHour = 3600, kDay = 24 * kHour;
  if (unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return kHour;
  if (unit == "d") return kDay;
  if (unit == "w") return 7 * kDay;
  if (unit == "y") return 365.25 * kDay;
  return 0;
}

}  // namespace

double parse_duration(std::string_view text, std::string_view option) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const double unit = seconds_of_unit({rest, static_cast<std::size_t>(end - rest)});
  if (error != std::errc() || unit == 0 || !std::isfinite(number) || number <= 0) {
    fail_usage(
        "{} '{}' is no duration; give a number above 0 with its unit, s, m, h, d, w or y, as in "
        "30d, or inf",
        option, text);
  }
  return number * unit;
}

std::vector<double> parse_half_lives(std::string_view text, std::string_view option) {
  std::vector<double> half_lives;
  if (text == "auto") return half_lives;
  for (const std::string& entry : split_commas(text, option)) {
    const double seconds = parse_duration(entry, option);
    if (std::find(half_lives.begin(), half_lives.end(), seconds) != half_lives.end()) {
      fail_usage("{} '{}' names the half-life {} twice", option, text, entry);
    }
    half_lives.push_back(seconds);
  }
  return half_lives;
}

}  // namespace halorec
