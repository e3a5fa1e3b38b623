// A line cut into fields, and fields read as numbers and times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace halorec {

// Cuts records at a delimiter of one or more characters. With `quotes`, a field that begins with a
// double quote runs to its closing quote, and "" inside stands for one quote (RFC 4180); other
// fields lose the spaces around them.
class FieldSplitter {
 public:
  FieldSplitter(std::string delimiter, bool quotes)
      : delimiter_(std::move(delimiter)), quotes_(quotes) {}

  // False when a quoted field is still open at the end of `record`: extend it and call again.
  // Fields are valid until the next call and as long as `record` is.
  bool split(std::string_view record);
  const std::vector<std::string_view>& fields() const { return fields_; }
  const std::string& delimiter() const { return delimiter_; }

 private:
  bool split_quoted(std::string_view record);

  std::string delimiter_;
  bool quotes_;
  std::vector<std::string_view> fields_;
  std::string unescaped_;  // the text of fields that hold doubled quotes
};

std::string_view trimmed(std::string_view text);
// Whether a field says that there is no value: "", NA, nan, null, none, \N, (no genres listed).
bool is_missing(std::string_view field);
// Lower case ASCII letters and digits of `name`; a type behind ':' (RecBole) is left out.
std::string plain_name(std::string_view name);

// A whole number ("4", "-1.5", "3.2466e+05"), or nothing; inf and nan are none. One that is too
// large for a double ("1e400") is infinite, one that is too small is 0.
std::optional<double> parse_number(std::string_view text);
// Why what parse_number gave is not kept, as the end of a message: "is not a number", or "is out of
// the range of a float"; "" where a float holds it.
std::string_view fault_of_number(std::optional<double> number);

// Seconds since 1970. Numbers below 1e11 in size are seconds, below 1e14 milliseconds, below 1e17
// microseconds, else nanoseconds (fractions are floored); or ISO 8601: 2010-12-01,
// 2010-12-01T08:26, 2010-12-01 08:26:00.5, with Z or an offset (+02:00), otherwise taken as UTC.
std::optional<std::int64_t> parse_time(std::string_view text);
// Why parse_time gives nothing for it, as the end of a message.
std::string_view fault_of_time(std::string_view text);

}  // namespace halorec
