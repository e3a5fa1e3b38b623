// Chance: a score that is a function of (seed, user, item), so that lists are the same on any
// number of ranks. The floor under every figure.
#pragma once

#include "engine/scorer.hpp"

namespace halorec {

class RandomScorer final : public Scorer {
 public:
  RandomScorer(const Shard& shard, std::uint64_t seed);

  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count, float*,
             float* scores) const override;
  bool serves_cold(std::int64_t /*person*/) const override { return true; }

 private:
  // A guest is keyed by its place among the guests, behind all users.
  void fold_in_guests() override;

  std::uint64_t seed_;
  std::vector<std::uint64_t> person_key_;  // [owned users + guests]
  std::vector<std::uint64_t> item_key_;    // [items of the whole graph]
};

}  // namespace halorec
