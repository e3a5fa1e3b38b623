#include "partition/interaction_facts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "partition/home_edges.hpp"

namespace halorec {

InteractionFacts::InteractionFacts(const Shard& shard, const DatasetFile& dataset,
                                   TrainingPart part)
    : shard_(&shard), has_times_(dataset.has_times()) {
  take_users(dataset, part);
  send_to_items();
  find_ranges();
}

InteractionFacts::Row InteractionFacts::row_of(const Table& table, std::int64_t row) {
  const auto first = static_cast<std::size_t>(table.begin[static_cast<std::size_t>(row)]);
  const auto count =
      static_cast<std::size_t>(table.begin[static_cast<std::size_t>(row) + 1]) - first;
  return {std::span(table.far_end).subspan(first, count),
          std::span(table.weight).subspan(first, count),
          std::span(table.time).subspan(first, count)};
}

void InteractionFacts::take_users(const DatasetFile& dataset, TrainingPart part) {
  Communicator& communicator = shard_->communicator();
  for (std::int64_t row = 0; row < shard_->num_owned_users(); ++row) {
    const auto items = shard_->items_of(row);
    users_.far_end.insert(users_.far_end.end(), items.begin(), items.end());
    users_.begin.push_back(std::ssize(users_.far_end));
  }
  std::vector<double> sums(users_.far_end.size(), 0.0);
  users_.time.assign(users_.far_end.size(),
                     has_times_ ? std::numeric_limits<std::int64_t>::min() : 0);
  const auto add = [&](const Interactions& chunk) {
    const WeighedPairs arrived = send_home_weighed(
        communicator, chunk, has_times_,
        [&](std::uint32_t u, std::uint32_t) { return shard_->address_of_user(u).owner; });
    for (std::size_t k = 0; k < arrived.pairs.size(); ++k) {
      const auto [user, item] = arrived.pairs[k];
      const auto row = static_cast<std::size_t>(shard_->address_of_user(user).row);
      const auto first = users_.far_end.begin() + users_.begin[row];
      const auto last = users_.far_end.begin() + users_.begin[row + 1];
      const auto at = std::lower_bound(first, last, item);
      HALOREC_ASSERT_LIGHT(at != last && *at == item);
      const auto place = static_cast<std::size_t>(at - users_.far_end.begin());
      sums[place] += static_cast<double>(arrived.weight[k]);
      if (has_times_) users_.time[place] = std::max(users_.time[place], arrived.time[k]);
    }
  };
  constexpr bool kAllColumns = true;
  for (int s = 0; s < (part == TrainingPart::train ? 1 : 2); ++s) {
    read_slices(communicator, dataset, static_cast<Split>(s), add, kAllColumns);
  }
  users_.weight.assign(sums.begin(), sums.end());
}

// Users' owners tell items' owners, so that both ends have the same numbers.
void InteractionFacts::send_to_items() {
  Interactions mine;
  mine.item = users_.far_end;
  mine.weight = users_.weight;
  mine.time = users_.time;
  for (std::int64_t row = 0; row < shard_->num_owned_users(); ++row) {
    mine.user.insert(mine.user.end(), shard_->items_of(row).size(),
                     shard_->owned_users()[static_cast<std::size_t>(row)]);
  }
  const WeighedPairs arrived = send_home_weighed(
      shard_->communicator(), mine, has_times_,
      [&](std::uint32_t, std::uint32_t i) { return shard_->address_of_item(i).owner; });
  std::vector<std::size_t> order(arrived.pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto place = [&](std::size_t k) {
    const Pair& pair = arrived.pairs[k];
    return std::pair(shard_->address_of_item(pair.item).row, pair.user);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return place(a) < place(b); });
  items_.begin.assign(static_cast<std::size_t>(shard_->num_owned_items()) + 1, 0);
  for (const std::size_t k : order) {
    ++items_.begin[static_cast<std::size_t>(place(k).first - shard_->num_owned_users()) + 1];
    items_.far_end.push_back(arrived.pairs[k].user);
    items_.weight.push_back(arrived.weight[k]);
    items_.time.push_back(has_times_ ? arrived.time[k] : 0);
  }
  std::partial_sum(items_.begin.begin(), items_.begin.end(), items_.begin.begin());
}

void InteractionFacts::find_ranges() {
  Communicator& communicator = shard_->communicator();
  smallest_weight_ = std::numeric_limits<float>::max();
  largest_weight_ = std::numeric_limits<float>::lowest();
  for (const float weight : users_.weight) {
    smallest_weight_ = std::min(smallest_weight_, weight);
    largest_weight_ = std::max(largest_weight_, weight);
    num_without_weight_ += weight > 0 ? 0 : 1;
  }
  smallest_weight_ = communicator.min(smallest_weight_);
  largest_weight_ = communicator.max(largest_weight_);
  num_without_weight_ = communicator.sum(num_without_weight_);
  if (!has_times_) return;
  first_time_ = std::numeric_limits<std::int64_t>::max();
  last_time_ = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t time : users_.time) {
    first_time_ = std::min(first_time_, time);
    last_time_ = std::max(last_time_, time);
  }
  first_time_ = communicator.min(first_time_);
  last_time_ = communicator.max(last_time_);
}

