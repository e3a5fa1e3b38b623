// From events to a dataset: choose parts, leave out repeats, filter to the k-core of the training
// part, number what is left, and merge repeated pairs inside each part.
#include "partition/split.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <span>
#include <tuple>

#include "comm/check.hpp"
#include "partition/assign_parts.hpp"
#include "partition/parallel.hpp"
#include "partition/readers/fields.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kUsersPerChunk = 256;
constexpr std::uint32_t kUnnumbered = 0xFFFF'FFFF;
constexpr std::uint8_t kTrain = static_cast<std::uint8_t>(Split::train);

RowsByUser group_by_user(const std::vector<std::uint32_t>& user, std::uint64_t num_users) {
  RowsByUser by_user;
  by_user.begin.assign(num_users + 1, 0);
  for (const std::uint32_t u : user) ++by_user.begin[u + 1];
  std::partial_sum(by_user.begin.begin(), by_user.begin.end(), by_user.begin.begin());
  by_user.rows.resize(user.size());
  std::vector<std::uint64_t> next(by_user.begin.begin(), by_user.begin.end() - 1);
  for (std::uint64_t row = 0; row < user.size(); ++row) {
    by_user.rows[next[user[row]]++] = static_cast<std::uint32_t>(row);
  }
  return by_user;
}

std::span<const std::uint32_t> rows_of(const RowsByUser& by_user, std::uint64_t user) {
  return {by_user.rows.data() + by_user.begin[user], by_user.rows.data() + by_user.begin[user + 1]};
}

// Behaviors in the order of their names: which row came first must not show.
void sort_behaviors(EventTable& events) {
  std::vector<std::uint8_t> order(events.behaviors.size());
  std::iota(order.begin(), order.end(), std::uint8_t{0});
  std::sort(order.begin(), order.end(), [&](std::uint8_t a, std::uint8_t b) {
    return events.behaviors[a] < events.behaviors[b];
  });
  std::vector<std::uint8_t> rank(order.size());
  std::vector<std::string> names(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    rank[order[k]] = static_cast<std::uint8_t>(k);
    names[k] = events.behaviors[order[k]];
  }
  for (std::uint8_t& behavior : events.behavior) behavior = rank[behavior];
  events.behaviors = std::move(names);
}

void drop_users_outside_subset(const EventTable& events, const SplitOptions& options,
                               std::vector<std::uint8_t>& part, SplitCounts& counts) {
  if (options.subset >= 1) return;
  const std::vector<std::uint8_t> chosen = choose_users(events.users, options.seed, options.subset);
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (chosen[events.user[row]] != 0) continue;
    part[row] = kDropped;
    ++counts.dropped_by_subset;
  }
}

// A row of one user.
struct PairRow {
  std::uint32_t item;
  std::uint8_t part;
  std::uint32_t row;
};

// Drops held-out rows whose pair stands in an earlier part, and counts the pairs.
void exclude_repeats(const EventTable& events, const RowsByUser& by_user,
                     std::vector<std::uint8_t>& part, SplitCounts& counts) {
  std::array<std::atomic<std::uint64_t>, kNumSplits> excluded{};
  parallel_for(events.users.size(), kUsersPerChunk, [&](std::uint64_t u) {
    static thread_local std::vector<PairRow> rows;
    rows.clear();
    for (const std::uint32_t row : rows_of(by_user, u)) {
      if (part[row] != kDropped) rows.push_back({events.item[row], part[row], row});
    }
    std::sort(rows.begin(), rows.end(), [](const PairRow& a, const PairRow& b) {
      return std::tie(a.item, a.part) < std::tie(b.item, b.part);
    });
    for (std::size_t k = 1, first = 0; k < rows.size(); ++k) {
      if (rows[k].item != rows[first].item) first = k;  // the earliest part of the next pair
      if (rows[k].part == rows[first].part) continue;
      part[rows[k].row] = kDropped;
      // A pair's rows come part by part: each part is counted once.
      if (rows[k].part != rows[k - 1].part) {
        excluded[rows[k].part].fetch_add(1, std::memory_order_relaxed);
      }
    }
  });
  for (std::size_t s = 0; s < kNumSplits; ++s) counts.repeats_excluded[s] = excluded[s];
}

