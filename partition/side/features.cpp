#include "partition/side/features.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "comm/check.hpp"
#include "partition/parallel.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/records.hpp"
#include "partition/side/text_features.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kNoRow = 0xFFFF'FFFF;

// The row of each node in the list.
std::vector<std::uint32_t> rows_of(const NodeList& list, const NodeIndex& nodes) {
  std::vector<std::uint32_t> rows(nodes.size(), kNoRow);
  for (std::uint32_t n = 0; n < rows.size(); ++n) {
    rows[n] = list.ids.find(nodes.ids()[n]).value_or(kNoRow);
  }
  return rows;
}

// What is given of a list's column, node after node.
class Fields {
 public:
  Fields(const NodeList& list, std::size_t column, const std::vector<std::uint32_t>& rows)
      : list_(list), fields_(list.columns[column].fields), rows_(rows) {}

  std::uint64_t size() const { return rows_.size(); }
  // "" where there is no row.
  std::string_view operator[](std::uint64_t node) const {
    return rows_[node] == kNoRow ? std::string_view() : fields_[rows_[node]];
  }
  std::string where(std::uint64_t node) const {
    return fmt::format("{}:{}", list_.path.string(), list_.line[rows_[node]]);
  }

 private:
  const NodeList& list_;
  const StringTable& fields_;
  const std::vector<std::uint32_t>& rows_;
};

std::string value_name(std::string_view text, const Fields& fields, std::uint64_t node) {
  std::string name = clean_text(text);
  if (name.size() > kMaxIdBytes) {
    fail("{}: the value {} is longer than {} bytes; is the column text?", fields.where(node),
         shown(name), kMaxIdBytes);
  }
  return name;
}

AttributeColumn read_attribute(const Fields& fields, NodeKind kind, const std::string& name,
                               const std::optional<std::string>& separator) {
  AttributeBuilder builder(kind, name);
  for (std::uint64_t n = 0; n < fields.size(); ++n) {
    std::vector<std::string> values;
    if (separator) {
      for (const std::string_view piece : pieces_of(fields[n], *separator)) {
        values.push_back(value_name(piece, fields, n));
      }
    } else if (!is_missing(fields[n])) {
      values.push_back(value_name(trimmed(fields[n]), fields, n));
    }
    builder.add_node(std::move(values));
  }
  return builder.finish();
}

NumberColumn read_numbers(const Fields& fields, NodeKind kind, const std::string& name) {
  NumberColumn column{kind, name, {}};
  column.value.reserve(fields.size());
  for (std::uint64_t n = 0; n < fields.size(); ++n) {
    if (is_missing(fields[n])) {
      column.value.push_back(std::numeric_limits<float>::quiet_NaN());
      continue;
    }
    const std::optional<double> number = parse_number(fields[n]);
    if (const auto fault = fault_of_number(number); !fault.empty()) {
      fail("{}: {} {} {}; correct it, empty it, or give the column another type", fields.where(n),
           name, shown(fields[n]), fault);
    }
    column.value.push_back(static_cast<float>(*number));
  }
  return column;
}

TextColumn read_text(const Fields& fields, NodeKind kind, const std::string& name,
                     std::uint32_t buckets) {
  TextColumn column{kind, name, buckets, {0}, {}, {}};
  // In slices, so that the pairs of all nodes never stand beside the arrays.
  constexpr std::uint64_t kSlice = 65'536;
  std::vector<std::vector<std::pair<std::uint32_t, std::uint32_t>>> counts;
  for (std::uint64_t first = 0; first < fields.size(); first += kSlice) {
    const std::uint64_t count = std::min(kSlice, fields.size() - first);
    counts.assign(count, {});
    parallel_for(count, 256, [&](std::uint64_t k) {
      counts[k] = count_ngrams(clean_text(fields[first + k]), buckets);
    });
    for (const auto& of_node : counts) {
      for (const auto& [feature, times] : of_node) {
        column.feature.push_back(feature);
        column.count.push_back(times);
      }
      column.begin.push_back(column.feature.size());
    }
  }
  return column;
}

