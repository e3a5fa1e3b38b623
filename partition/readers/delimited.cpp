// Delimited text: CSV, TSV, MovieLens, RecBole .inter. The first lines say which delimiter it is
// and whether there is a header; then one pass turns rows into events.
#include <algorithm>
#include <array>
#include <charconv>

#include "comm/check.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/line_reader.hpp"
#include "partition/readers/readers.hpp"

namespace halorec {
namespace {

constexpr int kNoColumn = -1;
constexpr std::size_t kSampleLines = 10;
constexpr std::size_t kSampleBytes = std::size_t{1} << 20;
// A third column without a name is a time when it looks like Unix seconds after 1973.
constexpr double kSmallestLikelyTime = 1e8;

bool has_quotes(std::string_view delimiter) {
  return delimiter != "\t" && delimiter != "::";
}

// Up to kSampleLines lines from the start; the reader is then at its start again.
std::vector<std::string> sample(LineReader& reader) {
  std::vector<std::string> lines;
  std::size_t bytes = 0;
  std::string_view line;
  while (lines.size() < kSampleLines && bytes < kSampleBytes && reader.next(line)) {
    bytes += line.size();
    if (!trimmed(line).empty()) lines.emplace_back(line);
  }
  if (lines.empty()) fail("{}: the file holds nothing but empty lines", reader.path().string());
  reader.rewind();
  return lines;
}

std::size_t count_fields(const std::string& line, std::string_view delimiter) {
  FieldSplitter splitter{std::string(delimiter), has_quotes(delimiter)};
  return splitter.split(line) ? splitter.fields().size() : 0;
}

// A column given by name (header) or number from 1.
int find_column(const std::string& wanted, const std::vector<std::string>& header,
                std::size_t num_fields, std::string_view option, const LineReader& reader) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == wanted) return static_cast<int>(i);
  }
  const std::string plain = plain_name(wanted);
  for (std::size_t i = 0; i < header.size() && !plain.empty(); ++i) {
    if (plain_name(header[i]) == plain) return static_cast<int>(i);
  }
  std::size_t number = 0;
  const auto [end, code] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (code == std::errc() && end == wanted.data() + wanted.size() && number >= 1 &&
      number <= num_fields) {
    return static_cast<int>(number) - 1;
  }
  std::string names;
  for (const std::string& name : header) names += (names.empty() ? "" : ", ") + name;
  if (header.empty()) names = fmt::format("no header; numbers 1 to {}", num_fields);
  fail_usage("{}: there is no column '{}' in {} (columns: {})", option, wanted,
             reader.path().string(), names);
}

// Where everything stands in a row.
struct RowLayout {
  std::size_t num_fields = 0;
  bool header = false;
  std::array<int, kNumRoles> column;
  struct Rule {
    const Condition* condition;
    std::size_t column;
  };
  std::vector<Rule> keep;
  std::vector<Rule> relations;  // of RowRules::relations, in their order
  std::string text;             // "user=userId, item=movieId"

  bool has(Role role) const { return column[static_cast<std::size_t>(role)] != kNoColumn; }
  int& operator[](Role role) { return column[static_cast<std::size_t>(role)]; }
  int operator[](Role role) const { return column[static_cast<std::size_t>(role)]; }
};

bool is_header(const std::vector<std::string>& first, const std::vector<std::string>& second,
               const Columns& wanted) {
  bool user = false, item = false;
  for (const std::string& field : first) {
    const std::optional<Role> role = role_of_name(field);
    user = user || role == Role::user || field == wanted[0];
    item = item || role == Role::item || field == wanted[1];
  }
  if (user && item) return true;
  // A name asked for stands in the first line and is no number.
  for (const std::string& name : wanted) {
    if (!name.empty() && !parse_number(name) &&
        std::find(first.begin(), first.end(), name) != first.end()) {
      return true;
    }
  }
  const auto is_number = [](const std::string& field) { return parse_number(field).has_value(); };
  return std::none_of(first.begin(), first.end(), is_number) &&
         std::any_of(second.begin(), second.end(), is_number);
}

