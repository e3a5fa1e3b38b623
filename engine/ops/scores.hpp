// What losses over pairs of rows share: the score of a pair in double, and sums of shares in order.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace halorec {

// <x, y> of rows of n numbers.
template <typename T>
double inner(const T* x, const T* y, std::int64_t n) {
  double sum = 0;
  for (std::int64_t c = 0; c < n; ++c) sum += static_cast<double>(x[c]) * static_cast<double>(y[c]);
  return sum;
}

// log(1 + exp(x)) without overflow.
inline double softplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

inline double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace halorec
