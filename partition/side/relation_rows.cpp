#include "partition/side/relation_rows.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "comm/check.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kUnknown = 0xFFFF'FFFF;

// Moves the rows that `taken` marks from one column to another; a column without rows stays so.
template <typename T>
void move_rows(const std::vector<std::uint8_t>& taken, std::vector<T>& from, std::vector<T>& to) {
  std::size_t kept = 0;
  for (std::size_t row = 0; row < from.size(); ++row) {
    if (taken[row] != 0) {
      to.push_back(from[row]);
    } else {
      from[kept++] = from[row];
    }
  }
  from.resize(kept);
}

void forget_unused_behaviors(EventTable& events) {
  std::vector<std::uint8_t> place(events.behaviors.size(), 0);
  for (const std::uint8_t behavior : events.behavior) place[behavior] = 1;
  std::vector<std::string> names;
  for (std::size_t k = 0; k < place.size(); ++k) {
    if (place[k] == 0) continue;
    place[k] = static_cast<std::uint8_t>(names.size());
    names.push_back(std::move(events.behaviors[k]));
  }
  for (std::uint8_t& behavior : events.behavior) behavior = place[behavior];
  events.behaviors = std::move(names);
}

// Of each index in the events the number in the dataset, or kUnknown.
std::vector<std::uint32_t> numbers_of(const std::vector<std::uint32_t>& origin,
                                      const std::vector<std::uint32_t>& used) {
  std::uint32_t most = 0;
  for (const std::vector<std::uint32_t>* indices : {&origin, &used}) {
    for (const std::uint32_t index : *indices) most = std::max(most, index);
  }
  std::vector<std::uint32_t> number(std::size_t{most} + 1, kUnknown);
  for (std::size_t k = 0; k < origin.size(); ++k) {
    number[origin[k]] = static_cast<std::uint32_t>(k);
  }
  return number;
}

struct LinkRow {
  std::uint32_t user, item;
  std::int64_t time;  // zero without times
};

// The distinct pairs, with how often each comes and the newest time.
LinkTable count_links(std::string name, std::uint64_t num_users, std::vector<LinkRow> rows,
                      bool has_times) {
  std::sort(rows.begin(), rows.end(), [](const LinkRow& a, const LinkRow& b) {
    return std::tie(a.user, a.item, a.time) < std::tie(b.user, b.item, b.time);
  });
  LinkTable links{NodeKind::user, std::move(name), true, {}, {}, {}, true};
  links.begin.assign(num_users + 1, 0);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const auto& [user, item, time] = rows[k];
    if (k > 0 && rows[k - 1].user == user && rows[k - 1].item == item) {
      links.weight.back() += 1;
      if (has_times) links.time.back() = time;
      continue;
    }
    links.target.push_back(item);
    links.weight.push_back(1);
    if (has_times) links.time.push_back(time);
    ++links.begin[std::size_t{user} + 1];
  }
  for (std::size_t u = 0; u < num_users; ++u) links.begin[u + 1] += links.begin[u];
  return links;
}

}  // namespace

RelationRows take_relation_rows(EventTable& events) {
  RelationRows rows;
  if (events.relations.empty()) return rows;
  const std::vector<std::uint8_t> taken = std::exchange(events.relation, {});
  rows.relations = std::exchange(events.relations, {});
  for (const std::uint8_t relation : taken) {
    if (relation != 0) rows.relation.push_back(static_cast<std::uint8_t>(relation - 1));
  }
  std::vector<float> weights;
  std::vector<std::uint8_t> behaviors;
  move_rows(taken, events.user, rows.user);
  move_rows(taken, events.item, rows.item);
  move_rows(taken, events.time, rows.time);
  move_rows(taken, events.part, rows.part);
  move_rows(taken, events.weight, weights);
  move_rows(taken, events.behavior, behaviors);
  forget_unused_behaviors(events);
  return rows;
}

std::vector<LinkTable> relation_links(const RelationRows& rows, const Dataset& dataset,
                                      const std::vector<std::uint32_t>& user_origin,
                                      const std::vector<std::uint32_t>& item_origin,
                                      const HeldOut& held_out, nlohmann::ordered_json& report) {
  struct Counts {
    std::uint64_t rows = 0, unknown = 0, late = 0, held_out = 0;
    std::vector<LinkRow> used;
  };
  const bool has_times = !rows.time.empty();
  const std::vector<std::uint32_t> user_number = numbers_of(user_origin, rows.user);
  const std::vector<std::uint32_t> item_number = numbers_of(item_origin, rows.item);
  std::vector<Counts> all(rows.relations.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Counts& counts = all[rows.relation[row]];
    const std::uint32_t user = user_number[rows.user[row]], item = item_number[rows.item[row]];
    ++counts.rows;
    const bool of_held_out_file = !rows.part.empty() && rows.part[row] != Split::train;
    if (user == kUnknown || item == kUnknown) {
      ++counts.unknown;
    } else if (has_times && held_out.is_late(user, rows.time[row])) {
      ++counts.late;
    } else if (of_held_out_file || !held_out.allows(user, item)) {
      ++counts.held_out;
    } else {
      counts.used.push_back({user, item, has_times ? rows.time[row] : 0});
    }
  }
  std::vector<LinkTable> tables;
  for (std::size_t k = 0; k < all.size(); ++k) {
    Counts& counts = all[k];
    if (counts.used.empty()) {
      fail_usage(
          "--relation '{}': no link is left of its {} rows ({} of users or items without "
          "interactions, {} dated after the cut, {} held out); mend the condition or leave it out",
          rows.relations[k], counts.rows, counts.unknown, counts.late, counts.held_out);
    }
    const std::uint64_t used = counts.used.size();
    tables.push_back(
        count_links(rows.relations[k], dataset.users.size(), std::move(counts.used), has_times));
    report[rows.relations[k]] = {{"rows", counts.rows},
                                 {"rows_of_unknown_ids", counts.unknown},
                                 {"dated_after_the_cut", counts.late},
                                 {"held_out", counts.held_out},
                                 {"repeated_rows", used - tables.back().target.size()}};
  }
  return tables;
}

}  // namespace halorec
