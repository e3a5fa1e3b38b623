// Which kernels OpenBLAS multiplies with. It knows processors by name: OpenBLAS 0.3.21 takes those
// that are newer than itself for ones with SSE3, and multiplies at a quarter of their rate.
#pragma once

#include <optional>
#include <string>

namespace halorec::kernels {

// As OpenBLAS names them: Haswell, SkylakeX, ...
std::string blas_core();

// The value of OPENBLAS_CORETYPE that gives kernels for what this processor has, where those that
// were chosen are older than it; nothing where they are not, or where the variable is set.
// OpenBLAS reads the variable when it is loaded.
std::optional<std::string> better_blas_core();

}  // namespace halorec::kernels
