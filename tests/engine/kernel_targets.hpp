// What tests of kernels share: random numbers, and a run on every SIMD target of this machine.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "comm/random.hpp"
#include "engine/kernels/spmm.hpp"

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

// Runs `check` once for each target, with the kernels dispatched to it.
template <typename Check>
void on_every_target(const Check& check) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(kernels::simd_target());
    ASSERT_EQ(kernels::simd_target(), hwy::TargetName(target));
    check();
    if (testing::Test::HasFatalFailure()) break;
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace halorec
