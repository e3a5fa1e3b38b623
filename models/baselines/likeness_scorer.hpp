// Ranking by what items are like each other. A trained model adds it to its own scores where its
// rows know little (models/blended_scorer.hpp).
#pragma once

#include <algorithm>

#include "engine/scorer.hpp"

namespace halorec {

class LikenessScorer : public Scorer {
 public:
  using Scorer::Scorer;

  // From now on scores lie between 0 and `cold` for items without training interactions, between 0
  // and `warm` for the others. Once only. Not collective.
  virtual void scale_to(double cold, double warm) = 0;
  // Adds each person's scores times their weight. scratch: of scratch_size, past the first
  // people.size() floats, which the caller may use. As score() otherwise.
  virtual void add_scores(std::span<const std::int32_t> people, std::span<const float> weights,
                          std::int64_t first, std::int64_t count, float* scratch,
                          float* scores) const = 0;

  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
             float* scratch, float* scores) const final {
    std::fill(scores, scores + std::ssize(people) * count, 0.0F);
    std::fill_n(scratch, people.size(), 1.0F);
    add_scores(people, {scratch, people.size()}, first, count, scratch + people.size(), scores);
  }
};

}  // namespace halorec
