#include "partition/side/feature_types.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "comm/check.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/readers.hpp"

namespace halorec {
namespace {

constexpr std::array<std::string_view, 5> kTypeNames = {"category", "multi", "number", "text",
                                                        "skip"};
constexpr std::string_view kAllowed =
    "types are category, multi(SEPARATOR), number, text, skip; for example "
    "'title:text,genres:multi(|),year:number'";
// A column is taken for multi-valued when at least this share of its values hold the separator,
// and for one of categories when a value stands at this many nodes on average.
constexpr double kSeparatedShare = 0.05;
constexpr double kRepeats = 2;
constexpr double kMostWordsOfValue = 3;
constexpr double kFewestWordsOfText = 1.5;
// A column with this share of numbers among its values was perhaps meant to be one of them.
constexpr double kMostlyNumbers = 0.95;

std::string_view type_name(FeatureType type) {
  return kTypeNames[static_cast<std::size_t>(type)];
}

// Entries of a comma list, where what stands in parentheses is not cut.
std::vector<std::string_view> split_specs(std::string_view text) {
  std::vector<std::string_view> entries;
  std::size_t begin = 0;
  bool inside = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') inside = true;
    if (i < text.size() && text[i] == ')') inside = false;
    if (i < text.size() && (text[i] != ',' || inside)) continue;
    entries.push_back(trimmed(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  return entries;
}

double words_of(std::string_view text) {
  double words = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ' ' && (i == 0 || text[i - 1] == ' ')) ++words;
  }
  return words;
}

// Counts over the values of a column that are not missing.
struct Values {
  double values = 0, numbers = 0, words = 0, addresses = 0;
  std::uint64_t first_other = 0;  // row of the first that is no number
  std::unordered_map<std::string_view, std::uint64_t> distinct;
};

Values look_at(const StringTable& fields) {
  Values seen;
  for (std::uint64_t row = 0; row < fields.size(); ++row) {
    const std::string_view field = fields[row];
    if (is_missing(field)) continue;
    ++seen.values;
    if (parse_number(field)) {
      ++seen.numbers;
    } else if (seen.values == seen.numbers + 1) {
      seen.first_other = row;
    }
    if (field.starts_with("http://") || field.starts_with("https://")) ++seen.addresses;
    seen.words += words_of(field);
    ++seen.distinct[field];
  }
  return seen;
}

bool is_separated(const StringTable& fields, std::string_view separator, double num_values) {
  double separated = 0, pieces = 0, words = 0;
  std::unordered_map<std::string_view, std::uint64_t> distinct;
  for (std::uint64_t row = 0; row < fields.size(); ++row) {
    if (is_missing(fields[row])) continue;
    const std::vector<std::string_view> parts = pieces_of(fields[row], separator);
    if (parts.size() > 1) ++separated;
    for (const std::string_view piece : parts) {
      ++pieces;
      words += words_of(piece);
      ++distinct[piece];
    }
  }
  return separated >= kSeparatedShare * num_values &&
         pieces >= kRepeats * static_cast<double>(distinct.size()) &&
         words <= kMostWordsOfValue * pieces;
}

TypedColumn take(std::size_t column, FeatureType type, std::string separator = "") {
  return {column, type, std::move(separator), "", ""};
}

TypedColumn leave_out(std::size_t column, std::string why) {
  return {column, FeatureType::skip, "", std::move(why), ""};
}

// Of values that are not all numbers.
TypedColumn by_look(const StringTable& fields, const Values& seen, std::size_t place) {
  for (const char* separator : {"|", ";", ","}) {
    if (is_separated(fields, separator, seen.values)) {
      return take(place, FeatureType::multi, separator);
    }
  }
  if (seen.values >= kRepeats * static_cast<double>(seen.distinct.size())) {
    return take(place, FeatureType::category);
  }
  if (seen.words >= kFewestWordsOfText * seen.values) return take(place, FeatureType::text);
  return leave_out(place, "hardly a value stands twice");
}

TypedColumn by_values(const NodeList& list, std::size_t place, std::string_view option) {
  const NodeList::Column& column = list.columns[place];
  const Values seen = look_at(column.fields);
  const std::string plain = plain_name(column.name);
  if (seen.values == 0) return leave_out(place, "empty");
  if (plain.size() > 2 && plain.ends_with("id")) return leave_out(place, "ids");
  if (seen.addresses == seen.values) return leave_out(place, "addresses");
  if (column.type == "token") return take(place, FeatureType::category);
  if (column.type == "float") return take(place, FeatureType::number);
  if (column.type == "float_seq") return leave_out(place, "vectors");
  if (seen.numbers == seen.values) return take(place, FeatureType::number);
  if (is_title_name(plain)) return take(place, FeatureType::text);
  if (column.type == "token_seq") return take(place, FeatureType::multi, " ");
  TypedColumn typed = by_look(column.fields, seen, place);
  if (seen.numbers >= kMostlyNumbers * seen.values) {
    typed.doubt = fmt::format(
        "{} is taken for {}, though {} of its {} values are numbers; {}:{}: {} is none: correct or "
        "empty it, or say with {} what the column is",
        column.name, type_name(typed.type), seen.numbers, seen.values, list.path.string(),
        list.line[seen.first_other], shown(column.fields[seen.first_other]), option);
  }
  return typed;
}

std::size_t find_column(const NodeList& list, const std::string& wanted, std::string_view option) {
  for (std::size_t c = 0; c < list.columns.size(); ++c) {
    if (list.columns[c].name == wanted) return c;
  }
  const std::string plain = plain_name(wanted);
  for (std::size_t c = 0; c < list.columns.size() && !plain.empty(); ++c) {
    if (plain_name(list.columns[c].name) == plain) return c;
  }
  std::string names;
  for (const auto& column : list.columns) names += (names.empty() ? "" : ", ") + column.name;
  fail_usage("{}: there is no column '{}' in {} (columns beside the id: {})", option, wanted,
             list.path.string(), names);
}

}  // namespace

std::vector<FeatureSpec> parse_feature_specs(std::string_view text, std::string_view option) {
  std::vector<FeatureSpec> specs;
  for (const std::string_view entry : split_specs(text)) {
    FeatureSpec spec;
    const std::size_t colon = entry.find(':');
    spec.column = trimmed(entry.substr(0, colon));
    std::string_view type;
    if (colon == std::string_view::npos) {
      spec.automatic = true;
    } else {
      type = trimmed(entry.substr(colon + 1));
      const std::size_t open = type.find('(');
      if (open != std::string_view::npos && type.ends_with(')')) {
        spec.separator = type.substr(open + 1, type.size() - open - 2);
        type = type.substr(0, open);
      }
    }
    const auto known = std::find(kTypeNames.begin(), kTypeNames.end(), type);
    const bool is_multi = type == "multi";
    if (spec.column.empty() || (!spec.automatic && known == kTypeNames.end()) ||
        (!spec.separator.empty() && !is_multi)) {
      fail_usage("{}: {} is not COLUMN or COLUMN:TYPE; {}", option, shown(entry), kAllowed);
    }
    if (!spec.automatic) spec.type = static_cast<FeatureType>(known - kTypeNames.begin());
    if (is_multi && spec.separator.empty()) spec.separator = "|";
    for (const FeatureSpec& other : specs) {
      if (other.column == spec.column) fail_usage("{} names {} twice", option, spec.column);
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::vector<TypedColumn> type_columns(const NodeList& list, const std::vector<FeatureSpec>& specs,
                                      std::string_view option) {
  std::vector<TypedColumn> typed;
  if (specs.empty()) {
    for (std::size_t c = 0; c < list.columns.size(); ++c) {
      typed.push_back(by_values(list, c, option));
    }
  }
  for (const FeatureSpec& spec : specs) {
    const std::size_t c = find_column(list, spec.column, option);
    typed.push_back(spec.automatic ? by_values(list, c, option)
                                   : TypedColumn{c, spec.type, spec.separator, "", ""});
  }
  return typed;
}

std::string describe_types(const NodeList& list, const std::vector<TypedColumn>& columns) {
  std::string text;
  for (const TypedColumn& typed : columns) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ", ", list.columns[typed.column].name,
                        type_name(typed.type));
    if (typed.type == FeatureType::multi) text += fmt::format("({})", typed.separator);
    if (!typed.why.empty()) text += fmt::format(" ({})", typed.why);
  }
  return text;
}

std::vector<std::string_view> pieces_of(std::string_view field, std::string_view separator) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t end = field.find(separator);
    const std::string_view piece = trimmed(field.substr(0, end));
    if (!is_missing(piece)) pieces.push_back(piece);
    if (end == std::string_view::npos) return pieces;
    field.remove_prefix(end + separator.size());
  }
}

}  // namespace halorec