void assign_by_position(RowLayout& layout, const std::vector<std::string>& first,
                        const LineReader& reader) {
  if (layout.num_fields > 4) {
    fail_usage(
        "{}: has {} columns and no header; say which is which, for example "
        "--columns user=1,item=2,time=4",
        reader.path().string(), layout.num_fields);
  }
  layout[Role::user] = 0;
  layout[Role::item] = 1;
  if (layout.num_fields == 4) {
    layout[Role::rating] = 2;
    layout[Role::time] = 3;
  } else if (layout.num_fields == 3) {
    const std::optional<double> number = parse_number(first[2]);
    const bool time = number ? *number >= kSmallestLikelyTime : parse_time(first[2]).has_value();
    layout[time ? Role::time : Role::rating] = 2;
  }
}

RowLayout find_layout(LineReader& reader, FieldSplitter& splitter, const DelimitedLayout& known,
                      const Columns& asked, const RowRules& rules) {
  const std::vector<std::string> lines = sample(reader);
  const auto fields_of = [&](const std::string& line) {
    splitter.split(line);
    return std::vector<std::string>(splitter.fields().begin(), splitter.fields().end());
  };
  const std::vector<std::string> first = fields_of(lines[0]);
  RowLayout layout;
  layout.num_fields = first.size();
  layout.column.fill(kNoColumn);
  layout.header = known.header
                      ? *known.header
                      : is_header(first, lines.size() > 1 ? fields_of(lines[1]) : first, asked);
  const std::vector<std::string> header = layout.header ? first : std::vector<std::string>();

  bool by_position = false;
  const bool any_asked =
      std::any_of(asked.begin(), asked.end(), [](const std::string& c) { return !c.empty(); });
  const bool any_known = std::any_of(known.columns.begin(), known.columns.end(),
                                     [](const std::string& c) { return !c.empty(); });
  if (any_known && !any_asked) {
    for (std::size_t r = 0; r < kNumRoles; ++r) {
      if (known.columns[r].empty()) continue;
      layout.column[r] = find_column(known.columns[r], header, first.size(), "--format", reader);
    }
  } else if (layout.header) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      const std::optional<Role> role = role_of_name(header[i]);
      if (role && !layout.has(*role)) layout[*role] = static_cast<int>(i);
    }
  } else if (!any_asked) {
    if (layout.num_fields >= 2) assign_by_position(layout, first, reader);
    // A header of unknown words looks like data: whoever reads the report can tell.
    by_position = !known.header;
  }
  for (std::size_t r = 0; r < kNumRoles; ++r) {
    if (asked[r].empty()) continue;
    const int column = find_column(asked[r], header, first.size(), "--columns", reader);
    // A column that the caller names for one role is not also guessed for another.
    for (std::size_t other = 0; other < kNumRoles; ++other) {
      if (layout.column[other] != column) continue;
      if (asked[other].empty()) {
        layout.column[other] = kNoColumn;
      } else if (other < r) {
        fail_usage("--columns names one column, {}, as {} and as {}", asked[r], kRoleNames[other],
                   kRoleNames[r]);
      }
    }
    layout.column[r] = column;
  }
  for (const Role role : {Role::user, Role::item}) {
    if (layout.has(role)) continue;
    std::string names;
    for (const std::string& name : first) names += (names.empty() ? "" : ", ") + shown(name);
    fail(
        "{}:1: no column is known to hold the {}; name it, for example --columns "
        "user=NAME,item=NAME (the first line has: {})",
        reader.path().string(), kRoleNames[static_cast<std::size_t>(role)], names);
  }
  const auto rule_of = [&](const Condition& condition, std::string_view option) {
    // A column of that name, or the column that has that role.
    const auto role = std::find(kRoleNames.begin(), kRoleNames.end(), condition.column);
    const bool named = std::find(header.begin(), header.end(), condition.column) != header.end();
    int column = kNoColumn;
    if (!named && role != kRoleNames.end()) {
      column = layout.column[static_cast<std::size_t>(role - kRoleNames.begin())];
    }
    if (column == kNoColumn) {
      column = find_column(condition.column, header, first.size(), option, reader);
    }
    return RowLayout::Rule{&condition, static_cast<std::size_t>(column)};
  };
  for (const Condition& condition : rules.keep) {
    layout.keep.push_back(rule_of(condition, "--keep"));
  }
  for (const RelationRule& rule : rules.relations) {
    layout.relations.push_back(rule_of(rule.when, "--relation"));
  }
  for (std::size_t r = 0; r < kNumRoles; ++r) {
    if (layout.column[r] == kNoColumn) continue;
    const auto column = static_cast<std::size_t>(layout.column[r]);
    layout.text += fmt::format("{}{}={}", layout.text.empty() ? "" : ", ", kRoleNames[r],
                               layout.header ? header[column] : std::to_string(column + 1));
  }
  if (by_position) layout.text += " (no header found: columns by position)";
  return layout;
}

