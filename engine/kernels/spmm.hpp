// Sparse times dense on one thread: the innermost loop of message passing. Compiled for several
// SIMD targets by Highway; the best one that the machine has is chosen when first called.
//
// Edges need carry no weight: the entry of (r, c) is row_scale[r] * column_scale[c], which is all
// that a symmetrically normalised adjacency of equal edges needs and saves a third of its memory.
// The factor of a column is fetched beside its row, the factor of a row multiplies the finished
// sum. Where edges differ, each has a value besides, in the order of the columns.
#pragma once

#include <cstdint>
#include <string>

#include "engine/kernels/bf16.hpp"

namespace halorec::kernels {

// For k of [first, last) and r = rows == nullptr ? k : rows[k]:
//   y[at] = start + factor * row_scale[r] * sum over e in row r, c = column[e], of
//                  value[e] * column_scale[c] * x[x_row == nullptr ? c : x_row[c]]
// where at is k, or r with `y_by_row`, and start is y[at] itself with `accumulate`; else
// base_factor * base[b] with b = base_row == nullptr ? r : base_row[r] when base is given and b >=
// 0; else zero. A column whose x_row is negative counts as zero, and is skipped. The order of the
// sum is the order of the edges. T: float, double.
inline constexpr std::int64_t kKeptPadding = 1;      // one entry more than is kept is written
inline constexpr std::int64_t kKeptEdges = 1 << 10;  // edges are looked up so many at a time

template <typename T>
struct Spmm {
  const std::int64_t* row_begin = nullptr;
  const std::int32_t* column = nullptr;
  const float* value = nullptr;        // of each edge; nullptr: ones
  const std::int32_t* rows = nullptr;  // nullptr: all
  const T* row_scale = nullptr;        // nullptr: ones
  const T* column_scale = nullptr;     // nullptr: ones; never together with x_row
  const T* x = nullptr;
  // In place of x, and expanded as they are read; sums are of T all the same. Float alone, and
  // without column_scale, which such rows hold already.
  const Bf16* stored_x = nullptr;
  std::int64_t x_stride = 0;  // of either
  const std::int32_t* x_row = nullptr;
  // With rows or x_row: room for kKeptEdges, as many as the longest row has, and kKeptPadding.
  std::int32_t* kept = nullptr;
  float* kept_value = nullptr;  // the same for values, where there are any
  T factor = T{1};
  const T* base = nullptr;
  std::int64_t base_stride = 0;
  const std::int32_t* base_row = nullptr;
  T base_factor = T{0};
  bool accumulate = false;
  bool y_by_row = false;
  T* y = nullptr;
  std::int64_t y_stride = 0;
  std::int64_t cols = 0;
};

template <typename T>
void spmm_rows(const Spmm<T>& product, std::int64_t first, std::int64_t last);

// Name of the SIMD target in use ("AVX2", "AVX3" ...), for logs.
std::string simd_target();

}  // namespace halorec::kernels
