#include "partition/readers/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

namespace halorec {
namespace {

// An unsigned number of exactly `digits` digits at the front of `text`, which is then moved on.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// Zone at the end of an ISO time: nothing, Z, +hh, +hhmm or +hh:mm, as seconds to subtract.
std::optional<std::int64_t> parse_zone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  const int sign = text.front() == '+' ? 1 : text.front() == '-' ? -1 : 0;
  if (sign == 0) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23) return std::nullopt;
  if (text.empty()) return sign * *hours * 3600;
  take(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59 || !text.empty()) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::int64_t seconds =
      std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * 86400;
  if (text.empty()) return seconds;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  seconds += *hour * 3600 + *minute * 60;
  if (take(text, ':')) {
    const auto second = take_digits(text, 2);
    if (!second || *second > 60) return std::nullopt;
    seconds += *second;
    if (take(text, '.')) {
      if (!take_digits(text, 1)) return std::nullopt;
      while (take_digits(text, 1)) {
      }
    }
  }
  const auto zone = parse_zone(trimmed(text));
  if (!zone) return std::nullopt;
  return seconds - *zone;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_missing(std::string_view field) {
  constexpr std::array<std::string_view, 11> kMissing = {
      "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "\\N", "?", "(no genres listed)"};
  const std::string_view value = trimmed(field);
  return value.empty() || std::find(kMissing.begin(), kMissing.end(), value) != kMissing.end();
}

std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name.substr(0, name.find(':'))) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) plain += c;
    if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c - 'A' + 'a');
  }
  return plain;
}

bool FieldSplitter::split(std::string_view record) {
  fields_.clear();
  if (quotes_ && std::memchr(record.data(), '"', record.size()) != nullptr) {
    return split_quoted(record);
  }
  if (delimiter_.size() == 1) {
    const char delimiter = delimiter_[0];
    const char* field = record.data();
    const char* const end = record.data() + record.size();
    for (const char* c = field; c != end; ++c) {
      if (*c != delimiter) continue;
      fields_.push_back(trimmed({field, static_cast<std::size_t>(c - field)}));
      field = c + 1;
    }
    fields_.push_back(trimmed({field, static_cast<std::size_t>(end - field)}));
    return true;
  }
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = record.find(delimiter_, begin);
    fields_.push_back(trimmed(record.substr(begin, end - begin)));
    if (end == std::string_view::npos) return true;
    begin = end + delimiter_.size();
  }
}

bool FieldSplitter::split_quoted(std::string_view record) {
  unescaped_.clear();
  unescaped_.reserve(record.size());  // so that views into it stay where they are
  std::size_t begin = 0;
  while (true) {
    std::size_t open = begin;
    while (open < record.size() && record[open] == ' ') ++open;
    if (open == record.size() || record[open] != '"') {
      const std::size_t end = record.find(delimiter_, begin);
      fields_.push_back(trimmed(record.substr(begin, end - begin)));
      if (end == std::string_view::npos) return true;
      begin = end + delimiter_.size();
      continue;
    }
    const std::size_t text = unescaped_.size();
    std::size_t i = open + 1;
    while (true) {
      if (i == record.size()) return false;
      if (record[i] != '"') {
        unescaped_ += record[i++];
      } else if (i + 1 < record.size() && record[i + 1] == '"') {
        unescaped_ += '"';
        i += 2;
      } else {
        break;
      }
    }
    // Anything between the closing quote and the delimiter belongs to the field as it stands.
    const std::size_t end = record.find(delimiter_, i + 1);
    unescaped_ += trimmed(record.substr(i + 1, end - (i + 1)));
    fields_.push_back(std::string_view(unescaped_).substr(text));
    if (end == std::string_view::npos) return true;
    begin = end + delimiter_.size();
  }
}

std::optional<double> parse_number(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || code == std::errc::invalid_argument) return std::nullopt;
  // from_chars does not tell too large from too small.
  if (code == std::errc::result_out_of_range)
    return std::strtod(std::string(text).c_str(), nullptr);
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::string_view fault_of_number(std::optional<double> number) {
  if (!number) return "is not a number";
  const bool fits = std::abs(*number) <= static_cast<double>(std::numeric_limits<float>::max());
  return fits ? "" : "is out of the range of a float";
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  text = trimmed(text);
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc() && end == text.data() + text.size()) {
    const std::uint64_t size =
        value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    if (size < 100'000'000'000) return value;
    if (size < 100'000'000'000'000) return floor_divide(value, 1'000);
    if (size < 100'000'000'000'000'000) return floor_divide(value, 1'000'000);
    return floor_divide(value, 1'000'000'000);
  }
  if (const auto iso = parse_iso_time(text)) return iso;
  if (const auto number = parse_number(text)) {
    const double size = std::abs(*number);
    const double unit = size < 1e11 ? 1 : size < 1e14 ? 1e3 : size < 1e17 ? 1e6 : 1e9;
    if (size < 9e18) return static_cast<std::int64_t>(std::floor(*number / unit));
  }
  return std::nullopt;
}

std::string_view fault_of_time(std::string_view text) {
  if (parse_number(text)) return "is out of range";
  return "is neither a number (Unix seconds or milliseconds) nor an ISO date such as 2010-12-01 or "
         "2010-12-01T08:26:00";
}

}  // namespace halorec
