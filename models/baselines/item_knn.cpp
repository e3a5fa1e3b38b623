#include "models/baselines/item_knn.hpp"

#include <omp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace halorec {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

// The training items of the users that this rank sees as ghosts, by ghost number (none for ghosts
// that are items). The owners know from the halo's plan who needs which list. Collective.
struct GhostLists {
  std::vector<std::int64_t> begin{0};
  std::vector<std::uint32_t> items;
};

GhostLists fetch_ghost_lists(const Shard& shard) {
  Communicator& communicator = shard.communicator();
  const HaloPlan& halo = shard.halo();
  std::vector<std::int64_t> num_lists, num_items;
  std::vector<std::uint32_t> lengths, items;
  for (std::size_t r = 0; r < static_cast<std::size_t>(communicator.size()); ++r) {
    const std::size_t items_before = items.size();
    for (std::int64_t s = halo.send_begin()[r]; s < halo.send_begin()[r + 1]; ++s) {
      const std::int32_t row = halo.send_rows()[static_cast<std::size_t>(s)];
      if (row >= shard.num_owned_users()) {
        lengths.push_back(0);
        continue;
      }
      const auto list = shard.items_of(row);
      lengths.push_back(static_cast<std::uint32_t>(list.size()));
      items.insert(items.end(), list.begin(), list.end());
    }
    num_lists.push_back(halo.send_begin()[r + 1] - halo.send_begin()[r]);
    num_items.push_back(static_cast<std::int64_t>(items.size() - items_before));
  }
  GhostLists lists;
  for (const std::uint32_t length : communicator.all_to_all<std::uint32_t>(lengths, num_lists)) {
    lists.begin.push_back(lists.begin.back() + length);
  }
  lists.items = communicator.all_to_all<std::uint32_t>(items, num_items);
  HALOREC_ASSERT_LIGHT(std::ssize(lists.begin) == shard.num_ghosts() + 1);
  HALOREC_ASSERT_LIGHT(lists.begin.back() == std::ssize(lists.items));
  return lists;
}

}  // namespace

ItemKnn::ItemKnn(const Shard& shard, const DatasetFile& dataset, std::int64_t num_neighbours,
                 double shrinkage)
    : Scorer(shard),
      num_neighbours_(std::clamp<std::int64_t>(shard.num_items(), 1, num_neighbours)),
      slot_of_item_(shard.num_items(), 0) {
  std::vector<std::uint64_t> id_hash;
  shard.communicator().together([&] { id_hash = dataset.read_item_id_hashes(); });
  length_.assign(static_cast<std::size_t>(shard.num_owned_items()), 0);
  neighbours_.resize(static_cast<std::size_t>(shard.num_owned_items() * num_neighbours_));
  find_neighbours(id_hash, shrinkage);
}

void ItemKnn::find_neighbours(const std::vector<std::uint64_t>& id_hash, double shrinkage) {
  const GhostLists ghosts = fetch_ghost_lists(shard());
  // Working space of each thread: common users with every item (all zero between items), and the
  // items met.
  const auto num_threads = static_cast<std::size_t>(omp_get_max_threads());
  std::vector<std::vector<std::uint32_t>> counts(num_threads), met(num_threads);
  std::vector<std::vector<RankedItem>> found(num_threads);
  for (std::size_t t = 0; t < num_threads; ++t) {
    counts[t].assign(shard().num_items(), 0);
    met[t].reserve(shard().num_items());
    found[t].reserve(shard().num_items());
  }
  const auto before = [&](const RankedItem& a, const RankedItem& b) {
    if (a.score != b.score) return a.score > b.score;
    if (id_hash[a.item] != id_hash[b.item]) return id_hash[a.item] < id_hash[b.item];
    return a.item < b.item;
  };

#pragma omp parallel for schedule(dynamic, 16)
  for (std::int64_t i = 0; i < shard().num_owned_items(); ++i) {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    std::uint32_t* const count = counts[thread].data();
    std::vector<std::uint32_t>& touched = met[thread];
    std::vector<RankedItem>& candidates = found[thread];
    touched.clear();
    candidates.clear();
    const std::uint32_t self = shard().owned_items()[static_cast<std::size_t>(i)];
    const auto add = [&](std::span<const std::uint32_t> list) {
      for (const std::uint32_t other : list) {
        if (other == self) continue;
        if (count[other]++ == 0) touched.push_back(other);
      }
    };
    const auto row = static_cast<std::size_t>(shard().num_owned_users() + i);
    const Csr& local = shard().local();
    for (std::int64_t e = local.row_begin[row]; e < local.row_begin[row + 1]; ++e) {
      add(shard().items_of(local.column[static_cast<std::size_t>(e)]));
    }
    const Csr& cross = shard().cross();
    for (std::int64_t e = cross.row_begin[row]; e < cross.row_begin[row + 1]; ++e) {
      const auto ghost = static_cast<std::size_t>(cross.column[static_cast<std::size_t>(e)]);
      add({ghosts.items.data() + ghosts.begin[ghost],
           static_cast<std::size_t>(ghosts.begin[ghost + 1] - ghosts.begin[ghost])});
    }
    const double degree = shard().item_degree(self);
    for (const std::uint32_t other : touched) {
      const double cosine =
          count[other] / (std::sqrt(degree * shard().item_degree(other)) + shrinkage);
      candidates.push_back({other, static_cast<float>(cosine)});
      count[other] = 0;
    }
    const std::int64_t kept = std::min(num_neighbours_, std::ssize(candidates));
    std::partial_sort(candidates.begin(), candidates.begin() + kept, candidates.end(), before);
    std::copy(candidates.begin(), candidates.begin() + kept,
              neighbours_.begin() + i * num_neighbours_);
    length_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(kept);
  }
}

void ItemKnn::pack_items(std::span<const std::int32_t> owned, float* out) const {
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

void ItemKnn::take_items(const ItemBlock& block) {
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

void ItemKnn::score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
                    float*, float* scores) const {
  std::fill(scores, scores + std::ssize(people) * count, 0.0f);
  for (const std::int32_t person : people) {
    for (const std::uint32_t item : history_of(person)) {
      const std::uint32_t slot = slot_of_item_[item];
      if (slot == 0) continue;
      const Entry* const end = entries_.data() + slot_begin_[slot];
      const Entry* entry =
          std::lower_bound(entries_.data() + slot_begin_[slot - 1], end, first,
                           [](const Entry& e, std::int64_t number) { return e.item < number; });
      for (; entry != end && entry->item < first + count; ++entry) {
        scores[entry->item - first] += entry->similarity;
      }
    }
    scores += count;
  }
}

std::optional<std::vector<RankedItem>> ItemKnn::similar_items(const Catalogue&, std::uint32_t item,
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
