// Inner products of people and items that do not depend on where either stands. OpenBLAS sums
// differently at the edges of a matrix, so that equal rows get scores that differ in their last
// bit, and lists with ties would depend on how many ranks and threads share the work.
#pragma once

#include <cstdint>

namespace halorec::kernels {

// So many numbers behind the last of B may be read, and count for nothing.
inline constexpr std::int64_t kReadBehind = 64;

// to [cols x stride] = the transpose of `from` [rows x cols], of which rows lie from_stride apart;
// rows <= stride.
void transpose(std::int64_t rows, std::int64_t cols, const float* from, std::int64_t from_stride,
               float* to, std::int64_t stride);

// out [rows x count] = A B, dense, with A [rows x inner] dense and B [inner x count], of which rows
// lie `stride` apart; each number is summed from the first to the last of `inner` by fused
// multiplications and additions where the processor has them. On the calling thread alone.
void ordered_products(std::int64_t rows, std::int64_t count, std::int64_t inner, const float* a,
                      const float* b, std::int64_t stride, float* out);

}  // namespace halorec::kernels
