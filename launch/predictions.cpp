#include "launch/predictions.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "comm/check.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/id_table.hpp"
#include "partition/readers/line_reader.hpp"
#include "partition/readers/readers.hpp"

namespace halorec {
namespace {

using Json = nlohmann::json;
using Lookup = std::unordered_map<std::string_view, std::uint32_t>;

Lookup index_of(const StringTable& table) {
  Lookup lookup;
  lookup.reserve(table.size());
  for (std::uint64_t i = 0; i < table.size(); ++i) {
    lookup.emplace(table[i], static_cast<std::uint32_t>(i));
  }
  return lookup;
}

class PredictionReader {
 public:
  PredictionReader(const std::filesystem::path& path, const StringTable& users,
                   const StringTable& items)
      : reader_(path), users_(index_of(users)), items_(index_of(items)) {
    result_.lists.resize(users.size());
    result_.has_list.assign(users.size(), false);
  }

  Predictions read() {
    std::string_view line;
    while (reader_.next(line) && trimmed(line).empty()) {
    }
    const bool is_json = trimmed(line).starts_with('{');
    reader_.rewind();
    is_json ? read_json_lines() : read_rows();
    if (result_.num_lists + result_.num_unknown_users == 0) {
      fail("{}: holds no lists", reader_.path().string());
    }
    return std::move(result_);
  }

 private:
  // nullopt, counted, when the user is not known.
  std::optional<std::uint32_t> find_user(const std::string& id) const {
    const auto match = users_.find(id);
    return match == users_.end() ? std::nullopt : std::optional(match->second);
  }
  std::uint32_t find_item(const std::string& id) {
    const auto match = items_.find(id);
    if (match != items_.end()) return match->second;
    ++result_.num_unknown_items;
    return kUnknownItem;
  }

  void read_json_lines() {
    std::string_view line;
    while (reader_.next(line)) {
      if (trimmed(line).empty()) continue;
      std::string user;
      std::vector<std::string> ids;
      try {
        const Json object = Json::parse(line);
        if (object.contains("event")) continue;
        user = object.at("user").get<std::string>();
        for (const Json& entry : object.at("items")) {
          ids.push_back(entry.is_string() ? entry.get<std::string>()
                                          : entry.at("item").get<std::string>());
        }
      } catch (const Json::exception& error) {
        fail("{}: is not {{\"user\":\"..\",\"items\":[{{\"item\":\"..\"}},..]}} ({})",
             reader_.where(), error.what());
      }
      const auto index = find_user(user);
      if (!index) {
        ++result_.num_unknown_users;
        continue;
      }
      if (result_.has_list[*index]) {
        fail("{}: user {} has a list already", reader_.where(), shown(user));
      }
      result_.has_list[*index] = true;
      ++result_.num_lists;
      std::unordered_set<std::string_view> seen;
      for (const std::string& id : ids) {
        if (!seen.insert(id).second) {
          fail("{}: item {} stands twice in the list of user {}", reader_.where(), shown(id),
               shown(user));
        }
        result_.lists[*index].push_back(find_item(id));
      }
    }
  }

  struct Columns3 {
    std::size_t user = 0, item = 1;
    std::optional<std::size_t> score;
  };

  // The columns of a header; nothing when the row is data.
  static std::optional<Columns3> read_header(const std::vector<std::string_view>& fields) {
    std::optional<std::size_t> user, item, score;
    for (std::size_t c = 0; c < fields.size(); ++c) {
      const std::string name = plain_name(fields[c]);
      if (name == "user" || name == "userid") user = c;
      if (name == "item" || name == "itemid") item = c;
      if (name == "score") score = c;
    }
    if (!user || !item) return std::nullopt;
    return Columns3{*user, *item, score};
  }

  struct Entry {
    std::string item;
    double score;
    std::string where;
  };

  void read_rows() {
    FieldSplitter splitter(detect_delimiter(reader_), true);
    std::optional<Columns3> columns;
    std::vector<std::vector<Entry>> entries(users_.size());
    std::unordered_set<std::string> unknown_users;
    std::string_view line;
    while (reader_.next(line)) {
      if (trimmed(line).empty()) continue;
      while (!splitter.split(line)) {
        if (!reader_.extend(line)) fail("{}: a quoted field is not closed", reader_.where());
      }
      const auto& fields = splitter.fields();
      if (!columns) {
        columns = read_header(fields);
        if (columns) continue;
        columns = Columns3{0, 1, std::nullopt};
        if (fields.size() > 2) columns->score = 2;
      }
      const std::size_t needed =
          std::max({columns->user, columns->item, columns->score.value_or(0)}) + 1;
      if (fields.size() < needed) {
        fail("{}: has {} fields where user, item{} take {}", reader_.where(), fields.size(),
             columns->score ? ", score" : "", needed);
      }
      double score = 0;
      if (columns->score) {
        const auto number = parse_number(fields[*columns->score]);
        if (!number || !std::isfinite(*number)) {
          fail("{}: the score {} is {}", reader_.where(), shown(fields[*columns->score]),
               number ? "out of the range of a double" : "no number");
        }
        score = *number;
      }
      const std::string user(fields[columns->user]);
      const auto index = find_user(user);
      if (!index) {
        if (unknown_users.insert(user).second) ++result_.num_unknown_users;
        continue;
      }
      entries[*index].push_back({std::string(fields[columns->item]), score, reader_.where()});
    }
    for (std::size_t u = 0; u < entries.size(); ++u) take_entries(u, entries[u]);
  }

  void take_entries(std::size_t user, std::vector<Entry>& entries) {
    if (entries.empty()) return;
    result_.has_list[user] = true;
    ++result_.num_lists;
    std::unordered_set<std::string_view> seen;
    for (const Entry& entry : entries) {
      if (!seen.insert(entry.item).second) {
        fail("{}: item {} stands twice in its user's list", entry.where, shown(entry.item));
      }
    }
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.score > b.score; });
    for (const Entry& entry : entries) result_.lists[user].push_back(find_item(entry.item));
    entries = {};
  }

  LineReader reader_;
  Lookup users_, items_;
  Predictions result_;
};

}  // namespace

Predictions read_predictions(const std::filesystem::path& path, const StringTable& users,
                             const StringTable& items) {
  return PredictionReader(path, users, items).read();
}

}  // namespace halorec