double number_at(std::string_view field, std::string_view column, const LineReader& reader) {
  const std::optional<double> number = parse_number(field);
  if (!number) {
    fail("{}: the {} {} is not a number; correct the row or name another column with --columns",
         reader.where(), column, shown(field));
  }
  return *number;
}

std::uint8_t behavior_at(std::string_view field, std::vector<std::string>& names,
                         const LineReader& reader) {
  const auto known = std::find(names.begin(), names.end(), field);
  if (known != names.end()) return static_cast<std::uint8_t>(known - names.begin());
  if (field.empty() || field.size() > 64 || !is_utf8(field)) {
    fail("{}: the behavior {} is empty, too long or not UTF-8", reader.where(), shown(field));
  }
  if (names.size() == 255) {
    fail("{}: more than 255 distinct behaviors; is --columns behavior=.. the right column?",
         reader.where());
  }
  names.emplace_back(field);
  return static_cast<std::uint8_t>(names.size() - 1);
}

bool meets(const RowLayout::Rule& rule, const std::vector<std::string_view>& fields,
           const LineReader& reader) {
  const std::string_view field = fields[rule.column];
  const Condition& condition = *rule.condition;
  return condition.number ? condition.accepts(number_at(field, condition.column, reader))
                          : condition.accepts(field);
}

// The place from 1 of name's in `names`, behind which it is put when it is new.
std::uint8_t place_of(const std::string& name, std::vector<std::string>& names) {
  const auto known = std::find(names.begin(), names.end(), name);
  if (known != names.end()) return static_cast<std::uint8_t>(known - names.begin() + 1);
  if (names.size() == 255) fail_usage("--relation: more than 255 names");
  names.push_back(name);
  return static_cast<std::uint8_t>(names.size());
}

}  // namespace

std::string detect_delimiter(LineReader& reader, std::string_view columns) {
  constexpr std::array<std::string_view, 6> kDelimiters = {"\t", "::", ",", ";", "|", " "};
  const std::vector<std::string> lines = sample(reader);
  std::string_view most = "";
  std::size_t most_fields = 1;
  std::string_view best_steady = "";
  std::size_t steady_fields = 1;
  for (const std::string_view delimiter : kDelimiters) {
    const std::size_t fields = count_fields(lines[0], delimiter);
    const bool steady = std::all_of(lines.begin(), lines.end(), [&](const std::string& line) {
      const std::size_t here = count_fields(line, delimiter);
      return here == fields || here == 0;
    });
    if (fields < 2) continue;
    // Of those that split every line alike the one with most fields: in "1;2;3,5" the comma is a
    // decimal one. A space splits names too, so it is the last resort.
    if (steady && fields > steady_fields && (delimiter != " " || steady_fields == 1)) {
      best_steady = delimiter;
      steady_fields = fields;
    }
    if (fields > most_fields) {
      most = delimiter;
      most_fields = fields;
    }
  }
  if (!best_steady.empty()) return std::string(best_steady);
  if (most.empty()) {
    fail(
        "{}:1: no delimiter found (tab, '::', ',', ';', '|' or space) in {}; rows have at least {}",
        reader.path().string(), shown(lines[0]), columns);
  }
  return std::string(most);
}

