#include "models/baselines/neighbour_scorer.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace halorec {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

}  // namespace

NeighbourScorer::NeighbourScorer(const Shard& shard, const DatasetFile& dataset,
                                 std::int64_t num_neighbours)
    : LikenessScorer(shard),
      num_neighbours_(std::clamp<std::int64_t>(shard.num_items(), 1, num_neighbours)),
      slot_of_item_(shard.num_items(), 0) {
  shard.communicator().together([&] { id_hash_ = dataset.read_item_id_hashes(); });
  length_.assign(static_cast<std::size_t>(shard.num_owned_items()), 0);
  neighbours_.resize(static_cast<std::size_t>(shard.num_owned_items() * num_neighbours_));
}

void NeighbourScorer::keep_nearest(std::int64_t i, std::vector<RankedItem>& candidates) {
  const std::int64_t kept = std::min(num_neighbours_, std::ssize(candidates));
  std::partial_sort(candidates.begin(), candidates.begin() + kept, candidates.end(),
                    [this](const RankedItem& a, const RankedItem& b) { return before(a, b); });
  std::copy(candidates.begin(), candidates.begin() + kept,
            neighbours_.begin() + i * num_neighbours_);
  length_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(kept);
}

void NeighbourScorer::scale_to(double cold, double warm) {
  for (std::size_t i = 0; i < length_.size(); ++i) {
    const double weight = shard().item_degree(shard().owned_items()[i]) > 0 ? warm : cold;
    RankedItem* const list = neighbours_.data() + static_cast<std::int64_t>(i) * num_neighbours_;
    double sum = 0;
    for (std::int32_t n = 0; n < length_[i]; ++n) sum += static_cast<double>(list[n].score);
    if (sum == 0 || weight == 0)
      length_[i] = 0;  // a high power leaves nothing of weak similarities
    for (std::int32_t n = 0; n < length_[i]; ++n) {
      list[n].score = static_cast<float>(weight * list[n].score / sum);
    }
  }
}

void NeighbourScorer::pack_items(std::span<const std::int32_t> owned, float* out) const {
  for (const std::int32_t i : owned) {
    const RankedItem* list = neighbours_.data() + i * num_neighbours_;
    const std::int32_t length = length_[static_cast<std::size_t>(i)];
    for (std::int64_t n = 0; n < num_neighbours_; ++n) {
      out[n] = std::bit_cast<float>(n < length ? list[n].item : kNone);
      out[num_neighbours_ + n] = n < length ? list[n].score : 0.0f;
    }
    out += item_width();
  }
}

void NeighbourScorer::take_items(const ItemBlock& block) {
  Scorer::take_items(block);
  for (const std::uint32_t item : slots_taken_) slot_of_item_[item] = 0;
  slots_taken_.clear();
  slot_begin_.assign(1, 0);
  const auto for_each = [&](const auto& use) {
    for (std::int64_t i = 0; i < block.rows.rows; ++i) {
      const float* row = block.rows.row(i);
      for (std::int64_t n = 0; n < num_neighbours_; ++n) {
        const auto neighbour = std::bit_cast<std::uint32_t>(row[n]);
        if (neighbour == kNone) break;
        use(neighbour, Entry{static_cast<std::int32_t>(i), row[num_neighbours_ + n]});
      }
    }
  };
  for_each([&](std::uint32_t neighbour, const Entry&) {
    std::uint32_t& slot = slot_of_item_[neighbour];
    if (slot == 0) {
      slots_taken_.push_back(neighbour);
      slot_begin_.push_back(0);
      slot = static_cast<std::uint32_t>(slots_taken_.size());
    }
    ++slot_begin_[slot];
  });
  std::partial_sum(slot_begin_.begin(), slot_begin_.end(), slot_begin_.begin());
  entries_.resize(slot_begin_.back());
  std::vector<std::size_t> next(slot_begin_.begin(), slot_begin_.end() - 1);
  for_each([&](std::uint32_t neighbour, const Entry& entry) {
    entries_[next[slot_of_item_[neighbour] - 1]++] = entry;
  });
}

void NeighbourScorer::add_scores(std::span<const std::int32_t> people,
                                 std::span<const float> weights, std::int64_t first,
                                 std::int64_t count, float*, float* scores) const {
  for (std::size_t p = 0; p < people.size(); ++p) {
    for (const std::uint32_t item : history_of(people[p])) {
      const std::uint32_t slot = slot_of_item_[item];
      if (slot == 0) continue;
      const Entry* const end = entries_.data() + slot_begin_[slot];
      const Entry* entry =
          std::lower_bound(entries_.data() + slot_begin_[slot - 1], end, first,
                           [](const Entry& e, std::int64_t number) { return e.item < number; });
      for (; entry != end && entry->item < first + count; ++entry) {
        scores[entry->item - first] += weights[p] * entry->similarity;
      }
    }
    scores += count;
  }
}

std::optional<std::vector<RankedItem>> NeighbourScorer::similar_items(const Catalogue&,
                                                                      std::uint32_t item,
                                                                      std::int64_t k) const {
  Communicator& communicator = shard().communicator();
  const RowAddress address = shard().address_of_item(item);
  std::vector<std::uint32_t> items;
  std::vector<float> similarities;
  if (address.owner == communicator.rank()) {
    const std::int64_t row = address.row - shard().num_owned_users();
    const std::int64_t length = std::min<std::int64_t>(k, length_[static_cast<std::size_t>(row)]);
    for (std::int64_t n = 0; n < length; ++n) {
      const RankedItem& entry = neighbours_[static_cast<std::size_t>(row * num_neighbours_ + n)];
      items.push_back(entry.item);
      similarities.push_back(entry.score);
    }
  }
  communicator.broadcast(items, address.owner);
  communicator.broadcast(similarities, address.owner);
  std::vector<RankedItem> similar;
  for (std::size_t n = 0; n < items.size(); ++n) similar.push_back({items[n], similarities[n]});
  return similar;
}

}  // namespace halorec
