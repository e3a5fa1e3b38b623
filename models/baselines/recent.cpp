#include "models/baselines/recent.hpp"

#include <algorithm>

namespace halorec {

Recent::Recent(const InteractionFacts& facts, double half_life_seconds,
               std::optional<OwnRepeats> repeats)
    : Scorer(facts.shard()), popularity_(shard().num_items(), 0.0), repeats_(std::move(repeats)) {
  const auto counts = [&](std::int64_t time) {
    return decayed(static_cast<double>(facts.last_time() - time), half_life_seconds);
  };
  for (std::int64_t i = 0; i < shard().num_owned_items(); ++i) {
    double& sum = popularity_[shard().owned_items()[static_cast<std::size_t>(i)]];
    for (const std::int64_t time : facts.of_item(i).time) sum += counts(time);
  }
  shard().communicator().sum(std::span<double>(popularity_));  // all but the owner's are zero
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