// The k-core of the training part's distinct pairs: users and items that keep at least k of them,
// found by peeling; then rows of any part with an end outside it are dropped.
void keep_core(const EventTable& events, const RowsByUser& by_user, std::uint32_t core,
               std::vector<std::uint8_t>& part, SplitCounts& counts) {
  const std::uint64_t num_users = events.users.size(), num_items = events.items.size();
  // Distinct training items of each user, and users of each item: CSR both ways.
  std::vector<std::uint64_t> user_begin(num_users + 1, 0), item_begin(num_items + 1, 0);
  std::vector<std::uint32_t> user_items, item_users;
  for (std::uint64_t u = 0; u < num_users; ++u) {
    const std::uint64_t first = user_items.size();
    for (const std::uint32_t row : rows_of(by_user, u)) {
      if (part[row] == kTrain) user_items.push_back(events.item[row]);
    }
    const auto begin = user_items.begin() + static_cast<std::ptrdiff_t>(first);
    std::sort(begin, user_items.end());
    user_items.erase(std::unique(begin, user_items.end()), user_items.end());
    user_begin[u + 1] = user_items.size();
  }
  for (const std::uint32_t item : user_items) ++item_begin[item + 1];
  std::partial_sum(item_begin.begin(), item_begin.end(), item_begin.begin());
  item_users.resize(user_items.size());
  std::vector<std::uint64_t> next(item_begin.begin(), item_begin.end() - 1);
  for (std::uint64_t u = 0; u < num_users; ++u) {
    for (std::uint64_t k = user_begin[u]; k < user_begin[u + 1]; ++k) {
      item_users[next[user_items[k]]++] = static_cast<std::uint32_t>(u);
    }
  }
  // Nodes: users, then items. A node whose degree falls below k leaves and takes its edges along.
  std::vector<std::uint64_t> degree(num_users + num_items);
  for (std::uint64_t u = 0; u < num_users; ++u) degree[u] = user_begin[u + 1] - user_begin[u];
  for (std::uint64_t i = 0; i < num_items; ++i) {
    degree[num_users + i] = item_begin[i + 1] - item_begin[i];
  }
  std::vector<std::uint8_t> outside(degree.size(), 0);
  std::vector<std::uint64_t> leaving;
  for (std::uint64_t node = 0; node < degree.size(); ++node) {
    if (degree[node] >= core) continue;
    outside[node] = 1;
    leaving.push_back(node);
  }
  const auto lose_edge = [&](std::uint64_t node) {
    if (outside[node] != 0 || --degree[node] >= core) return;
    outside[node] = 1;
    leaving.push_back(node);
  };
  while (!leaving.empty()) {
    const std::uint64_t node = leaving.back();
    leaving.pop_back();
    if (node < num_users) {
      for (std::uint64_t k = user_begin[node]; k < user_begin[node + 1]; ++k) {
        lose_edge(num_users + user_items[k]);
      }
    } else {
      const std::uint64_t item = node - num_users;
      for (std::uint64_t k = item_begin[item]; k < item_begin[item + 1]; ++k) {
        lose_edge(item_users[k]);
      }
    }
  }
  std::vector<std::uint8_t> seen(degree.size(), 0);
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (part[row] == kDropped) continue;
    const std::uint64_t user = events.user[row], item = num_users + events.item[row];
    seen[user] = seen[item] = 1;
    if (outside[user] == 0 && outside[item] == 0) continue;
    ++counts.dropped_by_core[part[row]];
    part[row] = kDropped;
  }
  for (std::uint64_t node = 0; node < degree.size(); ++node) {
    if (seen[node] == 0 || outside[node] == 0) continue;
    ++(node < num_users ? counts.users_outside_core : counts.items_outside_core);
  }
}

// Numbers in order of first appearance: training rows first, then validation, then test.
struct Numbering {
  std::vector<std::uint32_t> number;  // of the events' index; kUnnumbered when no row is left
  std::vector<std::uint32_t> origin;  // of the number
  std::array<std::uint64_t, kNumSplits> first{};  // first number of each part's newcomers
};

Numbering number_nodes(const std::vector<std::uint32_t>& node, std::uint64_t num_nodes,
                       const std::vector<std::uint8_t>& part) {
  Numbering numbering;
  numbering.number.assign(num_nodes, kUnnumbered);
  for (std::uint8_t s = 0; s < kNumSplits; ++s) {
    numbering.first[s] = numbering.origin.size();
    for (std::uint64_t row = 0; row < part.size(); ++row) {
      if (part[row] != s || numbering.number[node[row]] != kUnnumbered) continue;
      numbering.number[node[row]] = static_cast<std::uint32_t>(numbering.origin.size());
      numbering.origin.push_back(node[row]);
    }
  }
  return numbering;
}

