#include "partition/relation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <vector>

#include "partition/home_edges.hpp"
#include "partition/side/side_info_file.hpp"

namespace halorec {
namespace {

std::string full_name(const SideColumn& column) {
  return fmt::format("{}:{}", kind_name(column.kind), column.name);
}

// Both directions of this rank's slice of the links between nodes of one kind, as (who hears, who
// is heard); of links that cross, those of the users alone, as (user, item).
Interactions read_slice(const Shard& shard, const DatasetFile& dataset, std::size_t place) {
  Communicator& communicator = shard.communicator();
  const std::uint64_t total = dataset.side_info().columns()[place].num_nodes;
  const auto num_ranks = static_cast<std::uint64_t>(communicator.size());
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  const std::uint64_t first = total * rank / num_ranks, last = total * (rank + 1) / num_ranks;
  LinkTable links;
  communicator.together(
      [&] { links = dataset.side_info().read_links(place, first, last - first); });
  const bool crosses = dataset.side_info().columns()[place].crosses;
  Interactions both;
  for (std::size_t k = 0; k + 1 < links.begin.size(); ++k) {
    const auto from = static_cast<std::uint32_t>(first + k);
    for (std::uint64_t e = links.begin[k]; e < links.begin[k + 1]; ++e) {
      if (crosses) {
        both.user.push_back(from);
        both.item.push_back(links.target[e]);
        both.weight.push_back(links.weight[e]);
        continue;
      }
      both.user.insert(both.user.end(), {from, links.target[e]});
      both.item.insert(both.item.end(), {links.target[e], from});
      both.weight.insert(both.weight.end(), 2, links.weight[e]);
    }
  }
  return both;
}

struct WeighedLists {
  std::vector<std::int64_t> begin{0};
  std::vector<std::uint32_t> values;  // ascending and distinct within a row
  std::vector<float> weights;

  // Of nodes that have none of these links.
  static WeighedLists none(std::int64_t num_rows) {
    return {std::vector<std::int64_t>(static_cast<std::size_t>(num_rows) + 1, 0), {}, {}};
  }
};

// By the row of whoever hears(pair); heard(pair) is the other end. Of links between the same two
// nodes the heaviest.
template <typename RowOf, typename Heard>
WeighedLists group_heaviest(const WeighedPairs& links, std::int64_t num_rows, const RowOf& row_of,
                            const Heard& heard) {
  std::vector<std::size_t> order(links.pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t k) {
    return std::tuple(row_of(links.pairs[k]), heard(links.pairs[k]), -links.weight[k]);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  WeighedLists lists;
  std::size_t next = 0;
  for (std::int64_t row = 0; row < num_rows; ++row) {
    for (; next < order.size() && row_of(links.pairs[order[next]]) == row; ++next) {
      const std::uint32_t far = heard(links.pairs[order[next]]);
      if (std::ssize(lists.values) > lists.begin.back() && lists.values.back() == far) continue;
      lists.values.push_back(far);
      lists.weights.push_back(links.weight[order[next]]);
    }
    lists.begin.push_back(std::ssize(lists.values));
  }
  return lists;
}

// Of all users, which have training interactions. Collective.
std::vector<bool> trained_users(const Shard& shard) {
  std::vector<std::uint32_t> mine;
  for (std::int64_t r = 0; r < shard.num_owned_users(); ++r) {
    if (shard.scale()[static_cast<std::size_t>(r)] != 0) {
      mine.push_back(shard.owned_users()[static_cast<std::size_t>(r)]);
    }
  }
  std::vector<bool> trained(shard.num_users(), false);
  for (const std::uint32_t user : shard.communicator().all_gather<std::uint32_t>(mine)) {
    trained[user] = true;
  }
  return trained;
}

// The entries (row, value) that `keep` says.
template <typename Keep>
WeighedLists filter(const WeighedLists& lists, const Keep& keep) {
  WeighedLists kept;
  for (std::size_t row = 0; row + 1 < lists.begin.size(); ++row) {
    for (std::int64_t e = lists.begin[row]; e < lists.begin[row + 1]; ++e) {
      const auto entry = static_cast<std::size_t>(e);
      if (!keep(static_cast<std::int64_t>(row), lists.values[entry])) continue;
      kept.values.push_back(lists.values[entry]);
      kept.weights.push_back(lists.weights[entry]);
    }
    kept.begin.push_back(std::ssize(kept.values));
  }
  return kept;
}

void check_weights(Communicator& communicator, const WeighedLists& users, const WeighedLists& items,
                   const SideColumn& column) {
  std::int64_t bad = 0;
  for (const WeighedLists* lists : {&users, &items}) {
    bad += std::count_if(lists->weights.begin(), lists->weights.end(),
                         [](float weight) { return !(weight > 0) || std::isinf(weight); });
  }
  const auto all = communicator.sum(bad);
  if (all == 0) return;
  throw Error(fmt::format("links {}: {} weigh nothing, less, or without end; messages need weights "
                          "above 0: mend the file and import again",
                          full_name(column), all / 2),
              kExitUsage, true);
}

bool all_equal(Communicator& communicator, const WeighedLists& users, const WeighedLists& items) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const WeighedLists* lists : {&users, &items}) {
    for (const float weight : lists->weights) {
      least = std::min(least, static_cast<double>(weight));
      most = std::max(most, static_cast<double>(weight));
    }
  }
  return -communicator.max(-least) >= communicator.max(most);
}

}  // namespace

