#include "partition/readers/node_list.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "comm/check.hpp"
#include "partition/readers/readers.hpp"
#include "partition/readers/records.hpp"

namespace halorec {
namespace {

// Lists that are published without a header, by their file's name.
struct BareLayout {
  std::string_view file, delimiter, names;
};
constexpr std::array<BareLayout, 4> kBareLayouts = {
    {{"u.user", "|", "id,age,gender,occupation,zip_code"},
     {"u.item", "|",
      "id,title,release_date,video_release_date,url,unknown,action,adventure,animation,children,"
      "comedy,crime,documentary,drama,fantasy,film_noir,horror,musical,mystery,romance,sci_fi,"
      "thriller,war,western"},
     {"users.dat", "::", "id,gender,age,occupation,zip_code"},
     {"movies.dat", "::", "id,title,genres"}}};

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (true) {
    const std::size_t comma = text.find(',');
    names.emplace_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return names;
    text.remove_prefix(comma + 1);
  }
}

bool is_id_name(const std::string& name, NodeKind kind) {
  const Role role = kind == NodeKind::user ? Role::user : Role::item;
  return role_of_name(name) == role || plain_name(name) == "id";
}

// A name without ASCII letters and digits is compared as it is written.
bool is_same_name(std::string_view a, std::string_view b) {
  const std::string plain = plain_name(a);
  return a == b || (!plain.empty() && plain == plain_name(b));
}

bool is_header(const std::vector<std::string>& first, const NodeIndex& nodes,
               const std::vector<std::string>& wanted) {
  bool all_unknown = true;
  for (const std::string& field : first) {
    if (is_id_name(field, nodes.kind()) || is_title_name(plain_name(field))) return true;
    if (std::any_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
          return is_same_name(name, field) && !parse_number(name);
        })) {
      return true;
    }
    all_unknown = all_unknown && !parse_number(field);
  }
  return all_unknown && nodes.find(first[0]) == NodeIndex::kUnknown;
}

// Names of all columns ("" leaves one out), which is the id, and whether the first line is a
// header.
struct Layout {
  std::vector<std::string> names;
  std::size_t id = 0;
  bool header = false;
};

// Whether the first line of a file whose columns are named by the caller holds names too. A line
// whose id is known is data, whatever else it holds; one that is not brings nothing, so that taking
// it for a header loses nothing.
bool repeats_names(const Layout& layout, const std::vector<std::string>& first,
                   const NodeIndex& nodes, const std::string& given,
                   const std::filesystem::path& path) {
  if (nodes.find(first[layout.id]) != NodeIndex::kUnknown) return false;
  std::size_t same = 0, other = 0;
  bool elsewhere = false;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const std::string& name = layout.names[i];
    if (name.empty() || parse_number(name)) continue;
    const bool is_same =
        is_same_name(name, first[i]) || (i == layout.id && is_id_name(first[i], nodes.kind()));
    ++(is_same ? same : other);
    elsewhere = elsewhere ||
                (!is_same && i != layout.id &&
                 std::any_of(first.begin(), first.end(),
                             [&](const std::string& field) { return is_same_name(name, field); }));
  }
  if ((same > 0 && other > 0) || elsewhere) {
    fail_usage(
        "{}: its first line {} looks like a header, of other names or in another order than {}; "
        "take the file's with --{}-columns id={}, or remove that line",
        path.string(), shown(fmt::format("{}", fmt::join(first, ","))), given,
        kind_name(nodes.kind()), first[layout.id]);
  }
  return same > 0;
}

Layout by_given_names(const std::string& text, const std::vector<std::string>& first,
                      const NodeIndex& nodes, const std::filesystem::path& path,
                      std::string_view option) {
  Layout layout;
  layout.names = split_names(text);
  if (layout.names.size() != first.size()) {
    fail_usage("{} names {} columns and {} has {}; name each, with _ for those to leave out",
               option, layout.names.size(), path.string(), first.size());
  }
  for (std::string& name : layout.names) {
    name = name == "_" ? std::string() : clean_text(name);
  }
  const auto id =
      std::find_if(layout.names.begin(), layout.names.end(),
                   [&](const std::string& name) { return is_id_name(name, nodes.kind()); });
  if (id == layout.names.end()) {
    fail_usage("{} {} names no column 'id'", option, text);
  }
  layout.id = static_cast<std::size_t>(id - layout.names.begin());
  layout.header = repeats_names(layout, first, nodes, text, path);
  return layout;
}