StringTable pick(const StringTable& table, const std::vector<std::uint32_t>& origin) {
  StringTable picked;
  picked.offsets.reserve(origin.size() + 1);
  for (const std::uint32_t index : origin) picked.push_back(table[index]);
  return picked;
}

// A row of one user with all that merging looks at.
struct MergeRow {
  std::uint8_t part;
  std::uint8_t behavior;
  std::uint32_t item;  // its new number
  std::int64_t time;
  float weight;

  bool same_triple(const MergeRow& other) const {
    return part == other.part && item == other.item && behavior == other.behavior;
  }
};

// Fills `rows` with the user's rows by (part, item, behavior), and then by time and weight too, so
// that sums don't depend on the order of the rows in the file.
void gather_sorted(const EventTable& events, std::span<const std::uint32_t> of_user,
                   const std::vector<std::uint8_t>& part, const Numbering& items,
                   std::vector<MergeRow>& rows) {
  rows.clear();
  for (const std::uint32_t row : of_user) {
    if (part[row] == kDropped) continue;
    rows.push_back({part[row], events.behavior.empty() ? std::uint8_t{0} : events.behavior[row],
                    items.number[events.item[row]], events.time.empty() ? 0 : events.time[row],
                    events.weight.empty() ? 1.0F : events.weight[row]});
  }
  std::sort(rows.begin(), rows.end(), [](const MergeRow& a, const MergeRow& b) {
    return std::tie(a.part, a.item, a.behavior, a.time, a.weight) <
           std::tie(b.part, b.item, b.behavior, b.time, b.weight);
  });
}

// Writes the parts, rows sorted by (user, item, behavior); rows equal in these become one, with
// the first or the newest time and the summed weight, or the mean of ratings. Two passes: the first
// counts, so that each user's rows can be written where they belong.
void merge_rows(const EventTable& events, const RowsByUser& by_user,
                const std::vector<std::uint8_t>& part, const Numbering& users,
                const Numbering& items, bool newest_time, Dataset& dataset, SplitCounts& counts) {
  const bool times = !events.time.empty(), behaviors = !events.behavior.empty();
  const std::uint64_t num_users = users.origin.size();
  // begin[s][u]: first merged row of user u in part s.
  std::array<std::vector<std::uint64_t>, kNumSplits> begin;
  for (auto& of_part : begin) of_part.assign(num_users + 1, 0);
  std::array<std::atomic<std::uint64_t>, kNumSplits> merged{};
  parallel_for(num_users, kUsersPerChunk, [&](std::uint64_t u) {
    static thread_local std::vector<MergeRow> rows;
    gather_sorted(events, rows_of(by_user, users.origin[u]), part, items, rows);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      if (k > 0 && rows[k - 1].same_triple(rows[k])) {
        merged[rows[k].part].fetch_add(1, std::memory_order_relaxed);
      } else {
        ++begin[rows[k].part][u + 1];
      }
    }
  });
  for (std::size_t s = 0; s < kNumSplits; ++s) {
    counts.merged[s] = merged[s];
    std::partial_sum(begin[s].begin(), begin[s].end(), begin[s].begin());
    Interactions& out = dataset.splits[s];
    out.user.resize(begin[s].back());
    out.item.resize(begin[s].back());
    out.weight.resize(begin[s].back());
    if (times) out.time.resize(begin[s].back());
    if (behaviors) out.behavior.resize(begin[s].back());
  }
  parallel_for(num_users, kUsersPerChunk, [&](std::uint64_t u) {
    static thread_local std::vector<MergeRow> rows;
    gather_sorted(events, rows_of(by_user, users.origin[u]), part, items, rows);
    std::array<std::uint64_t, kNumSplits> next{begin[0][u], begin[1][u], begin[2][u]};
    for (std::size_t k = 0; k < rows.size();) {
      const MergeRow& first = rows[k];
      const std::uint64_t at = next[first.part]++;
      Interactions& out = dataset.splits[first.part];
      out.user[at] = static_cast<std::uint32_t>(u);
      out.item[at] = first.item;
      if (behaviors) out.behavior[at] = first.behavior;
      double weight = 0, count = 0;
      for (; k < rows.size() && rows[k].same_triple(first); ++k) {
        weight += static_cast<double>(rows[k].weight);
        count += 1;
      }
      out.weight[at] = static_cast<float>(events.rates ? weight / count : weight);
      if (times) out.time[at] = newest_time ? rows[k - 1].time : first.time;
    }
  });
}

