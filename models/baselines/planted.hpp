// The generator's own probabilities (partition/synthetic/truth_score.hpp): the ceiling over every
// figure on generated data. Knows each item's community and weight on every rank, 12 bytes an item.
#pragma once

#include "engine/scorer.hpp"
#include "partition/synthetic/truth_score.hpp"

namespace halorec {

class Planted final : public Scorer {
 public:
  // Where tastes drift, the mean over the shares [first, last] of the time span counts.
  Planted(const Shard& shard, const Truth& truth, double first = 0, double last = 1);

  // log P(item | user).
  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count, float*,
             float* scores) const override;
  bool serves_cold(std::int64_t /*person*/) const override { return true; }

 private:
  // Usage Error: a guest has no community.
  void fold_in_guests() override;

  std::vector<std::uint32_t> user_community_;  // of owned users
  TruthScore truth_;
};

}  // namespace halorec
