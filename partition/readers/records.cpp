#include "partition/readers/records.hpp"

#include "comm/check.hpp"
#include "partition/readers/readers.hpp"

namespace halorec {

Records::Records(const std::filesystem::path& path, std::string delimiter, std::string_view columns)
    : reader_(path), splitter_("", false) {
  if (delimiter.empty()) delimiter = detect_delimiter(reader_, columns);
  const bool quotes = delimiter == "," || delimiter == ";";
  splitter_ = FieldSplitter(std::move(delimiter), quotes);
}

bool Records::next() {
  std::string_view record;
  do {
    if (!reader_.next(record)) return false;
  } while (record.empty());
  while (!splitter_.split(record)) {
    if (!reader_.extend(record)) {
      fail("{}: a quoted field is never closed; check the quotes", reader_.where());
    }
  }
  return true;
}

void Records::expect_fields(std::size_t count) const {
  const std::size_t found = fields().size();
  if (found == count) return;
  fail("{}: {} field{} where {} are expected; every row has to have the columns of the first",
       where(), found, found == 1 ? "" : "s", count);
}

std::optional<std::int64_t> Records::time_in(std::string_view field, std::string_view of) const {
  if (is_missing(field)) return std::nullopt;
  const std::optional<std::int64_t> time = parse_time(field);
  if (!time) fail("{}: the time {} of {} {}", where(), shown(field), of, fault_of_time(field));
  return time;
}

std::vector<std::vector<std::string>> Records::first_rows() {
  std::vector<std::vector<std::string>> rows;
  while (rows.size() < 2 && next()) rows.emplace_back(fields().begin(), fields().end());
  reader_.rewind();
  if (rows.empty()) fail("{}: the file holds nothing but empty lines", reader_.path().string());
  return rows;
}

std::string clean_text(std::string_view text) {
  std::string clean;
  const bool utf8 = is_utf8(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      clean += ' ';
    } else if (utf8 || byte < 0x80) {
      clean += c;
    } else {
      clean += static_cast<char>(0xC0 | byte >> 6);
      clean += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return clean;
}

}  // namespace halorec
