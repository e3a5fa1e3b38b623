#include "launch/named_ids.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "comm/check.hpp"
#include "launch/spelling.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/line_reader.hpp"

namespace halorec {
namespace {

// Comparing with every id of a very large table would take longer than the answer is worth.
constexpr std::uint64_t kMostCompared = 1'000'000;

std::string near_ids(const StringTable& table, std::string_view id) {
  std::vector<std::pair<int, std::string_view>> near;
  const auto limit = std::max<std::size_t>(1, id.size() / 3);
  for (std::uint64_t i = 0; i < std::min(table.size(), kMostCompared); ++i) {
    const std::string_view other = table[i];
    if (other.size() > id.size() + limit || id.size() > other.size() + limit) continue;
    const int distance = edit_distance(id, other);
    if (distance <= static_cast<int>(limit)) near.emplace_back(distance, other);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  near.resize(std::min<std::size_t>(near.size(), 3));
  std::vector<std::string_view> names(near.size());
  std::transform(near.begin(), near.end(), names.begin(), [](const auto& n) { return n.second; });
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

IdList read_id_list(const std::filesystem::path& path, bool may_be_empty) {
  IdList list{{}, path};
  std::error_code ignored;
  if (may_be_empty && std::filesystem::is_regular_file(path, ignored) &&
      std::filesystem::file_size(path, ignored) == 0) {
    return list;
  }
  LineReader reader(path);
  FieldSplitter splitter("\n", true);  // one field a line, spaces and quotes as in CSV
  std::string_view line;
  while (reader.next(line)) {
    while (!splitter.split(line)) {
      if (!reader.extend(line)) {
        fail("{}: a quoted id is never closed; check the quotes", reader.where());
      }
    }
    const std::string_view id = splitter.fields().front();
    if (id.empty()) continue;
    list.ids.emplace_back(id);
    list.lines.push_back(reader.line());
  }
  if (list.ids.empty() && !may_be_empty) {
    fail("{}: holds no ids; give one id a line", path.string());
  }
  return list;
}

std::vector<std::optional<std::uint32_t>> look_up(const StringTable& table,
                                                  const std::vector<std::string>& ids) {
  std::unordered_map<std::string_view, std::vector<std::size_t>> wanted;
  for (std::size_t k = 0; k < ids.size(); ++k) wanted[ids[k]].push_back(k);
  std::vector<std::optional<std::uint32_t>> found(ids.size());
  for (std::uint64_t i = 0; i < table.size(); ++i) {
    const auto match = wanted.find(table[i]);
    if (match == wanted.end()) continue;
    for (const std::size_t k : match->second) found[k] = static_cast<std::uint32_t>(i);
  }
  return found;
}

std::vector<std::uint32_t> find_all(const StringTable& table, const IdList& list,
                                    std::string_view kind) {
  const std::vector<std::string>& ids = list.ids;
  const auto found = look_up(table, ids);
  std::vector<std::uint32_t> indices;
  for (std::size_t k = 0; k < ids.size(); ++k) {
    if (!found[k]) {
      const std::string near = near_ids(table, ids[k]);
      const std::string where =
          list.lines.empty() ? "" : fmt::format("{}:{}: ", list.file.string(), list.lines[k]);
      fail_usage("{}there is no {} '{}' in the dataset; {}", where, kind, ids[k],
                 near.empty() ? fmt::format("it knows {} {}s", table.size(), kind)
                              : fmt::format("near it: {}", near));
    }
    indices.push_back(*found[k]);
  }
  return indices;
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_item(const ItemNames& names, const RankedItem& entry) {
  const std::string_view title = names.title_of(entry.item);
  return fmt::format("{{\"item\":{},{}\"score\":{}}}", json_string(names.ids[entry.item]),
                     title.empty() ? "" : fmt::format("\"title\":{},", json_string(title)),
                     entry.score);
}

std::string csv_field(std::string_view text) {
  const bool edge_space =
      !text.empty() && (text.front() == ' ' || text.back() == ' ' || text.front() == '\t');
  if (!edge_space && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string padded(std::string_view text, std::size_t width) {
  std::string result;
  std::size_t num_characters = 0;
  for (const char c : text) {
    const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    if (!continues && num_characters++ == width) return result;
    result += c;
  }
  result.append(width - num_characters, ' ');
  return result;
}

}  // namespace halorec
