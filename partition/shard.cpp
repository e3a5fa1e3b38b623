#include "partition/shard.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "partition/home_edges.hpp"

namespace halorec {

Csr transpose(const Csr& matrix, std::int64_t num_columns) {
  Csr result;
  result.row_begin.assign(static_cast<std::size_t>(num_columns) + 1, 0);
  for (const std::int32_t column : matrix.column) {
    ++result.row_begin[static_cast<std::size_t>(column) + 1];
  }
  std::partial_sum(result.row_begin.begin(), result.row_begin.end(), result.row_begin.begin());
  result.column.resize(matrix.column.size());
  std::vector<std::int64_t> next(result.row_begin.begin(), result.row_begin.end() - 1);
  for (std::int64_t row = 0; row < matrix.num_rows(); ++row) {
    for (std::int64_t e = matrix.row_begin[static_cast<std::size_t>(row)];
         e < matrix.row_begin[static_cast<std::size_t>(row) + 1]; ++e) {
      const auto column = static_cast<std::size_t>(matrix.column[static_cast<std::size_t>(e)]);
      const auto slot = static_cast<std::size_t>(next[column]++);
      result.column[slot] = static_cast<std::int32_t>(row);
    }
  }
  return result;
}

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

  // Ghosts: every foreign end, ordered by (owner, row).
  std::vector<RowAddress> ghosts;
  std::vector<std::int32_t> user_ghost(num_users(), -1), item_ghost(num_items(), -1);
  const auto find_ghosts = [&](const std::vector<std::uint32_t>& ends,
                               const std::vector<RowAddress>& address,
                               std::vector<std::int32_t>& ghost_of) {
    for (const std::uint32_t end : ends) {
      if (address[end].owner == communicator.rank() || ghost_of[end] == 0) continue;
      ghost_of[end] = 0;
      ghosts.push_back(address[end]);
    }
  };
  find_ghosts(of_users.values, item_address_, item_ghost);
  find_ghosts(of_items.values, user_address_, user_ghost);
  std::sort(ghosts.begin(), ghosts.end());
  const auto number_ghosts = [&](const std::vector<RowAddress>& address,
                                 std::vector<std::int32_t>& ghost_of) {
    for (std::size_t k = 0; k < ghost_of.size(); ++k) {
      if (ghost_of[k] != 0) continue;
      ghost_of[k] = static_cast<std::int32_t>(
          std::lower_bound(ghosts.begin(), ghosts.end(), address[k]) - ghosts.begin());
    }
  };
  number_ghosts(user_address_, user_ghost);
  number_ghosts(item_address_, item_ghost);

  // Rows: users' items, then items' users.
  const auto append_rows = [&](const Lists& lists, std::span<const std::uint32_t> own_nodes,
                               const std::vector<std::uint32_t>& own_degree,
                               const std::vector<RowAddress>& far_address,
                               const std::vector<std::int32_t>& far_ghost) {
    for (std::size_t r = 0; r < own_nodes.size(); ++r) {
      const std::uint32_t degree = own_degree[own_nodes[r]];
      scale_.push_back(degree == 0 ? 0.0 : 1.0 / std::sqrt(static_cast<double>(degree)));
      for (std::int64_t e = lists.begin[r]; e < lists.begin[r + 1]; ++e) {
        const std::uint32_t end = lists.values[static_cast<std::size_t>(e)];
        if (far_address[end].owner == communicator.rank()) {
          local_.column.push_back(far_address[end].row);
        } else {
          cross_.column.push_back(far_ghost[end]);
        }
      }
      std::sort(local_.column.begin() + local_.row_begin.back(), local_.column.end());
      std::sort(cross_.column.begin() + cross_.row_begin.back(), cross_.column.end());
      local_.row_begin.push_back(std::ssize(local_.column));
      cross_.row_begin.push_back(std::ssize(cross_.column));
    }
  };
  append_rows(of_users, users_, user_degree, item_address_, item_ghost);
  append_rows(of_items, items_, item_degree_, user_address_, user_ghost);
  cross_transposed_ = transpose(cross_, std::ssize(ghosts));

  std::vector<std::int32_t> ghost_owner, ghost_row;
  for (const RowAddress& ghost : ghosts) {
    ghost_owner.push_back(ghost.owner);
    ghost_row.push_back(ghost.row);
  }
  halo_ = std::make_unique<HaloPlan>(communicator, num_owned(), ghost_owner, ghost_row);
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

HeldOut read_held_out(const Shard& shard, const DatasetFile& dataset, Split split) {
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
