// A row order that no clustering would find: what a shard may not depend on.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/random.hpp"

namespace halorec {

// Places 0 .. n - 1 in an order of their own.
inline std::vector<std::uint32_t> shuffled_places(std::uint64_t size, std::uint64_t seed) {
  const Permutation permutation(size, seed, Purpose::test, 0);
  std::vector<std::uint32_t> places;
  for (std::uint64_t k = 0; k < size; ++k) {
    places.push_back(static_cast<std::uint32_t>(permutation(k)));
  }
  return places;
}

}  // namespace halorec
