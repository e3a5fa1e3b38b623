#include "engine/catalogue.hpp"

#include <numeric>

namespace halorec {

Catalogue::Catalogue(const Shard& shard, const DatasetFile& dataset, Candidates candidates) {
  const auto is_candidate = [&](std::uint32_t item) {
    return is_among(candidates, shard.item_degree(item) > 0);
  };
  Communicator& communicator = shard.communicator();
  communicator.together([&] { id_hash_ = dataset.read_item_id_hashes(); });
  HALOREC_ASSERT_LIGHT(id_hash_.size() == shard.num_items());
  begin_.assign(static_cast<std::size_t>(communicator.size()) + 1, 0);
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) {
    if (!is_candidate(i)) continue;
    ++begin_[static_cast<std::size_t>(shard.address_of_item(i).owner) + 1];
  }
  std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
  items_.resize(begin_.back());
  auto next = begin_;
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) {
    if (!is_candidate(i)) continue;
    items_[next[static_cast<std::size_t>(shard.address_of_item(i).owner)]++] = i;
  }
}

template <typename Keep>
void Catalogue::filter(const Keep& keep) {
  std::size_t kept = 0, first = 0;
  for (std::size_t r = 0; r + 1 < begin_.size(); ++r) {
    const std::size_t last = begin_[r + 1];
    for (std::size_t c = first; c < last; ++c) {
      if (keep(items_[c])) items_[kept++] = items_[c];
    }
    first = last;
    begin_[r + 1] = kept;
  }
  items_.resize(kept);
}

void Catalogue::keep_only(std::span<const std::uint32_t> items) {
  std::vector<bool> listed(id_hash_.size(), false);
  for (const std::uint32_t item : items) listed[item] = true;
  filter([&](std::uint32_t item) { return listed[item]; });
}

void Catalogue::remove(std::span<const std::uint32_t> items) {
  std::vector<bool> listed(id_hash_.size(), false);
  for (const std::uint32_t item : items) listed[item] = true;
  filter([&](std::uint32_t item) { return !listed[item]; });
}

std::optional<Catalogue> Catalogue::known_to(const Scorer& scorer) const {
  if (!scorer.serves_cold_items()) return std::nullopt;
  const std::vector<std::uint32_t> unknown = scorer.unknown_items();
  if (unknown.empty()) return std::nullopt;
  Catalogue known = *this;
  known.remove(unknown);
  return known;
}

Catalogue Catalogue::narrowed(const Shard& shard, Candidates candidates) const {
  Catalogue some = *this;
  some.cold_places_ = {};
  some.filter(
      [&](std::uint32_t item) { return is_among(candidates, shard.item_degree(item) > 0); });
  return some;
}

}  // namespace halorec
