#include "models/baselines/planted.hpp"

#include <algorithm>
#include <cmath>

namespace halorec {
namespace {

// Where no edge leaves its community, the items outside have probability 0: last, but finite.
const float kLowest = static_cast<float>(std::log(1e-300));

}  // namespace

Planted::Planted(const Shard& shard, const Truth& truth, double first, double last)
    : Scorer(shard), truth_(truth, first, last) {
  for (const std::uint32_t user : shard.owned_users()) {
    user_community_.push_back(truth.user_community[user]);
  }
}

void Planted::score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
                    float*, float* scores) const {
  const auto items =
      block().items.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  for (const std::int32_t person : people) {
    const std::uint32_t community = user_community_[static_cast<std::size_t>(person)];
    for (const std::uint32_t item : items) {
      *scores++ = std::max(truth_(community, item), kLowest);
    }
  }
}

void Planted::fold_in_guests() {
  if (num_guests() == 0) return;
  throw Error(
      "the planted truth knows the users of its data set alone; a history can be given to "
      "trained models, itemknn, popular and random",
      kExitUsage, true);
}

}  // namespace halorec
