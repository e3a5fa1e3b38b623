// What the readers share among themselves: the table under construction, and how one file is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "partition/readers/event_table.hpp"

namespace halorec {

// "user=customer,item=2" -> Columns; usage Error on an unknown role.
Columns parse_columns(std::string_view text);

// A condition on one column of a row.
struct Condition {
  enum class Op : std::uint8_t { less, less_equal, greater, greater_equal, equal, not_equal };
  std::string text;    // as typed
  std::string column;  // name, or number from 1
  Op op = Op::equal;
  std::string value;
  std::optional<double> number;  // when value is a number: the field has to be one too

  // For a field that is text (number unset) and for one that is a number.
  bool accepts(std::string_view field) const;
  bool accepts(double field) const;
};
// "quantity>0", given to `option`.
Condition parse_condition(std::string_view text, std::string_view option);

// "return: quantity<0": rows that meet it are links of that name, and no interactions.
struct RelationRule {
  std::string name;
  Condition when;
};
RelationRule parse_relation_rule(std::string_view text);

// What every row of delimited sources is asked.
struct RowRules {
  std::vector<Condition> keep;
  std::vector<RelationRule> relations;  // the first that is met
};

// How a delimited file is laid out; what is empty is found out from its first lines.
struct DelimitedLayout {
  std::string delimiter;
  std::optional<bool> header;
  Columns columns;  // used for roles that the caller's --columns does not name
};

struct SourceFile {
  std::filesystem::path path;
  bool lists = false;  // "user item item ..." lines; else delimited
  DelimitedLayout layout;
  std::optional<Split> part;
};

struct SourcePlan {
  std::string format;
  std::vector<SourceFile> files;
  std::filesystem::path titles;  // empty: none found
};

// Which files to read and how. Error that lists what is known when a folder holds none of it.
SourcePlan plan_sources(const std::vector<std::filesystem::path>& sources,
                        const ReadOptions& options);

// The events read so far.
struct EventBuilder {
  EventTable table;
  IdTable users{"user"};
  IdTable items{"item"};
  ReadCounts counts;
  std::optional<std::array<bool, kNumRoles>> roles;  // those that the first file has

  // Appends one event's pair and part.
  void add_pair(std::uint32_t user, std::uint32_t item, std::optional<Split> part,
                const LineReader& reader);
};

void read_list_file(const SourceFile& file, EventBuilder& builder);
void read_delimited_file(const SourceFile& file, const Columns& columns, const RowRules& rules,
                         EventBuilder& builder);

// The delimiter of a file, from its first lines (the file is then at its start again). `columns`:
// what a row holds at least, for the message when there is none.
std::string detect_delimiter(LineReader& reader, std::string_view columns = "a user and an item");

// The role that a header's column name is known for, if any.
std::optional<Role> role_of_name(std::string_view name);
// Whether a column of this plain name (fields.hpp) holds titles or other text of an item.
bool is_title_name(std::string_view plain);

// Id and title columns by their header's names; without a header the first two. `known` are the
// items of the interactions: a first line that begins with one of them, and has no column name that
// is known, is no header.
TitleTable read_titles(const std::filesystem::path& path, const IdTable& known);

}  // namespace halorec