void read_delimited_file(const SourceFile& file, const Columns& columns, const RowRules& rules,
                         EventBuilder& builder) {
  LineReader reader(file.path);
  const std::string delimiter =
      file.layout.delimiter.empty() ? detect_delimiter(reader) : file.layout.delimiter;
  FieldSplitter splitter(delimiter, has_quotes(delimiter));
  const RowLayout layout = find_layout(reader, splitter, file.layout, columns, rules);
  builder.counts.columns = layout.text;

  std::array<bool, kNumRoles> roles{};
  for (std::size_t r = 0; r < kNumRoles; ++r) roles[r] = layout.column[r] != kNoColumn;
  if (builder.roles && *builder.roles != roles) {
    fail("{}: has other columns ({}) than the files before it; import files of one layout together",
         file.path.string(), layout.text);
  }
  builder.roles = roles;

  const auto at = [&](Role role) { return static_cast<std::size_t>(layout[role]); };
  const std::size_t user_column = at(Role::user), item_column = at(Role::item);
  // A weight says how much of an interaction there was; a rating is kept in its place when there
  // is no weight, and may be zero or negative.
  const bool has_weight = layout.has(Role::weight);
  const bool has_rating = layout.has(Role::rating) && !has_weight;
  const bool has_time = layout.has(Role::time);
  const bool has_behavior = layout.has(Role::behavior);

  EventTable& table = builder.table;
  table.rates = has_rating;
  std::vector<std::uint8_t> relation_of_rule;
  for (const RelationRule& rule : rules.relations) {
    relation_of_rule.push_back(place_of(rule.name, table.relations));
  }
  const std::vector<std::string_view>& fields = splitter.fields();
  const std::uint64_t before = builder.counts.rows;
  bool header = layout.header;
  std::string_view record;
  while (reader.next(record)) {
    if (record.empty()) continue;
    while (!splitter.split(record)) {
      if (!reader.extend(record)) {
        fail("{}: a quoted field is never closed; check the quotes", reader.where());
      }
    }
    if (header) {
      header = false;
      continue;
    }
    if (fields.size() != layout.num_fields) {
      fail(
          "{}: {} field{} where {} are expected; every row has to have the columns of the first "
          "(for lines of a user and its items say --format lightgcn)",
          reader.where(), fields.size(), fields.size() == 1 ? "" : "s", layout.num_fields);
    }
    ++builder.counts.rows;
    builder.users.prefetch(fields[user_column]);
    builder.items.prefetch(fields[item_column]);
    const auto is_met = [&](const RowLayout::Rule& rule) { return meets(rule, fields, reader); };
    if (!std::all_of(layout.keep.begin(), layout.keep.end(), is_met)) {
      ++builder.counts.dropped_by_keep;
      continue;
    }
    const auto met = std::find_if(layout.relations.begin(), layout.relations.end(), is_met);
    const bool is_interaction = met == layout.relations.end();
    double weight = 1;
    if (has_weight || has_rating) {
      const Role role = has_weight ? Role::weight : Role::rating;
      const std::string_view name = kRoleNames[static_cast<std::size_t>(role)];
      weight = number_at(fields[at(role)], name, reader);
      if (has_weight && weight <= 0 && is_interaction) {
        ++builder.counts.dropped_nonpositive_weight;
        continue;
      }
      if (const auto fault = fault_of_number(weight); !fault.empty()) {
        fail("{}: the {} {} {}; correct the row", reader.where(), name, shown(fields[at(role)]),
             fault);
      }
    }
    if (has_time) {
      const std::optional<std::int64_t> time = parse_time(fields[at(Role::time)]);
      if (!time) {
        fail("{}: the time {} {}", reader.where(), shown(fields[at(Role::time)]),
             fault_of_time(fields[at(Role::time)]));
      }
      table.time.push_back(*time);
    }
    if (has_weight || has_rating) table.weight.push_back(static_cast<float>(weight));
    if (!rules.relations.empty()) {
      table.relation.push_back(
          is_interaction
              ? std::uint8_t{0}
              : relation_of_rule[static_cast<std::size_t>(met - layout.relations.begin())]);
    }
    if (has_behavior) {
      table.behavior.push_back(behavior_at(fields[at(Role::behavior)], table.behaviors, reader));
    }
    const std::uint32_t user = builder.users.intern(fields[user_column], reader);
    const std::uint32_t item = builder.items.intern(fields[item_column], reader);
    builder.add_pair(user, item, file.part, reader);
  }
  if (builder.counts.rows == before) {
    fail("{}: holds a header and no rows", file.path.string());
  }
  builder.counts.files.emplace_back(file.path.string(), builder.counts.rows - before);
}

}  // namespace halorec
