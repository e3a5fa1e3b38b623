// Sparse times dense on one thread: the innermost loop of message passing. Compiled for several
// SIMD targets by Highway; the best one that the machine has is chosen when first called.
#pragma once

#include <cstdint>
#include <string>

namespace halorec::kernels {

// For rows r of [first_row, last_row): y[r] (+)= sum over e in row r of weight[e] * x[column[e]].
// Rows of x and y hold `cols` numbers, `x_stride` and `y_stride` apart. With `accumulate` the sum
// is added to y, otherwise y is overwritten. The order of the sum is the order of the edges.
template <typename T>
void spmm_rows(const std::int64_t* row_begin, const std::int32_t* column, const float* weight,
               std::int64_t first_row, std::int64_t last_row, const T* x, std::int64_t x_stride,
               T* y, std::int64_t y_stride, std::int64_t cols, bool accumulate);

// Name of the SIMD target in use ("AVX2", "AVX3" ...), for logs.
std::string simd_target();

}  // namespace halorec::kernels