Layout by_header(const std::vector<std::string>& first, const std::optional<std::string>& id_column,
                 const NodeIndex& nodes, const std::vector<std::string>& wanted,
                 const std::filesystem::path& path, std::string_view option) {
  Layout layout;
  const auto known_id = [&](const std::string& name) { return is_id_name(name, nodes.kind()); };
  const auto asked_id = [&](const std::string& name) { return is_same_name(name, *id_column); };
  auto id = id_column ? std::find(first.begin(), first.end(), *id_column)
                      : std::find_if(first.begin(), first.end(), known_id);
  if (id_column && id == first.end()) id = std::find_if(first.begin(), first.end(), asked_id);
  layout.header = id_column ? id != first.end() : is_header(first, nodes, wanted);
  if (id != first.end()) {
    layout.id = static_cast<std::size_t>(id - first.begin());
  } else if (id_column) {
    const std::optional<double> number = parse_number(*id_column);
    if (!number || *number < 1 || *number > static_cast<double>(first.size()) ||
        *number != static_cast<double>(static_cast<std::size_t>(*number))) {
      fail_usage("{}: there is no column '{}' in {}", option, *id_column, path.string());
    }
    layout.id = static_cast<std::size_t>(*number) - 1;
    layout.header = is_header(first, nodes, wanted);
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    layout.names.push_back(layout.header && !first[i].empty() ? clean_text(first[i])
                                                              : std::to_string(i + 1));
  }
  return layout;
}

}  // namespace

NodeIndex::NodeIndex(const StringTable& ids, NodeKind kind) : ids_(&ids), kind_(kind) {
  index_.reserve(ids.size());
  for (std::uint32_t i = 0; i < ids.size(); ++i) index_.emplace(ids[i], i);
}

NodeList read_node_list(const std::filesystem::path& path, const NodeIndex& nodes,
                        const std::string& names, const std::vector<std::string>& wanted,
                        std::string_view option) {
  const auto bare =
      std::find_if(kBareLayouts.begin(), kBareLayouts.end(),
                   [&](const BareLayout& layout) { return path.filename() == layout.file; });
  const bool is_bare = bare != kBareLayouts.end();
  const std::string kind(kind_name(nodes.kind()));
  Records records(path, is_bare ? std::string(bare->delimiter) : "",
                  fmt::format("the {}'s id and a value", kind));
  const std::vector<std::string> first = records.first_rows()[0];
  Layout layout;
  if (names.empty() && is_bare) {
    layout = by_given_names(std::string(bare->names), first, nodes, path, path.string());
  } else if (names.empty() || names.starts_with("id=")) {
    layout =
        by_header(first, names.empty() ? std::nullopt : std::optional<std::string>(names.substr(3)),
                  nodes, wanted, path, option);
  } else {
    layout = by_given_names(names, first, nodes, path, option);
  }

  NodeList list{path, IdTable(kind), {}, {}, 0, 0};
  std::vector<std::size_t> source;  // of each column of the list
  for (std::size_t i = 0; i < layout.names.size(); ++i) {
    if (i == layout.id || layout.names[i].empty()) continue;
    const std::size_t colon = layout.header ? layout.names[i].find(':') : std::string::npos;
    NodeList::Column column;
    column.name = layout.names[i].substr(0, colon);
    if (colon != std::string::npos) column.type = layout.names[i].substr(colon + 1);
    list.columns.push_back(std::move(column));
    source.push_back(i);
  }
  bool header = layout.header;
  while (records.next()) {
    if (header) {
      header = false;
      continue;
    }
    const std::vector<std::string_view>& fields = records.fields();
    records.expect_fields(first.size());
    ++list.rows;
    const std::uint32_t before = list.ids.size();
    if (list.ids.intern(fields[layout.id], records.reader()) != before) {
      ++list.repeated_rows;
      continue;
    }
    list.line.push_back(records.reader().line());
    const bool is_known = nodes.find(fields[layout.id]) != NodeIndex::kUnknown;
    for (std::size_t c = 0; c < source.size(); ++c) {
      list.columns[c].fields.push_back(is_known ? fields[source[c]] : std::string_view());
    }
  }
  if (list.rows == 0) fail("{}: holds a header and no rows", path.string());
  return list;
}

}  // namespace halorec
