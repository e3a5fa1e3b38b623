// Dense loops on one thread, compiled for several SIMD targets by Highway, and the matrix product
// by OpenBLAS. All arrays are dense; T: float, double.
#pragma once

#include <cstdint>

namespace halorec::kernels {

// y += a x.
template <typename T>
void add_scaled(std::int64_t n, T a, const T* x, T* y);

// y = a x; y may be x.
template <typename T>
void scale_into(std::int64_t n, T a, const T* x, T* y);

// Replaces scores[0..n) by exp(scale * (score - largest score)) and returns their sum in double;
// *largest receives the largest score. n > 0. Relative error of an exponential < 4 ulp.
template <typename T>
double exponentials(std::int64_t n, T scale, T* scores, T* largest);

// The first index in [0, n) whose score is not below the threshold (so that a NaN cannot go
// unseen); n if there is none.
template <typename T>
std::int64_t first_not_below(std::int64_t n, T threshold, const T* scores);

// Adam (Kingma and Ba, ICLR 2015), dense: every element moves at every step.
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  x -= rate m / (sqrt(v) / root + epsilon)
// with rate = learning rate / (1 - b1^t) and root = sqrt(1 - b2^t), computed by the caller.
template <typename T>
void adam(std::int64_t n, T rate, T root, T b1, T b2, T epsilon, const T* gradient, T* m, T* v,
          T* x);

// C [rows x cols] = alpha op(A) op(B) + beta C, row-major, on the calling thread alone (OpenBLAS is
// held to one thread; parallelism is the caller's OpenMP). `transposed` takes the stored matrix as
// its transpose.
template <typename T>
void matrix_product(bool a_transposed, bool b_transposed, std::int64_t rows, std::int64_t cols,
                    std::int64_t inner, T alpha, const T* a, std::int64_t a_stride, const T* b,
                    std::int64_t b_stride, T beta, T* c, std::int64_t c_stride);

}  // namespace halorec::kernels
