// The planted truth as a score: what no model can beat on average.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/dataset.hpp"

namespace halorec {

// log P(item | user) for a user of a community, under the planted truth (planted.hpp). Where tastes
// drift it is the mean probability over the shares [first, last] of the time span. Copies 8 bytes
// an item; -infinity where the probability is 0.
class TruthScore {
 public:
  explicit TruthScore(const Truth& truth, double first = 0, double last = 1);
  float operator()(std::uint32_t user_community, std::uint32_t item) const;

 private:
  double log_probability(std::uint32_t item, double affinity) const;

  std::vector<std::uint32_t> item_community_;
  std::vector<float> item_weight_;
  double mixing_;
  double total_weight_ = 0;
  std::vector<double> community_weight_;
  // By (item's community - user's) modulo their number: the share of the edges that tastes decide.
  std::vector<double> affinity_;
  std::vector<float> score_at_0_, score_at_1_;  // of each item, at these affinities
};

}  // namespace halorec
