// How sure one can be that one system's mean is above another's: both have served the same users,
// and users are drawn again with replacement, many times, both figures of a user together (the
// paired bootstrap over queries: Sakai, Evaluating evaluation metrics based on the bootstrap, SIGIR
// 2006). Draws are functions of (seed, resample, place): the same on any number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halorec {

// Below so many users a comparison of two systems shows little: an interval over a few hundred
// users is about as wide as the differences that are claimed.
inline constexpr std::uint64_t kFewestUsers = 300;

struct Interval {
  double low = 0, high = 0;
};

// Of one figure. Intervals hold 95 % of the resamples, 2.5 % of which lie below and above.
struct PairedDifference {
  double first = 0, second = 0;  // means
  double difference = 0;         // first - second
  Interval interval;
  double relative = 0;  // first / second - 1; NaN where the second is 0, and so is its interval
  Interval relative_interval;
};

// first, second: [users x num_figures], row-major, rows of the same users; at least one. Uses
// OpenMP; memory for 2 x kNumResamples x num_figures sums.
inline constexpr std::int64_t kNumResamples = 2000;
std::vector<PairedDifference> compare_paired(std::span<const double> first,
                                             std::span<const double> second,
                                             std::size_t num_figures, std::uint64_t seed);

}  // namespace halorec
