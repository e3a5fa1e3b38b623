// Small data sets whose interactions differ in weight and time, for tests of what tells edges
// apart.
#pragma once

#include <cmath>

#include "tests/tiny_graph.hpp"

namespace halorec {

inline constexpr std::int64_t kFirstTime = 1'700'000'000;
inline constexpr std::int64_t kTimeSpan = 100 * 86400;

// Weights from 0.5 to 5 in halves, and times within the span, by pair. Pairs of training in which
// u + i is a multiple of 9 stand in validation too, later and with a weight of their own.
inline Dataset dated_dataset(std::uint32_t num_users, std::uint32_t num_items, double density,
                             std::uint64_t seed) {
  Dataset dataset = random_dataset(num_users, num_items, density, seed);
  Pairs validation;
  for (const Split split : {Split::train, Split::validation}) {
    const Interactions& part = dataset[split];
    for (std::size_t k = 0; k < part.user.size(); ++k) {
      const bool again = (part.user[k] + part.item[k]) % 9 == 0;
      if (split == Split::validation || again) validation.emplace_back(part.user[k], part.item[k]);
    }
  }
  std::sort(validation.begin(), validation.end());
  Interactions& later = dataset[Split::validation];
  later = {};
  for (const auto& [user, item] : validation) {
    later.user.push_back(user);
    later.item.push_back(item);
  }
  const Random random(seed, Purpose::test, 9);
  for (int s = 0; s < kNumSplits; ++s) {
    Interactions& part = dataset.splits[static_cast<std::size_t>(s)];
    part.weight.clear();
    for (std::size_t k = 0; k < part.user.size(); ++k) {
      const std::uint64_t key = std::uint64_t{part.user[k]} << 32 | part.item[k];
      const auto column = static_cast<std::uint32_t>(s);
      part.weight.push_back(0.5F * static_cast<float>(1 + random.below(10, key, column)));
      const double at = (s + random.uniform(key, column + 8)) / kNumSplits;
      part.time.push_back(kFirstTime + static_cast<std::int64_t>(at * kTimeSpan));
    }
  }
  return dataset;
}

}  // namespace halorec
