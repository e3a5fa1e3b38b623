#include "launch/bench/part_shard.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halorec {

std::int64_t PartShard::num_ghosts() const {
  return std::accumulate(receive_counts.begin(), receive_counts.end(), std::int64_t{0});
}

std::int64_t PartShard::num_peers() const {
  return std::count_if(send_counts.begin(), send_counts.end(), [](auto n) { return n > 0; });
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
  // Rows as a shard numbers them: owned users, then owned items, by ascending index.
  std::vector<std::int32_t> count(static_cast<std::size_t>(owners.num_parts), 0);
  const auto number = [&](const std::vector<std::int32_t>& owner, std::vector<std::int32_t>& row) {
    row.resize(owner.size());
    for (std::size_t k = 0; k < owner.size(); ++k) {
      row[k] = count[static_cast<std::size_t>(owner[k])]++;
    }
  };
  number(owners.user, user_row_);
  number(owners.item, item_row_);
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
  const auto num_parts = static_cast<std::size_t>(owners_->num_parts);
  std::vector<RowAddress> ghosts;
  std::vector<std::vector<std::int32_t>> send(num_parts);
  std::vector<std::pair<RowAddress, float>> far;  // cross edges, by their ghosts' addresses
  std::vector<std::int64_t> far_begin{0};
  std::vector<std::size_t> readers;

  const auto append_row = [&](auto first, auto last, const std::vector<std::int32_t>& owner,
                              const std::vector<std::int32_t>& row, const auto& degree_of) {
    const auto degree = static_cast<double>(last - first);
    const auto own_row = static_cast<std::int32_t>(shard.local.num_rows());
    readers.clear();
    for (auto end = first; end != last; ++end) {
      const auto weight = static_cast<float>(1.0 / std::sqrt(degree * degree_of(*end)));
      const RowAddress address{owner[*end], row[*end]};
      if (address.owner == part) {
        shard.local.column.push_back(address.row);
        shard.local.weight.push_back(weight);
      } else {
        far.emplace_back(address, weight);
        ghosts.push_back(address);
        readers.push_back(static_cast<std::size_t>(address.owner));
      }
    }
    shard.local.row_begin.push_back(std::ssize(shard.local.column));
    far_begin.push_back(std::ssize(far));
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (const std::size_t reader : readers) send[reader].push_back(own_row);
  };
  const auto item_degree = [&](std::uint32_t i) {
    return static_cast<double>(item_begin_[i + 1] - item_begin_[i]);
  };
  const auto user_degree = [&](std::uint32_t u) {
    return static_cast<double>(graph_->user_begin[u + 1] - graph_->user_begin[u]);
  };
  for (std::uint32_t u = 0; u < graph_->num_users(); ++u) {
    if (owners_->user[u] != part) continue;
    ++shard.num_owned_users;
    shard.interactions +=
        static_cast<std::int64_t>(graph_->user_begin[u + 1] - graph_->user_begin[u]);
    append_row(graph_->items.data() + graph_->user_begin[u],
               graph_->items.data() + graph_->user_begin[u + 1], owners_->item, item_row_,
               item_degree);
  }
  for (std::uint32_t i = 0; i < graph_->num_items; ++i) {
    if (owners_->item[i] != part) continue;
    ++shard.num_owned_items;
    append_row(item_users_.data() + item_begin_[i], item_users_.data() + item_begin_[i + 1],
               owners_->user, user_row_, user_degree);
  }

  std::sort(ghosts.begin(), ghosts.end());
  ghosts.erase(std::unique(ghosts.begin(), ghosts.end()), ghosts.end());
  shard.receive_counts.assign(num_parts, 0);
  for (const RowAddress& g : ghosts) ++shard.receive_counts[static_cast<std::size_t>(g.owner)];
  std::vector<std::pair<std::int32_t, float>> row;
  for (std::size_t r = 0; r + 1 < far_begin.size(); ++r) {
    row.clear();
    for (auto e = static_cast<std::size_t>(far_begin[r]);
         e < static_cast<std::size_t>(far_begin[r + 1]); ++e) {
      const auto at = std::lower_bound(ghosts.begin(), ghosts.end(), far[e].first);
      row.emplace_back(static_cast<std::int32_t>(at - ghosts.begin()), far[e].second);
    }
    std::sort(row.begin(), row.end());
    for (const auto& [column, weight] : row) {
      shard.cross.column.push_back(column);
      shard.cross.weight.push_back(weight);
    }
    shard.cross.row_begin.push_back(std::ssize(shard.cross.column));
  }
  for (const auto& rows : send) {
    shard.send_counts.push_back(std::ssize(rows));
    shard.send_rows.insert(shard.send_rows.end(), rows.begin(), rows.end());
  }
  return shard;
}

}  // namespace halorec