std::uint64_t count_empty(const std::vector<std::uint64_t>& begin) {
  std::uint64_t empty = 0;
  for (std::size_t n = 1; n < begin.size(); ++n) empty += begin[n - 1] == begin[n] ? 1 : 0;
  return empty;
}

[[noreturn]] void fail_all_unknown(const NodeList& list, const NodeIndex& nodes) {
  const std::string_view kind = kind_name(nodes.kind());
  fail(
      "{}: none of its {} ids is one of the data's {} {}s (its first is {}, the data's first is "
      "{}); name the right id column with --{}-columns id=NAME, or check the delimiter",
      list.path.string(), list.ids.size(), nodes.size(), kind, shown(list.ids[0]),
      shown(nodes.ids()[0]), kind);
}

}  // namespace

void AttributeBuilder::add_node(std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const auto first = static_cast<std::ptrdiff_t>(column_.value.size());
  for (const std::string& value : values) {
    const auto [known, is_new] =
        numbers_.emplace(value, static_cast<std::uint32_t>(column_.values.size()));
    if (is_new) column_.values.push_back(value);
    column_.value.push_back(known->second);
  }
  std::sort(column_.value.begin() + first, column_.value.end());
  column_.begin.push_back(column_.value.size());
}

void check_new_name(const SideInfo& side, NodeKind kind, const std::string& name) {
  for_each_column(side, [&](const auto& column) {
    if (column.kind == kind && column.name == name) {
      fail_usage("two columns of {}s would be named '{}'; rename the file or the header's column",
                 kind_name(kind), name);
    }
  });
}

void add_features(const NodeList& list, const std::vector<TypedColumn>& typed,
                  const NodeIndex& nodes, std::uint32_t text_buckets, SideInfo& side,
                  nlohmann::ordered_json& counts) {
  const NodeKind kind = nodes.kind();
  const std::vector<std::uint32_t> rows = rows_of(list, nodes);
  const auto without_row = static_cast<std::uint64_t>(std::count(rows.begin(), rows.end(), kNoRow));
  if (without_row == nodes.size()) fail_all_unknown(list, nodes);
  counts["rows"] = list.rows;
  counts["repeated_rows"] = list.repeated_rows;
  counts["rows_of_unknown_ids"] = list.ids.size() - (nodes.size() - without_row);
  counts[fmt::format("{}s_without_row", kind_name(kind))] = without_row;
  const auto add = [&]<typename Column>(std::vector<Column>& columns, Column column,
                                        std::uint64_t missing) {
    check_new_name(side, kind, column.name);
    counts["without_" + column.name] = missing;
    columns.push_back(std::move(column));
  };
  for (const TypedColumn& column : typed) {
    const Fields fields(list, column.column, rows);
    const std::string name = list.columns[column.column].name;
    switch (column.type) {
      case FeatureType::category:
      case FeatureType::multi: {
        const bool multi = column.type == FeatureType::multi;
        AttributeColumn read = read_attribute(
            fields, kind, name, multi ? std::optional(column.separator) : std::nullopt);
        const std::uint64_t missing = count_empty(read.begin);
        add(side.attributes, std::move(read), missing);
        break;
      }
      case FeatureType::number: {
        NumberColumn read = read_numbers(fields, kind, name);
        const auto missing = static_cast<std::uint64_t>(std::count_if(
            read.value.begin(), read.value.end(), [](float x) { return std::isnan(x); }));
        add(side.numbers, std::move(read), missing);
        break;
      }
      case FeatureType::text: {
        TextColumn read = read_text(fields, kind, name, text_buckets);
        const std::uint64_t missing = count_empty(read.begin);
        add(side.texts, std::move(read), missing);
        break;
      }
      case FeatureType::skip:
        break;
    }
  }
}

}  // namespace halorec
