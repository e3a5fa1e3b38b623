// Tags that users gave to items.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "partition/readers/readers.hpp"
#include "partition/readers/records.hpp"
#include "partition/readers/side_lists.hpp"
#include "partition/side/features.hpp"

namespace halorec {
namespace {

constexpr std::array<std::string_view, 6> kTagNames = {"tag",      "tags",    "tagname",
                                                       "tagvalue", "keyword", "label"};

struct Layout {
  bool header = false;
  std::size_t user = 0, item = 1, tag = 2;
  std::optional<std::size_t> time;
};

Layout find_layout(const std::vector<std::string>& first, const std::filesystem::path& path) {
  Layout layout;
  std::optional<std::size_t> user, item, tag;
  for (std::size_t i = first.size(); i-- > 0;) {
    const std::optional<Role> role = role_of_name(first[i]);
    const std::string plain = plain_name(first[i]);
    if (role == Role::user) user = i;
    if (role == Role::item) item = i;
    if (role == Role::time) layout.time = i;
    if (std::find(kTagNames.begin(), kTagNames.end(), plain) != kTagNames.end()) tag = i;
  }
  layout.header = user && item && tag;
  if (layout.header) {
    layout.user = *user;
    layout.item = *item;
    layout.tag = *tag;
    return layout;
  }
  if (first.size() != 3 && first.size() != 4) {
    fail("{}: a list of tags has a header with user, item and tag (and time), or these columns",
         path.string());
  }
  layout.time = first.size() == 4 ? std::optional<std::size_t>(3) : std::nullopt;
  return layout;
}

std::string plain_tag(std::string_view field) {
  const std::string text = clean_text(field);
  std::string tag(trimmed(text));
  for (char& c : tag) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return tag;
}

}  // namespace

AttributeColumn read_tags(const std::filesystem::path& path, const NodeIndex& users,
                          const NodeIndex& items, const HeldOut& parts,
                          nlohmann::ordered_json& counts) {
  Records records(path, "", "a user, an item and a tag");
  const std::vector<std::string> first = records.first_rows()[0];
  const Layout layout = find_layout(first, path);
  if (parts.has_cut() && !layout.time) {
    fail_usage(
        "--tags {}: has no times, and under --protocol {}, where what is held out is the newest, "
        "it "
        "cannot be told which tags are older; name the column 'timestamp' or leave the tags out",
        path.string(), parts.protocol());
  }
  std::vector<std::vector<std::string>> tags(items.size());
  std::uint64_t rows = 0, unknown = 0, empty = 0, late = 0, undated = 0, held_out = 0;
  bool header = layout.header;
  while (records.next()) {
    if (header) {
      header = false;
      continue;
    }
    const std::vector<std::string_view>& fields = records.fields();
    records.expect_fields(first.size());
    ++rows;
    // Read in every row, also in one that is then left out.
    std::optional<std::int64_t> time;
    if (layout.time) time = records.time_in(fields[*layout.time], "a tag");
    const std::uint32_t user = users.find(fields[layout.user]);
    const std::uint32_t item = items.find(fields[layout.item]);
    std::string tag = plain_tag(fields[layout.tag]);
    if (user == NodeIndex::kUnknown || item == NodeIndex::kUnknown) {
      ++unknown;
    } else if (tag.empty()) {
      ++empty;
    } else if (tag.size() > kMaxIdBytes) {
      fail("{}: the tag {} is longer than {} bytes; check the quotes", records.where(), shown(tag),
           kMaxIdBytes);
    } else if (layout.time && parts.is_late(user, time)) {
      ++(time ? late : undated);
    } else if (!parts.allows(user, item)) {
      ++held_out;
    } else {
      tags[item].push_back(std::move(tag));
    }
  }
  if (rows == 0) fail("{}: holds a header and no rows", path.string());
  if (unknown == rows) {
    fail("{}: none of its {} rows has a user and an item of the data; check columns and delimiter",
         path.string(), rows);
  }
  AttributeBuilder builder(NodeKind::item, "tags");
  std::uint64_t used = 0;
  for (std::vector<std::string>& of_item : tags) {
    used += of_item.size();
    builder.add_node(std::move(of_item));
  }
  AttributeColumn column = builder.finish();
  counts["rows"] = rows;
  counts["rows_of_unknown_ids"] = unknown;
  counts["empty"] = empty;
  counts["dated_after_the_cut"] = late;
  counts[kUndatedLeftOut] = undated;
  counts["held_out"] = held_out;
  counts["repeated_tags"] = used - column.value.size();
  return column;
}

}  // namespace halorec
