#include "models/baselines/recent.hpp"

#include <algorithm>

namespace halorec {

Recent::Recent(const InteractionFacts& facts, double half_life_seconds,
               std::optional<OwnRepeats> repeats)
    : Scorer(facts.shard()),
      popularity_(decayed_popularity(facts, half_life_seconds)),
      repeats_(std::move(repeats)) {
  const double largest = *std::max_element(popularity_.begin(), popularity_.end());
  for (double& popularity : popularity_) popularity /= largest;
}

void Recent::score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
                   float*, float* scores) const {
  const auto items =
      block().items.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  for (const std::int32_t person : people) {
    for (std::size_t k = 0; k < items.size(); ++k) {
      scores[k] = static_cast<float>(popularity_[items[k]]);
    }
    if (repeats_) repeats_->add_scores(*this, person, items, 1, scores);
    scores += count;
  }
}

}  // namespace halorec
