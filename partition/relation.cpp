#include "partition/relation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "partition/home_edges.hpp"
#include "partition/interaction_facts.hpp"
#include "partition/side/side_info_file.hpp"
#include "partition/weighed_lists.hpp"

namespace halorec {
namespace {

std::string full_name(const SideColumn& column) {
  return fmt::format("{}:{}", kind_name(column.kind), column.name);
}

// A link stays one, however old it is.
float aged(float weight, std::int64_t time, const Ageing& ageing) {
  if (time == kUnknownTime || !(weight > 0)) return weight;
  const double age = static_cast<double>(ageing.now) - static_cast<double>(time);
  const double rest = decayed(std::max(0.0, age), ageing.half_life_seconds);
  return std::max(std::numeric_limits<float>::min(),
                  static_cast<float>(static_cast<double>(weight) * rest));
}

// This rank's slice of the links, as (who links, to whom).
Interactions read_slice(const Shard& shard, const DatasetFile& dataset, std::size_t place,
                        const std::optional<Ageing>& ageing = std::nullopt) {
  Communicator& communicator = shard.communicator();
  const std::uint64_t total = dataset.side_info().columns()[place].num_nodes;
  const auto num_ranks = static_cast<std::uint64_t>(communicator.size());
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  const std::uint64_t first = total * rank / num_ranks, last = total * (rank + 1) / num_ranks;
  LinkTable links;
  communicator.together(
      [&] { links = dataset.side_info().read_links(place, first, last - first); });
  Interactions slice;
  for (std::size_t k = 0; k + 1 < links.begin.size(); ++k) {
    slice.user.insert(slice.user.end(), links.begin[k + 1] - links.begin[k],
                      static_cast<std::uint32_t>(first + k));
  }
  slice.item = std::move(links.target);
  slice.weight = std::move(links.weight);
  for (std::size_t e = 0; ageing && e < links.time.size(); ++e) {
    slice.weight[e] = aged(slice.weight[e], links.time[e], *ageing);
  }
  return slice;
}

Interactions reversed(Interactions links) {
  std::swap(links.user, links.item);
  return links;
}

Interactions both_ways(const Interactions& links) {
  Interactions both = links;
  both.user.insert(both.user.end(), links.item.begin(), links.item.end());
  both.item.insert(both.item.end(), links.user.begin(), links.user.end());
  both.weight.insert(both.weight.end(), links.weight.begin(), links.weight.end());
  return both;
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

// Of owned nodes: whom each hears.
struct OwnLists {
  WeighedLists users, items;
};

void check_weights(Communicator& communicator, const OwnLists& lists, const SideColumn& column) {
  std::int64_t bad = 0;
  for (const WeighedLists* one : {&lists.users, &lists.items}) {
    bad += std::count_if(one->weights.begin(), one->weights.end(),
                         [](float weight) { return !(weight > 0) || std::isinf(weight); });
  }
  const auto all = communicator.sum(bad);
  if (all == 0) return;
  throw Error(fmt::format("links {}: {} weigh nothing, less, or without end; messages need weights "
                          "above 0: mend the file and import again",
                          full_name(column), all / 2),
              kExitUsage, true);
}

bool all_equal(Communicator& communicator, const OwnLists& lists) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const WeighedLists* one : {&lists.users, &lists.items}) {
    for (const float weight : one->weights) {
      least = std::min(least, static_cast<double>(weight));
      most = std::max(most, static_cast<double>(weight));
    }
  }
  return -communicator.max(-least) >= communicator.max(most);
}

// The links of one table, on their way to the owners of their ends.
class LinkEnds {
 public:
  // Collective.
  LinkEnds(const Shard& shard, const SideColumn& column)
      : shard_(&shard), column_(&column), is_trained_user_(trained_users(shard)) {}

  // To whoever hears the other end: of (a, b) in `links` a hears b, and where they cross b hears a
  // too. Collective.
  OwnLists send_home(const Interactions& links) const {
    const auto near = [](const Pair& pair) { return pair.user; };
    const auto far = [](const Pair& pair) { return pair.item; };
    OwnLists lists{WeighedLists::none(shard_->num_owned_users()),
                   WeighedLists::none(shard_->num_owned_items())};
    if (column_->kind == NodeKind::user) lists.users = rows_of(NodeKind::user, links, near, far);
    if (column_->kind == NodeKind::item) lists.items = rows_of(NodeKind::item, links, near, far);
    if (column_->crosses) lists.items = rows_of(NodeKind::item, links, far, near);
    return lists;
  }

