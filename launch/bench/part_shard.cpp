#include "launch/bench/part_shard.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halorec {

std::int64_t PartShard::num_peers() const {
  std::int64_t peers = 0;
  for (std::size_t r = 0; r + 1 < send_begin.size(); ++r) {
    if (send_begin[r] != send_begin[r + 1]) ++peers;
  }
  return peers;
}

PartShards::PartShards(const BipartiteGraph& graph, const Owners& owners)
    : graph_(&graph), owners_(&owners), item_begin_(std::size_t{graph.num_items} + 1, 0) {
  for (const std::uint32_t item : graph.items) ++item_begin_[item + 1];
  std::partial_sum(item_begin_.begin(), item_begin_.end(), item_begin_.begin());
  item_users_.resize(graph.items.size());
  auto next = item_begin_;
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
      item_users_[next[graph.items[e]]++] = u;
    }
  }
  // Rows as a shard numbers them: owned users, then owned items, by place.
  std::vector<std::int32_t> count(static_cast<std::size_t>(owners.num_parts), 0);
  const auto number = [&](const std::vector<std::int32_t>& owner,
                          const std::vector<std::uint32_t>& nodes, std::vector<std::int32_t>& row) {
    row.resize(owner.size());
    for (const std::uint32_t v : nodes) row[v] = count[static_cast<std::size_t>(owner[v])]++;
  };
  users_by_place_ = nodes_by_place(owners.order.user, owners.user.size());
  items_by_place_ = nodes_by_place(owners.order.item, owners.item.size());
  number(owners.user, users_by_place_, user_row_);
  number(owners.item, items_by_place_, item_row_);
}

std::vector<std::int64_t> PartShards::nonzeros() const {
  std::vector<std::int64_t> sums(static_cast<std::size_t>(num_parts()), 0);
  for (std::uint32_t u = 0; u < graph_->num_users(); ++u) {
    sums[static_cast<std::size_t>(owners_->user[u])] +=
        static_cast<std::int64_t>(graph_->user_begin[u + 1] - graph_->user_begin[u]);
  }
  for (std::uint32_t i = 0; i < graph_->num_items; ++i) {
    sums[static_cast<std::size_t>(owners_->item[i])] +=
        static_cast<std::int64_t>(item_begin_[i + 1] - item_begin_[i]);
  }
  return sums;
}

PartShard PartShards::make(std::int32_t part) const {
  PartShard shard;
  shard.part = part;
  const auto num_parts = static_cast<std::size_t>(owners_->num_parts);
  std::vector<std::vector<std::int32_t>> send(num_parts);
  std::vector<RowAddress> far;  // far ends of cross edges
  std::vector<std::int64_t> far_begin{0};
  std::vector<std::int32_t> readers;
  const auto append_row = [&](const std::uint32_t* first, const std::uint32_t* last,
                              const std::vector<std::int32_t>& owner,
                              const std::vector<std::int32_t>& row) {
    const auto own_row = static_cast<std::int32_t>(shard.local.num_rows());
    readers.clear();
    for (const std::uint32_t* end = first; end != last; ++end) {
      if (owner[*end] == part) {
        shard.local.column.push_back(row[*end]);
      } else {
        far.push_back({owner[*end], row[*end]});
        readers.push_back(owner[*end]);
      }
    }
    std::sort(shard.local.column.begin() + shard.local.row_begin.back(), shard.local.column.end());
    shard.local.row_begin.push_back(std::ssize(shard.local.column));
    far_begin.push_back(std::ssize(far));
    const auto degree = static_cast<double>(last - first);
    shard.scale.push_back(degree > 0 ? static_cast<float>(1 / std::sqrt(degree)) : 0.0F);
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (const auto reader : readers) send[static_cast<std::size_t>(reader)].push_back(own_row);
  };
  for (const std::uint32_t u : users_by_place_) {
    if (owners_->user[u] != part) continue;
    ++shard.num_owned_users;
    const std::uint64_t begin = graph_->user_begin[u], end = graph_->user_begin[u + 1];
    shard.interactions += static_cast<std::int64_t>(end - begin);
    append_row(graph_->items.data() + begin, graph_->items.data() + end, owners_->item, item_row_);
  }
  for (const std::uint32_t i : items_by_place_) {
    if (owners_->item[i] != part) continue;
    ++shard.num_owned_items;
    append_row(item_users_.data() + item_begin_[i], item_users_.data() + item_begin_[i + 1],
               owners_->user, user_row_);
  }

  std::vector<RowAddress> ghosts = far;
  std::sort(ghosts.begin(), ghosts.end());
  ghosts.erase(std::unique(ghosts.begin(), ghosts.end()), ghosts.end());
  for (std::size_t r = 0; r < num_parts; ++r) {
    const RowAddress next{static_cast<std::int32_t>(r) + 1, 0};
    shard.receive_begin.push_back(std::lower_bound(ghosts.begin(), ghosts.end(), next) -
                                  ghosts.begin());
    shard.send_rows.insert(shard.send_rows.end(), send[r].begin(), send[r].end());
    shard.send_begin.push_back(std::ssize(shard.send_rows));
  }
  for (std::size_t r = 0; r + 1 < far_begin.size(); ++r) {
    const auto first = std::ssize(shard.cross.column);
    for (auto e = static_cast<std::size_t>(far_begin[r]);
         e < static_cast<std::size_t>(far_begin[r + 1]); ++e) {
      const auto at = std::lower_bound(ghosts.begin(), ghosts.end(), far[e]);
      shard.cross.column.push_back(static_cast<std::int32_t>(at - ghosts.begin()));
    }
    std::sort(shard.cross.column.begin() + first, shard.cross.column.end());
    shard.cross.row_begin.push_back(std::ssize(shard.cross.column));
  }
  shard.cross_transposed = transpose(shard.cross, std::ssize(ghosts));
  return shard;
}

}  // namespace halorec
