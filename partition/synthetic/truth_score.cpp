#include "partition/synthetic/truth_score.hpp"

#include <algorithm>
#include <cmath>

namespace halorec {
namespace {

// The integral of max(0, 1 - |x|) from -1 to x.
double hat_integral(double x) {
  if (x <= -1) return 0;
  if (x >= 1) return 1;
  return x < 0 ? (1 + x) * (1 + x) / 2 : 1 - (1 - x) * (1 - x) / 2;
}

// Tastes that have moved by m lie on community floor(m) with 1 - frac(m) and on the next with
// frac(m): a hat around m. Its mean over m in [from, to], by whole steps.
std::vector<double> affinities(std::size_t communities, double from, double to) {
  std::vector<double> affinity(communities, 0);
  for (std::uint64_t step = 0; static_cast<double>(step) <= to + 1; ++step) {
    const double at = static_cast<double>(step);
    const double share = to > from ? (hat_integral(to - at) - hat_integral(from - at)) / (to - from)
                                   : std::max(0.0, 1 - std::abs(to - at));
    affinity[step % communities] += share;
  }
  return affinity;
}

}  // namespace

TruthScore::TruthScore(const Truth& truth, double first, double last)
    : item_community_(truth.item_community),
      item_weight_(truth.item_weight),
      mixing_(truth.mixing) {
  for (std::size_t i = 0; i < item_weight_.size(); ++i) {
    const std::uint32_t community = item_community_[i];
    if (community >= community_weight_.size()) {
      community_weight_.resize(community + std::size_t{1}, 0.0);
    }
    community_weight_[community] += static_cast<double>(item_weight_[i]);
    total_weight_ += static_cast<double>(item_weight_[i]);
  }
  // Users of communities whose items all went unseen are still drifting through them.
  std::size_t communities = std::max<std::size_t>(1, community_weight_.size());
  for (const std::uint32_t c : truth.user_community) {
    communities = std::max(communities, c + std::size_t{1});
  }
  affinity_ = affinities(communities, truth.drift * first, truth.drift * last);
  for (std::uint32_t i = 0; i < item_weight_.size(); ++i) {
    score_at_0_.push_back(static_cast<float>(log_probability(i, 0)));
    score_at_1_.push_back(static_cast<float>(log_probability(i, 1)));
  }
}

double TruthScore::log_probability(std::uint32_t item, double affinity) const {
  const double weight = item_weight_[item];
  const double outside = mixing_ * weight / total_weight_;
  const double inside = (1 - mixing_) * weight / community_weight_[item_community_[item]];
  return std::log(outside + affinity * inside);
}

float TruthScore::operator()(std::uint32_t user_community, std::uint32_t item) const {
  const std::uint32_t community = item_community_[item];
  const double affinity =
      affinity_[community >= user_community ? community - user_community
                                            : community + affinity_.size() - user_community];
  if (affinity == 0) return score_at_0_[item];
  if (affinity == 1) return score_at_1_[item];
  return static_cast<float>(log_probability(item, affinity));
}

}  // namespace halorec