// Sums of weights that each fit a float.
void check_weights(const Dataset& dataset) {
  for (const Interactions& part : dataset.splits) {
    const auto sum = std::find_if(part.weight.begin(), part.weight.end(),
                                  [](float weight) { return !std::isfinite(weight); });
    if (sum == part.weight.end()) continue;
    const auto row = static_cast<std::size_t>(sum - part.weight.begin());
    fail(
        "the weights of user {} and item {} add up to more than a float holds (3.4e38); give "
        "smaller ones, or name another column with --columns weight=NAME",
        shown(dataset.users[part.user[row]]), shown(dataset.items[part.item[row]]));
  }
}

// The rows of the training part as they were read, by user.
Interactions training_rows(const EventTable& events, const RowsByUser& by_user,
                           const std::vector<std::uint8_t>& part, const Numbering& users,
                           const Numbering& items) {
  Interactions rows;
  for (std::uint32_t u = 0; u < users.origin.size(); ++u) {
    for (const std::uint32_t row : rows_of(by_user, users.origin[u])) {
      if (part[row] != kTrain) continue;
      rows.user.push_back(u);
      rows.item.push_back(items.number[events.item[row]]);
      if (!events.time.empty()) rows.time.push_back(events.time[row]);
    }
  }
  return rows;
}

// Nodes without a training interaction are numbered behind those with one.
void count_cold(const Dataset& dataset, const Numbering& users, const Numbering& items,
                SplitCounts& counts) {
  const std::uint64_t warm_users = users.first[1], warm_items = items.first[1];
  for (std::size_t s = 1; s < kNumSplits; ++s) {
    std::vector<std::uint8_t> cold_user(users.origin.size() - warm_users, 0);
    std::vector<std::uint8_t> cold_item(items.origin.size() - warm_items, 0);
    const Interactions& part = dataset.splits[s];
    for (std::uint64_t k = 0; k < part.size(); ++k) {
      const bool user_is_cold = part.user[k] >= warm_users;
      const bool item_is_cold = part.item[k] >= warm_items;
      if (user_is_cold) cold_user[part.user[k] - warm_users] = 1;
      if (item_is_cold) cold_item[part.item[k] - warm_items] = 1;
      if (user_is_cold || item_is_cold) ++counts.cold_interactions[s];
    }
    counts.cold_users[s] = std::accumulate(cold_user.begin(), cold_user.end(), std::uint64_t{0});
    counts.cold_items[s] = std::accumulate(cold_item.begin(), cold_item.end(), std::uint64_t{0});
  }
}

}  // namespace

Dataset split_events(EventTable events, const SplitOptions& options, SplitCounts& counts,
                     SplitTrace* trace) {
  Dataset dataset;
  dataset.protocol =
      make_protocol(options.protocol, options.seed, options.keep_repeats, options.cold_share);
  counts.users_read = events.users.size();
  counts.items_read = events.items.size();
  sort_behaviors(events);
  const RowsByUser by_user = group_by_user(events.user, events.users.size());
  std::vector<std::uint8_t> part(events.size(), kTrain);
  drop_users_outside_subset(events, options, part, counts);
  assign_parts(events, by_user, dataset.protocol, part);
  HeldOutTimes held_out;
  if (trace != nullptr) held_out = find_held_out_times(events, dataset.protocol, part);
  if (!options.keep_repeats) exclude_repeats(events, by_user, part, counts);
  if (options.core > 0) keep_core(events, by_user, options.core, part, counts);

  Numbering users = number_nodes(events.user, events.users.size(), part);
  Numbering items = number_nodes(events.item, events.items.size(), part);
  if (users.first[1] == 0) {
    fail(
        "no training interaction is left: {} rows were read and kept, {} dropped by --subset, {} "
        "by --core; loosen the filters",
        events.size(), counts.dropped_by_subset,
        counts.dropped_by_core[0] + counts.dropped_by_core[1] + counts.dropped_by_core[2]);
  }
  dataset.users = pick(events.users, users.origin);
  dataset.items = pick(events.items, items.origin);
  dataset.behaviors = events.behaviors;
  merge_rows(events, by_user, part, users, items, options.newest_time, dataset, counts);
  check_weights(dataset);
  count_cold(dataset, users, items, counts);
  if (trace != nullptr) {
    if (trace->wants_rows)
      trace->training_rows = training_rows(events, by_user, part, users, items);
    trace->held_out.cut = held_out.cut;
    for (const std::uint32_t user : users.origin) {
      if (!held_out.of_user.empty()) trace->held_out.of_user.push_back(held_out.of_user[user]);
    }
    trace->user_origin = std::move(users.origin);
    trace->item_origin = std::move(items.origin);
  }
  return dataset;
}

}  // namespace halorec
