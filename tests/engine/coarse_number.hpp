// Scores that any order of additions gives exactly.
#pragma once

#include "comm/random.hpp"
#include "partition/types.hpp"

namespace halorec {

// Small whole numbers: products are exact in any order, and ties abound.
inline float coarse_number(GlobalId id, std::int64_t column) {
  const Random random(3, Purpose::test, 7);
  return static_cast<float>(random.below(5, id.bits(), static_cast<std::uint32_t>(column))) - 2;
}

}  // namespace halorec