std::size_t find_links(const DatasetFile& dataset, std::string_view name) {
  const auto& columns = dataset.side_info().columns();
  std::vector<std::size_t> found;
  for (std::size_t place = 0; place < columns.size(); ++place) {
    if (columns[place].type != SideType::link) continue;
    if (full_name(columns[place]) == name) return place;
    if (columns[place].name == name) found.push_back(place);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    throw Error(fmt::format("the dataset has no links '{}'; it has: {} (halorec import --links, "
                            "--item-links, --relation, --derive-links)",
                            name, link_names(dataset)),
                kExitUsage, true);
  }
  throw Error(
      fmt::format("links '{}' are of users and of items; say user:{} or item:{}", name, name, name),
      kExitUsage, true);
}

std::size_t find_links_to_items(const DatasetFile& dataset, std::string_view name) {
  const std::size_t place = find_links(dataset, name);
  if (dataset.side_info().columns()[place].crosses) return place;
  throw Error(fmt::format("links '{}' are not of users to items; those of halorec import "
                          "--relation are",
                          name),
              kExitUsage, true);
}

std::string link_names(const DatasetFile& dataset) {
  std::string names;
  for (const SideColumn& column : dataset.side_info().columns()) {
    if (column.type != SideType::link) continue;
    names += (names.empty() ? "" : ", ") + full_name(column);
  }
  return names.empty() ? "none" : names;
}

UserItems read_linked_items(const Shard& shard, const DatasetFile& dataset,
                            const std::vector<std::string>& names) {
  UserItems linked;
  linked.begin.resize(static_cast<std::size_t>(shard.num_owned_users()) + 1);
  for (const std::string& name : names) {
    const std::size_t place = find_links_to_items(dataset, name);
    const WeighedPairs arrived = send_home_weighed(
        shard.communicator(), read_slice(shard, dataset, place), false,
        [&](std::uint32_t user, std::uint32_t) { return shard.address_of_user(user).owner; });
    WeighedLists lists = group_heaviest(
        arrived, shard.num_owned_users(),
        [&](const Pair& pair) { return shard.address_of_user(pair.user).row; },
        [](const Pair& pair) { return pair.item; });
    linked = either(linked, {std::move(lists.begin), std::move(lists.values)});
  }
  return linked;
}

Relation read_relation(const Shard& shard, const DatasetFile& dataset, std::string_view name) {
  const std::size_t place = find_links(dataset, name);
  const SideColumn& column = dataset.side_info().columns()[place];
  const Interactions slice = read_slice(shard, dataset, place);
  const auto near = [](const Pair& pair) { return pair.user; };
  const auto far = [](const Pair& pair) { return pair.item; };
  // Rows of the owned nodes of that kind, which are hearer(pair) and hear heard(pair).
  const auto rows_of = [&](NodeKind kind, const auto& hearer, const auto& heard) {
    const bool are_users = kind == NodeKind::user;
    const auto address_of = [&](const Pair& pair) {
      return are_users ? shard.address_of_user(hearer(pair)) : shard.address_of_item(hearer(pair));
    };
    const WeighedPairs arrived = send_home_weighed(shard.communicator(), slice, false,
                                                   [&](std::uint32_t a, std::uint32_t b) {
                                                     return address_of({a, b}).owner;
                                                   });
    const std::int64_t before = are_users ? 0 : shard.num_owned_users();
    return group_heaviest(
        arrived, are_users ? shard.num_owned_users() : shard.num_owned_items(),
        [&](const Pair& pair) { return address_of(pair).row - before; }, heard);
  };
  WeighedLists users = column.kind == NodeKind::user ? rows_of(NodeKind::user, near, far)
                                                     : WeighedLists::none(shard.num_owned_users());
  WeighedLists items = column.crosses ? rows_of(NodeKind::item, far, near)
                       : column.kind == NodeKind::item
                           ? rows_of(NodeKind::item, near, far)
                           : WeighedLists::none(shard.num_owned_items());
  check_weights(shard.communicator(), users, items, column);
  const bool weighed = !all_equal(shard.communicator(), users, items);
  const std::vector<bool> is_trained_user = trained_users(shard);
  const auto is_trained = [&](NodeKind kind, std::uint32_t index) {
    return kind == NodeKind::user ? is_trained_user[index] : shard.item_degree(index) > 0;
  };
  const NodeKind heard_by_users = column.crosses ? NodeKind::item : NodeKind::user;
  const NodeKind heard_by_items = column.crosses ? NodeKind::user : NodeKind::item;
  // The links of which so many ends have training interactions.
  const auto links_with = [&](int num_trained) {
    const auto keep = [&](std::int64_t before, NodeKind heard) {
      return [&, before, heard](std::int64_t row, std::uint32_t index) {
        const bool hears = shard.scale()[static_cast<std::size_t>(before + row)] != 0;
        return (hears ? 1 : 0) + (is_trained(heard, index) ? 1 : 0) == num_trained;
      };
    };
    const WeighedLists of_users = filter(users, keep(0, heard_by_users));
    const WeighedLists of_items = filter(items, keep(shard.num_owned_users(), heard_by_items));
    const auto block = [&](const WeighedLists& lists, NodeKind heard) {
      return NeighbourLists{
          lists.begin, lists.values,
          heard == NodeKind::user ? shard.user_addresses() : shard.item_addresses(),
          weighed ? std::span<const float>(lists.weights) : std::span<const float>()};
    };
    const NeighbourLists blocks[] = {block(of_users, heard_by_users),
                                     block(of_items, heard_by_items)};
    return make_adjacency(shard.communicator(), blocks);
  };
  Relation relation{column.name, column.kind, 1, links_with(2), links_with(1), column.crosses};
  for (std::size_t r = 0; r < relation.edges.scale.size(); ++r) {
    double &both = relation.edges.scale[r], &one = relation.untrained.scale[r];
    (both != 0 ? one : both) = both != 0 ? both : one;
  }
  return relation;
}

}  // namespace halorec