  // The links of which so many ends have training interactions. Collective.
  Adjacency edges(const OwnLists& lists, int num_trained, bool weighed) const {
    const NodeKind heard_by_users = column_->crosses ? NodeKind::item : NodeKind::user;
    const NodeKind heard_by_items = column_->crosses ? NodeKind::user : NodeKind::item;
    const auto keep = [&](std::int64_t before, NodeKind heard) {
      return [this, num_trained, before, heard](std::int64_t row, std::uint32_t index) {
        return (is_trained_row(before + row) ? 1 : 0) + (is_trained(heard, index) ? 1 : 0) ==
               num_trained;
      };
    };
    const WeighedLists users = filter(lists.users, keep(0, heard_by_users));
    const WeighedLists items = filter(lists.items, keep(shard_->num_owned_users(), heard_by_items));
    const auto block = [&](const WeighedLists& one, NodeKind heard) {
      return NeighbourLists{
          one.begin, one.values,
          heard == NodeKind::user ? shard_->user_addresses() : shard_->item_addresses(),
          weighed ? std::span<const float>(one.weights) : std::span<const float>()};
    };
    const NeighbourLists blocks[] = {block(users, heard_by_users), block(items, heard_by_items)};
    return make_adjacency(shard_->communicator(), blocks);
  }

  // Of directed links (a, b) within a kind. Collective.
  std::vector<LinkDirection> directions(const Interactions& links) const {
    OwnLists along = send_home(links), against = send_home(reversed(links));
    complete(along.users, against.users);
    complete(along.items, against.items);
    std::vector<LinkDirection> both;
    for (const OwnLists* lists : {&along, &against}) {
      LinkDirection& one =
          both.emplace_back(LinkDirection{edges(*lists, 2, true), edges(*lists, 1, true), {}});
      for (std::size_t r = 0; r < one.edges.scale.size(); ++r) {
        const Adjacency& heard =
            is_trained_row(static_cast<std::int64_t>(r)) ? one.edges : one.untrained;
        one.mean.push_back(heard.scale[r] * heard.scale[r]);
      }
      for (Adjacency* graph : {&one.edges, &one.untrained}) {
        std::fill(graph->scale.begin(), graph->scale.end(), 1.0);
      }
    }
    for (const auto part : {&LinkDirection::edges, &LinkDirection::untrained}) {
      Adjacency &first = both[0].*part, &second = both[1].*part;
      first.cross_transposed = transpose(second.cross, second.num_ghosts());
      second.cross_transposed = transpose(first.cross, first.num_ghosts());
    }
    return both;
  }

 private:
  bool is_trained_row(std::int64_t row) const {
    return shard_->scale()[static_cast<std::size_t>(row)] != 0;
  }
  bool is_trained(NodeKind kind, std::uint32_t index) const {
    return kind == NodeKind::user ? is_trained_user_[index] : shard_->item_degree(index) > 0;
  }

  // Rows of the owned nodes of that kind, which are hearer(pair) and hear heard(pair).
  template <typename Hearer, typename Heard>
  WeighedLists rows_of(NodeKind kind, const Interactions& links, const Hearer& hearer,
                       const Heard& heard) const {
    const bool are_users = kind == NodeKind::user;
    const auto address_of = [&](const Pair& pair) {
      return are_users ? shard_->address_of_user(hearer(pair))
                       : shard_->address_of_item(hearer(pair));
    };
    const WeighedPairs arrived = send_home_weighed(shard_->communicator(), links, false,
                                                   [&](std::uint32_t a, std::uint32_t b) {
                                                     return address_of({a, b}).owner;
                                                   });
    const std::int64_t before = are_users ? 0 : shard_->num_owned_users();
    return group_heaviest(
        arrived, are_users ? shard_->num_owned_users() : shard_->num_owned_items(),
        [&](const Pair& pair) { return address_of(pair).row - before; }, heard);
  }

  const Shard* shard_;
  const SideColumn* column_;
  std::vector<bool> is_trained_user_;
};

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
  linked.begin.assign(static_cast<std::size_t>(shard.num_owned_users()) + 1, 0);
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

Relation read_relation(const Shard& shard, const DatasetFile& dataset, std::string_view name,
                       Directions directions, std::optional<Ageing> ageing) {
  const std::size_t place = find_links(dataset, name);
  const SideColumn& column = dataset.side_info().columns()[place];
  const Interactions links = read_slice(shard, dataset, place, ageing);
  const LinkEnds ends(shard, column);
  const OwnLists lists = ends.send_home(column.crosses ? links : both_ways(links));
  check_weights(shard.communicator(), lists, column);
  const bool weighed = !all_equal(shard.communicator(), lists);
  Relation relation{
      column.name,   column.kind, 1, ends.edges(lists, 2, weighed), ends.edges(lists, 1, weighed),
      column.crosses};
  for (std::size_t r = 0; r < relation.edges.scale.size(); ++r) {
    double &both = relation.edges.scale[r], &one = relation.untrained.scale[r];
    (both != 0 ? one : both) = both != 0 ? both : one;
  }
  if (directions == Directions::apart && column.directed && !column.crosses) {
    relation.directions = ends.directions(links);
  }
  return relation;
}

}  // namespace halorec