Adjacency InteractionFacts::adjacency(const Weigh& weigh) const {
  const auto weighed = [&](const Table& table, std::int64_t num_rows) {
    Table kept;
    for (std::int64_t row = 0; row < num_rows; ++row) {
      const Row all = row_of(table, row);
      for (std::size_t e = 0; e < all.far_end.size(); ++e) {
        const float weight = weigh(all.weight[e], all.time[e]);
        if (weight == 0) continue;
        kept.far_end.push_back(all.far_end[e]);
        kept.weight.push_back(weight);
      }
      kept.begin.push_back(std::ssize(kept.far_end));
    }
    return kept;
  };
  const Table users = weighed(users_, shard_->num_owned_users());
  const Table items = weighed(items_, shard_->num_owned_items());
  const NeighbourLists blocks[] = {
      {users.begin, users.far_end, shard_->item_addresses(), users.weight},
      {items.begin, items.far_end, shard_->user_addresses(), items.weight}};
  return make_adjacency(shard_->communicator(), blocks);
}

double decayed(double age_seconds, double half_life_seconds) {
  constexpr double kMostHalfLives = 40;
  return std::exp2(-std::min(kMostHalfLives, age_seconds / half_life_seconds));
}

std::vector<double> decayed_popularity(const InteractionFacts& facts, double half_life_seconds) {
  const Shard& shard = facts.shard();
  std::vector<double> popularity(shard.num_items(), 0.0);
  for (std::int64_t i = 0; i < shard.num_owned_items(); ++i) {
    double& sum = popularity[shard.owned_items()[static_cast<std::size_t>(i)]];
    for (const std::int64_t time : facts.of_item(i).time) {
      sum += decayed(static_cast<double>(facts.last_time() - time), half_life_seconds);
    }
  }
  shard.communicator().sum(std::span<double>(popularity));  // all but the owner's are zero
  return popularity;
}

Adjacency weighted_adjacency(const InteractionFacts& facts, WeightRule rule,
                             double half_life_seconds) {
  const std::int64_t last = facts.last_time();
  return facts.adjacency([=](float weight, std::int64_t time) {
    double w = 1;
    if (rule == WeightRule::rating) w = static_cast<double>(weight);
    if (rule == WeightRule::log1p) w = std::log1p(static_cast<double>(weight));
    return static_cast<float>(w * decayed(static_cast<double>(last - time), half_life_seconds));
  });
}

std::vector<Adjacency> time_slices(const InteractionFacts& facts, std::int64_t num_slices) {
  const std::int64_t first = facts.first_time();
  const std::int64_t span = std::max<std::int64_t>(1, facts.last_time() - first);
  std::vector<Adjacency> slices;
  for (std::int64_t s = 0; s < num_slices; ++s) {
    slices.push_back(facts.adjacency([=](float, std::int64_t time) {
      // The last slice has the last second too.
      const std::int64_t slice = std::min(num_slices - 1, (time - first) * num_slices / span);
      return slice == s ? 1.0F : 0.0F;
    }));
  }
  return slices;
}

}  // namespace halorec
