#include "engine/kernels/bf16.hpp"

#include <cstddef>

#include "comm/wire_format.hpp"

namespace halorec::kernels {

void store_rows(std::int64_t rows, std::int64_t cols, const float* scale, const float* x,
                std::int64_t stride, Bf16* to) {
  for (std::int64_t r = 0; r < rows; ++r) {
    pack_row<float>(WireFormat::bf16, 0, x + r * stride, scale[r], cols,
                    reinterpret_cast<std::byte*>(to + r * cols));
  }
}

}  // namespace halorec::kernels
