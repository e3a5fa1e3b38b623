// The product of two matrices stored as bfloat16, on the matrix units that some processors have for
// it (AVX512-BF16, AMX) through oneDNN. Where there are none, oneDNN multiplies no bfloat16 either:
// the same numbers are then multiplied as floats by OpenBLAS. A product of two bfloat16 is exact in
// a float, so that the two ways differ in the order of their sums alone.
#pragma once

#include <cstdint>

#include "engine/kernels/bf16.hpp"

namespace halorec::kernels {

// Whether this machine's processor has the units (and DNNL_MAX_CPU_ISA, which oneDNN reads, does
// not hide them).
bool has_bf16_units();

// C [rows x cols] = op(A) op(B), or C += op(A) op(B) where `adds`; op(A) is [rows x inner], all
// three are row-major and dense, sums are floats. `transposed` takes the stored matrix as its
// transpose. Runs on the calling thread alone, which is one of a team's or the only one: oneDNN
// brings the OpenMP runtime that is ours, and starts no threads within a parallel region.
void bf16_product(bool a_transposed, bool b_transposed, bool adds, std::int64_t rows,
                  std::int64_t cols, std::int64_t inner, const Bf16* a, const Bf16* b, float* c);

}  // namespace halorec::kernels
