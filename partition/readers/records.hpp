// Rows of the delimited lists that come beside interactions (nodes, links, tags).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "partition/readers/fields.hpp"
#include "partition/readers/line_reader.hpp"

namespace halorec {

class Records {
 public:
  // An empty delimiter is found out from the first lines; `columns` says in a message what they
  // should hold. With comma and semicolon a field may be quoted.
  Records(const std::filesystem::path& path, std::string delimiter, std::string_view columns);

  // The next row that is not empty; false at the end. Fields are valid until the next call.
  bool next();
  const std::vector<std::string_view>& fields() const { return splitter_.fields(); }
  // Error unless this row has as many fields as the first, `count`.
  void expect_fields(std::size_t count) const;
  // The time that a field of this row gives; nothing where it is missing (feature_types.hpp). Error
  // on any other text, which names whose time it is ("a tag").
  std::optional<std::int64_t> time_in(std::string_view field, std::string_view of) const;
  const LineReader& reader() const { return reader_; }
  std::string where() const { return reader_.where(); }
  // The first two rows (the second may be missing); next() then begins with the first.
  std::vector<std::vector<std::string>> first_rows();

 private:
  LineReader reader_;
  FieldSplitter splitter_;
};

// Text of a field as it is kept: what is not UTF-8 is read as Latin-1, control characters become
// spaces.
std::string clean_text(std::string_view text);

}  // namespace halorec
