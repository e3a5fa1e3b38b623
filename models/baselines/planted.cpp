#include "models/baselines/planted.hpp"

#include <algorithm>
#include <cmath>

namespace halorec {
namespace {

// Where no edge leaves its community, the items outside have probability 0: last, but finite.
constexpr double kSmallest = 1e-300;

}  // namespace

Planted::Planted(const Shard& shard, const Truth& truth)
    : Scorer(shard), item_community_(truth.item_community) {
  for (const std::uint32_t user : shard.owned_users()) {
    user_community_.push_back(truth.user_community[user]);
  }
  double total = 0;
  std::vector<double> of_community;
  for (std::size_t i = 0; i < item_community_.size(); ++i) {
    const std::uint32_t community = item_community_[i];
    if (community >= of_community.size()) of_community.resize(community + std::size_t{1}, 0.0);
    of_community[community] += static_cast<double>(truth.item_weight[i]);
    total += static_cast<double>(truth.item_weight[i]);
  }
  for (std::size_t i = 0; i < item_community_.size(); ++i) {
    const double weight = truth.item_weight[i];
    const double outside = truth.mixing * weight / total;
    const double inside = outside + (1 - truth.mixing) * weight / of_community[item_community_[i]];
    score_outside_.push_back(static_cast<float>(std::log(std::max(outside, kSmallest))));
    score_inside_.push_back(static_cast<float>(std::log(std::max(inside, kSmallest))));
  }
}

void Planted::score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
                    float*, float* scores) const {
  const auto items =
      block().items.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  for (const std::int32_t person : people) {
    const std::uint32_t community = user_community_[static_cast<std::size_t>(person)];
    for (const std::uint32_t item : items) {
      *scores++ = item_community_[item] == community ? score_inside_[item] : score_outside_[item];
    }
  }
}

void Planted::fold_in_guests() {
  if (num_guests() == 0) return;
  throw Error(
      "the planted truth knows the users of its data set alone; a history can be given to "
      "lightgcn, mf, itemknn, popular and random",
      kExitUsage, true);
}

}  // namespace halorec
