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

// Both directions of this rank's slice of the links, as (who hears, who is heard).
Interactions read_slice(const Shard& shard, const DatasetFile& dataset, std::size_t place) {
  Communicator& communicator = shard.communicator();
  const std::uint64_t total = dataset.side_info().columns()[place].num_nodes;
  const auto num_ranks = static_cast<std::uint64_t>(communicator.size());
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  const std::uint64_t first = total * rank / num_ranks, last = total * (rank + 1) / num_ranks;
  LinkTable links;
  communicator.together(
      [&] { links = dataset.side_info().read_links(place, first, last - first); });
  Interactions both;
  for (std::size_t k = 0; k + 1 < links.begin.size(); ++k) {
    const auto from = static_cast<std::uint32_t>(first + k);
    for (std::uint64_t e = links.begin[k]; e < links.begin[k + 1]; ++e) {
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
};

// By row; of links between the same two nodes the heaviest.
template <typename RowOf>
WeighedLists group_heaviest(const WeighedPairs& links, std::int64_t num_rows, const RowOf& row_of) {
  std::vector<std::size_t> order(links.pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t k) {
    return std::tuple(row_of(links.pairs[k].user), links.pairs[k].item, -links.weight[k]);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  WeighedLists lists;
  std::size_t next = 0;
  for (std::int64_t row = 0; row < num_rows; ++row) {
    for (; next < order.size() && row_of(links.pairs[order[next]].user) == row; ++next) {
      const std::uint32_t item = links.pairs[order[next]].item;
      if (std::ssize(lists.values) > lists.begin.back() && lists.values.back() == item) continue;
      lists.values.push_back(item);
      lists.weights.push_back(links.weight[order[next]]);
    }
    lists.begin.push_back(std::ssize(lists.values));
  }
  return lists;
}

void check_weights(Communicator& communicator, const std::vector<float>& weights,
                   const SideColumn& column) {
  const auto bad = std::count_if(weights.begin(), weights.end(),
                                 [](float weight) { return !(weight > 0) || std::isinf(weight); });
  const auto all = communicator.sum(static_cast<std::int64_t>(bad));
  if (all == 0) return;
  throw Error(fmt::format("links {}: {} weigh nothing, less, or without end; messages need weights "
                          "above 0: mend the file and import again",
                          full_name(column), all / 2),
              kExitUsage, true);
}

bool all_equal(Communicator& communicator, const std::vector<float>& weights) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const float weight : weights) {
    least = std::min(least, static_cast<double>(weight));
    most = std::max(most, static_cast<double>(weight));
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
                            "--item-links, --derive-links)",
                            name, link_names(dataset)),
                kExitUsage, true);
  }
  throw Error(
      fmt::format("links '{}' are of users and of items; say user:{} or item:{}", name, name, name),
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

Relation read_relation(const Shard& shard, const DatasetFile& dataset, std::string_view name) {
  const std::size_t place = find_links(dataset, name);
  const SideColumn& column = dataset.side_info().columns()[place];
  const bool of_users = column.kind == NodeKind::user;
  const auto address_of = [&](std::uint32_t index) {
    return of_users ? shard.address_of_user(index) : shard.address_of_item(index);
  };
  WeighedPairs arrived = send_home_weighed(
      shard.communicator(), read_slice(shard, dataset, place), false,
      [&](std::uint32_t hearer, std::uint32_t) { return address_of(hearer).owner; });
  const std::int64_t before = of_users ? 0 : shard.num_owned_users();
  const std::int64_t num_rows = of_users ? shard.num_owned_users() : shard.num_owned_items();
  const WeighedLists lists = group_heaviest(
      arrived, num_rows, [&](std::uint32_t hearer) { return address_of(hearer).row - before; });
  check_weights(shard.communicator(), lists.weights, column);
  const std::vector<std::int64_t> no_rows(
      static_cast<std::size_t>(shard.num_owned() - num_rows) + 1, 0);
  const bool equal = all_equal(shard.communicator(), lists.weights);
  const NeighbourLists linked{lists.begin, lists.values,
                              of_users ? shard.user_addresses() : shard.item_addresses(),
                              equal ? std::span<const float>{} : lists.weights};
  const NeighbourLists others{no_rows, {}, {}};
  const NeighbourLists blocks[] = {of_users ? linked : others, of_users ? others : linked};
  return {column.name, column.kind, 1, make_adjacency(shard.communicator(), blocks)};
}

}  // namespace halorec
