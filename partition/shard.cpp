#include "partition/shard.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "partition/home_edges.hpp"

namespace halorec {

Shard::Shard(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
             Owners owners)
    : communicator_(&communicator) {
  HALOREC_ASSERT_LIGHT(owners.num_parts == communicator.size());
  HALOREC_ASSERT_LIGHT(owners.user.size() == dataset.num_users());
  HALOREC_ASSERT_LIGHT(owners.item.size() == dataset.num_items());
  number_nodes(owners);
  owners = {};

  std::vector<Pair> by_user, by_item;
  for (int s = 0; s < (part == TrainingPart::train ? 1 : 2); ++s) {
    read_slices(communicator, dataset, static_cast<Split>(s), [&](const Interactions& chunk) {
      const auto users = send_home(communicator, chunk, [&](std::uint32_t u, std::uint32_t) {
        return user_address_[u].owner;
      });
      by_user.insert(by_user.end(), users.begin(), users.end());
      const auto items = send_home(communicator, chunk, [&](std::uint32_t, std::uint32_t i) {
        return item_address_[i].owner;
      });
      by_item.insert(by_item.end(), items.begin(), items.end());
    });
  }
  Lists of_users = group(
      by_user, num_owned_users(), [&](const Pair& p) { return user_address_[p.user].row; },
      [](const Pair& p) { return p.item; });
  by_user = {};
  const Lists of_items = group(
      by_item, num_owned_items(),
      [&](const Pair& p) { return item_address_[p.item].row - num_owned_users(); },
      [](const Pair& p) { return p.user; });
  by_item = {};

  // Degrees of all nodes, on every rank.
  std::vector<std::uint32_t> user_degree(num_users(), 0);
  item_degree_.assign(num_items(), 0);
  for (std::size_t u = 0; u < users_.size(); ++u) {
    user_degree[users_[u]] = static_cast<std::uint32_t>(of_users.begin[u + 1] - of_users.begin[u]);
  }
  for (std::size_t i = 0; i < items_.size(); ++i) {
    item_degree_[items_[i]] = static_cast<std::uint32_t>(of_items.begin[i + 1] - of_items.begin[i]);
  }
  communicator.sum(std::span<std::uint32_t>(user_degree));
  communicator.sum(std::span<std::uint32_t>(item_degree_));
  num_edges_ = std::accumulate(item_degree_.begin(), item_degree_.end(), std::uint64_t{0});
  std::vector<std::uint64_t> edges_before(std::size_t{num_users()} + 1, 0);
  std::inclusive_scan(user_degree.begin(), user_degree.end(), edges_before.begin() + 1,
                      std::plus<>(), std::uint64_t{0});
  HALOREC_ASSERT_LIGHT(edges_before.back() == num_edges_);
  first_edge_.reserve(users_.size());
  for (const std::uint32_t u : users_) first_edge_.push_back(edges_before[u]);
  edges_before = {};

  // Rows: users' items, then items' users.
  const NeighbourLists blocks[] = {{of_users.begin, of_users.values, item_address_},
                                   {of_items.begin, of_items.values, user_address_}};
  interactions_ = make_adjacency(communicator, blocks);
  interaction_begin_ = std::move(of_users.begin);
  interaction_items_ = std::move(of_users.values);
}

void Shard::number_nodes(const Owners& owners) {
  std::vector<std::int32_t> next(static_cast<std::size_t>(owners.num_parts), 0);
  const auto number = [&](const std::vector<std::int32_t>& owner_of,
                          const std::vector<std::uint32_t>& place, std::vector<RowAddress>& address,
                          std::vector<std::uint32_t>& own) {
    address.resize(owner_of.size());
    for (const std::uint32_t k : nodes_by_place(place, owner_of.size())) {
      const std::int32_t owner = owner_of[k];
      address[k] = {owner, next[static_cast<std::size_t>(owner)]++};
      if (owner == communicator_->rank()) own.push_back(k);
    }
  };
  number(owners.user, owners.order.user, user_address_, users_);
  number(owners.item, owners.order.item, item_address_, items_);
}

GlobalId Shard::global_id(std::int64_t owned_row) const {
  if (owned_row < num_owned_users()) {
    return {NodeKind::user, users_[static_cast<std::size_t>(owned_row)]};
  }
  return {NodeKind::item, items_[static_cast<std::size_t>(owned_row - num_owned_users())]};
}

UserItems read_held_out(const Shard& shard, const DatasetFile& dataset, Split split) {
  std::vector<Pair> pairs;
  read_slices(shard.communicator(), dataset, split, [&](const Interactions& chunk) {
    const auto arrived =
        send_home(shard.communicator(), chunk,
                  [&](std::uint32_t u, std::uint32_t) { return shard.address_of_user(u).owner; });
    pairs.insert(pairs.end(), arrived.begin(), arrived.end());
  });
  Lists lists = group(
      pairs, shard.num_owned_users(),
      [&](const Pair& p) { return shard.address_of_user(p.user).row; },
      [](const Pair& p) { return p.item; });
  return {std::move(lists.begin), std::move(lists.values)};
}

}  // namespace halorec
