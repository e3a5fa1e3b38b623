// bfloat16, the upper half of a float: 8 bits of exponent as a float has, 8 of mantissa. Rows that
// a sparse product reads may be stored so: half the bytes, and bytes are what bounds it.
#pragma once

#include <bit>
#include <cstdint>

namespace halorec::kernels {

struct Bf16 {
  std::uint16_t bits;
};

inline float to_float(Bf16 number) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(number.bits) << 16);
}

// to[r * cols + c] = scale[r] * x[r * stride + c], first rounded to float, then to the nearest
// bfloat16, ties to even: what a rank that sends these rows rounds them to, too. A NaN stays one.
void store_rows(std::int64_t rows, std::int64_t cols, const float* scale, const float* x,
                std::int64_t stride, Bf16* to);

}  // namespace halorec::kernels
