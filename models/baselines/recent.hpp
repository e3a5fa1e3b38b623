// Recency times popularity: an item's score is its training interactions, each counting half as
// much with every half-life that it is older than the newest one,
//   p_i = sum over u of 2^-((T - t_ui) / h),   score(u, i) = p_i / max p + r 2^-((T - t_ui) / h)
// where the second term is of items that the user has taken before. r = 0 gives everyone one list;
// a large r puts a user's own items first, the newest at the top, which is hard to beat where
// repeats count as hits. What a model that knows of time has to beat.
#pragma once

#include <optional>
#include <vector>

#include "engine/scorer.hpp"
#include "models/own_repeats.hpp"
#include "partition/interaction_facts.hpp"

namespace halorec {

class Recent final : public Scorer {
 public:
  // Of facts with times; repeats: the second term, if there is one. Collective.
  Recent(const InteractionFacts& facts, double half_life_seconds,
         std::optional<OwnRepeats> repeats);

  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count, float*,
             float* scores) const override;
  bool serves_cold(std::int64_t /*person*/) const override { return true; }

 private:
  void fold_in_guests() override {}

  std::vector<double> popularity_;  // [items of the whole graph], 1 the largest
  std::optional<OwnRepeats> repeats_;
};

}  // namespace halorec
