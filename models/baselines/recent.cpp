#include "models/baselines/recent.hpp"

#include <algorithm>

namespace halorec {

Recent::Recent(const InteractionFacts& facts, double half_life_seconds, double own_repeats)
    : Scorer(facts.shard()), own_repeats_(own_repeats), popularity_(shard().num_items(), 0.0) {
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
  if (own_repeats_ == 0) return;
  for (std::int64_t row = 0; row < shard().num_owned_users(); ++row) {
    for (const std::int64_t time : facts.of_user(row).time) {
      own_.push_back(static_cast<float>(counts(time)));
    }
    begin_.push_back(std::ssize(own_));
  }
}

void Recent::score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
                   float*, float* scores) const {
  const auto items =
      block().items.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  for (const std::int32_t person : people) {
    for (std::size_t k = 0; k < items.size(); ++k) {
      scores[k] = static_cast<float>(popularity_[items[k]]);
    }
    const auto history = history_of(person);
    auto at = items.begin();
    for (std::size_t e = 0; own_repeats_ > 0 && e < history.size(); ++e) {
      at = std::lower_bound(at, items.end(), history[e]);
      if (at == items.end() || *at != history[e]) continue;
      const bool is_guest = person >= shard().num_owned_users();
      const auto begin = is_guest ? 0 : begin_[static_cast<std::size_t>(person)];
      const double own =
          is_guest ? 1.0 : static_cast<double>(own_[static_cast<std::size_t>(begin) + e]);
      scores[at - items.begin()] = static_cast<float>(popularity_[history[e]] + own_repeats_ * own);
    }
    scores += count;
  }
}

}  // namespace halorec
