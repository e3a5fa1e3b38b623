#include "engine/scorer.hpp"

#include <algorithm>

namespace halorec {

void Scorer::pack_items(std::span<const std::int32_t>, float*) const {}

std::int64_t Scorer::scratch_size(std::int64_t) const {
  return 0;
}

void Scorer::set_guests(std::vector<std::vector<std::uint32_t>> histories) {
  for (auto& history : histories) {
    std::sort(history.begin(), history.end());
    history.erase(std::unique(history.begin(), history.end()), history.end());
    HALOREC_ASSERT_LIGHT(history.empty() || history.back() < shard_->num_items());
  }
  guests_ = std::move(histories);
  fold_in_guests();
}

std::optional<std::vector<RankedItem>> Scorer::similar_items(const Catalogue&, std::uint32_t,
                                                             std::int64_t) const {
  return std::nullopt;
}

}  // namespace halorec
