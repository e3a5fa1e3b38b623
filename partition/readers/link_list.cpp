// Links between users or between items.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "comm/check.hpp"
#include "partition/readers/readers.hpp"
#include "partition/readers/records.hpp"
#include "partition/readers/side_lists.hpp"

namespace halorec {
namespace {

constexpr double kSmallestLikelyTime = 1e8;
constexpr std::array<std::string_view, 13> kEndNames = {
    "friend", "friendid", "source",  "target",   "from",      "to",      "src",
    "dst",    "trustor",  "trustee", "follower", "following", "followee"};

struct Layout {
  bool header = false;
  std::optional<std::size_t> weight, time;
};

Layout find_layout(const std::vector<std::vector<std::string>>& rows, const NodeIndex& nodes,
                   const std::filesystem::path& path) {
  const std::vector<std::string>& first = rows[0];
  Layout layout;
  const auto is_name = [](const std::string& field) {
    return role_of_name(field) ||
           std::find(kEndNames.begin(), kEndNames.end(), plain_name(field)) != kEndNames.end();
  };
  const auto is_known = [&](const std::string& id) {
    return nodes.find(id) != NodeIndex::kUnknown;
  };
  const auto is_number = [](const std::string& field) { return parse_number(field).has_value(); };
  if (first.size() >= 2 && !is_known(first[0]) && !is_known(first[1])) {
    layout.header = std::any_of(first.begin(), first.end(), is_name) ||
                    std::none_of(first.begin(), first.end(), is_number);
  }
  if (layout.header) {
    for (std::size_t i = first.size(); i-- > 2;) {
      const std::optional<Role> role = role_of_name(first[i]);
      if (role == Role::weight || role == Role::rating) layout.weight = i;
      if (role == Role::time) layout.time = i;
    }
    return layout;
  }
  if (first.size() > 4) {
    fail_usage("{}: has {} columns and no header; a list of links has two ids, a weight, a time",
               path.string(), first.size());
  }
  if (first.size() == 4) layout.weight = 2, layout.time = 3;
  if (first.size() == 3) {
    const auto row = std::find_if(rows.begin(), rows.end(), [](const auto& fields) {
      return fields.size() == 3 && !is_missing(fields[2]);
    });
    if (row == rows.end()) {
      fail(
          "{}: its first rows leave the third column empty, which may be a weight or a time; say "
          "which with a header, for example 'from,to,time'",
          path.string());
    }
    const std::string& field = (*row)[2];
    const std::optional<double> number = parse_number(field);
    const bool time = number ? *number >= kSmallestLikelyTime : parse_time(field).has_value();
    (time ? layout.time : layout.weight) = 2;
  }
  return layout;
}

float weight_at(std::string_view field, const Records& records) {
  const std::optional<double> weight = parse_number(field);
  if (const auto fault = fault_of_number(weight); !fault.empty()) {
    fail("{}: the weight {} of a link {}; correct the row", records.where(), shown(field), fault);
  }
  if (static_cast<float>(*weight) <= 0) {
    fail(
        "{}: the weight {} of a link is not above 0{}, and messages pass along links; leave the "
        "row out, or give links of another kind a list of their own",
        records.where(), shown(field), *weight > 0 ? " as a float" : "");
  }
  return static_cast<float>(*weight);
}

}  // namespace

LinkTable make_link_table(NodeKind kind, std::string name, bool directed, std::uint64_t num_nodes,
                          std::vector<RawLink> links) {
  if (!directed) {
    const std::size_t count = links.size();
    for (std::size_t k = 0; k < count; ++k) {
      links.push_back({links[k].to, links[k].from, links[k].weight, links[k].time});
    }
  }
  std::sort(links.begin(), links.end(), [](const RawLink& a, const RawLink& b) {
    return std::tie(a.from, a.to, b.weight) < std::tie(b.from, b.to, a.weight);
  });
  LinkTable table{kind, std::move(name), directed, std::vector<std::uint64_t>(num_nodes + 1, 0), {},
                  {}};
  const bool has_times = std::any_of(links.begin(), links.end(),
                                     [](const RawLink& link) { return link.time != kUnknownTime; });
  for (std::size_t k = 0; k < links.size(); ++k) {
    if (k > 0 && links[k - 1].from == links[k].from && links[k - 1].to == links[k].to) {
      if (has_times) table.time.back() = std::max(table.time.back(), links[k].time);
      continue;
    }
    table.target.push_back(links[k].to);
    table.weight.push_back(links[k].weight);
    if (has_times) table.time.push_back(links[k].time);
    ++table.begin[links[k].from + 1];
  }
  for (std::size_t n = 1; n < table.begin.size(); ++n) table.begin[n] += table.begin[n - 1];
  return table;
}

LinkTable read_link_list(const std::filesystem::path& path, const NodeIndex& nodes, bool directed,
                         const HeldOut& held_out, nlohmann::ordered_json& counts) {
  // A link between users is late if it is for one of them.
  const auto is_late = [&](std::uint32_t from, std::uint32_t to, std::optional<std::int64_t> time) {
    if (nodes.kind() == NodeKind::item) return held_out.is_behind_cut(time);
    return held_out.is_late(from, time) || held_out.is_late(to, time);
  };
  Records records(path, "", "the ids of two nodes");
  const std::vector<std::vector<std::string>> first_rows = records.first_rows();
  const Layout layout = find_layout(first_rows, nodes, path);
  std::vector<RawLink> links;
  std::uint64_t rows = 0, unknown = 0, itself = 0, late = 0, undated = 0;
  std::string unknown_id;
  bool header = layout.header;
  while (records.next()) {
    if (header) {
      header = false;
      continue;
    }
    const std::vector<std::string_view>& fields = records.fields();
    records.expect_fields(first_rows[0].size());
    ++rows;
    // Checked in every row, also in one that is then left out.
    const float weight = layout.weight ? weight_at(fields[*layout.weight], records) : 1.0F;
    std::optional<std::int64_t> time;
    if (layout.time) time = records.time_in(fields[*layout.time], "a link");
    const std::uint32_t from = nodes.find(fields[0]), to = nodes.find(fields[1]);
    if (from == NodeIndex::kUnknown || to == NodeIndex::kUnknown) {
      if (++unknown == 1) unknown_id = fields[from == NodeIndex::kUnknown ? 0 : 1];
    } else if (from == to) {
      ++itself;
    } else if (layout.time && is_late(from, to, time)) {
      ++(time ? late : undated);
    } else {
      links.push_back({from, to, weight, time.value_or(kUnknownTime)});
    }
  }
  if (rows == 0) fail("{}: holds a header and no rows", path.string());
  if (unknown == rows) {
    fail(
        "{}: not one of its {} links joins two of the data's {} {}s (unknown is {}, the data's "
        "first is {}); --links joins users and --item-links items; check columns and delimiter",
        path.string(), rows, nodes.size(), kind_name(nodes.kind()), shown(unknown_id),
        shown(nodes.ids()[0]));
  }
  const std::uint64_t used = links.size();
  LinkTable table = make_link_table(nodes.kind(), clean_text(path.stem().string()), directed,
                                    nodes.size(), std::move(links));
  counts["rows"] = rows;
  counts["rows_of_unknown_ids"] = unknown;
  counts["links_to_itself"] = itself;
  counts["dated_after_the_cut"] = late;
  counts[kUndatedLeftOut] = undated;
  counts["repeated_links"] = used - table.target.size() / (directed ? 1 : 2);
  return table;
}

}  // namespace halorec
