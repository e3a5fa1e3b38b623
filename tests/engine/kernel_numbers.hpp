// What tests of kernels share: random numbers.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "comm/random.hpp"
#include "tests/every_target.hpp"

namespace halorec {

template <typename T>
constexpr long double kUlp = std::numeric_limits<T>::epsilon();

template <typename T>
std::vector<T> numbers(std::int64_t n, std::uint64_t key, double scale = 1) {
  const Random random(11, Purpose::test, key);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (std::size_t k = 0; k < values.size(); ++k) {
    values[k] = static_cast<T>(scale * random.normal(k));
  }
  return values;
}

}  // namespace halorec
