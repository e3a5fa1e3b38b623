// Titles of items, from the item lists that come with public data sets or from --items.
#include <algorithm>
#include <array>
#include <utility>

#include "comm/check.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/line_reader.hpp"
#include "partition/readers/readers.hpp"
#include "partition/readers/records.hpp"

namespace halorec {
namespace {

constexpr std::array<std::string_view, 9> kTitleNames = {"title",      "name",       "description",
                                                         "movietitle", "itemname",   "productname",
                                                         "itemtitle",  "artistname", "text"};

bool is_id_name(std::string_view field, std::string_view plain) {
  return role_of_name(field) == Role::item || plain == "id";
}

bool is_header(const std::vector<std::string_view>& fields, const IdTable& known) {
  const auto is_name = [](std::string_view field) {
    const std::string plain = plain_name(field);
    return is_title_name(plain) || is_id_name(field, plain);
  };
  return std::any_of(fields.begin(), fields.end(), is_name) || !known.find(fields[0]);
}

}  // namespace

bool is_title_name(std::string_view plain) {
  return std::find(kTitleNames.begin(), kTitleNames.end(), plain) != kTitleNames.end();
}

TitleTable read_titles(const std::filesystem::path& path, const IdTable& known) {
  LineReader reader(path);
  std::string_view record;
  // u.item and movies.dat have no header; most other lists begin with one.
  const bool bare = path.filename() == "u.item" || path.extension() == ".dat";
  const std::string delimiter = path.filename() == "u.item" ? "|"
                                : path.extension() == ".dat"
                                    ? "::"
                                    : detect_delimiter(reader, "an item id and a title");
  FieldSplitter splitter(delimiter, delimiter == "," || delimiter == ";");
  std::size_t id = 0, title = 1;
  TitleTable table;
  bool first = !bare;
  while (reader.next(record)) {
    if (record.empty()) continue;
    while (!splitter.split(record)) {
      if (!reader.extend(record)) {
        fail("{}: a quoted field is never closed; check the quotes", reader.where());
      }
    }
    const std::vector<std::string_view>& fields = splitter.fields();
    if (std::exchange(first, false) && is_header(fields, known)) {
      for (std::size_t i = fields.size(); i-- > 0;) {  // the first of its kind wins
        const std::string name = plain_name(fields[i]);
        if (is_id_name(fields[i], name)) id = i;
      }
      // Of two columns the other one holds the titles, whatever its name.
      bool has_title = fields.size() <= 2;
      title = id == 0 ? 1 : 0;
      for (std::size_t i = fields.size(); i-- > 0;) {
        const std::string name = plain_name(fields[i]);
        if (!is_title_name(name) || i == id) continue;
        title = i;
        has_title = true;
      }
      if (!has_title) return table;
      if (fields.size() < 2) {
        fail("{}: an item list needs an id and a title column, with a header", reader.where());
      }
      continue;
    }
    if (fields.size() <= std::max(id, title)) {
      fail("{}: {} field{} where an item id and a title are expected", reader.where(),
           fields.size(), fields.size() == 1 ? "" : "s");
    }
    const std::uint32_t before = table.ids.size();
    if (table.ids.intern(fields[id], reader) == before) {
      table.titles.push_back(clean_text(fields[title]));  // of repeated ids the first title stays
    }
  }
  return table;
}

}  // namespace halorec
