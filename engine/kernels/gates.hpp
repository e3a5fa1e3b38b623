// Gates of recurrent cells on one thread: sigmoids and hyperbolic tangents, compiled for several
// SIMD targets by Highway. T: float, double.
#pragma once

#include <cstdint>

namespace halorec::kernels {

// One row of ops/gru.hpp: gates [3 dim] = r, z, c; y [dim] = (1 - z) c + z h. input, state: [3
// dim]; h: [dim].
template <typename T>
void gru_forward(std::int64_t dim, const T* input, const T* state, const T* h, T* gates, T* y);

}  // namespace halorec::kernels
