// The Euclidean length of a row, summed in double.
#pragma once

#include <cmath>
#include <cstdint>

namespace halorec {

inline double row_length(const float* row, std::int64_t cols) {
  double squares = 0;
  for (std::int64_t c = 0; c < cols; ++c) squares += static_cast<double>(row[c]) * row[c];
  return std::sqrt(squares);
}

}  // namespace halorec
