// Whole-matrix loops over all threads, row by row: the same bits for any thread count where rows
// are independent, and for equal thread counts where they are summed.
#pragma once

#include <span>

#include "engine/kernels/bf16.hpp"
#include "engine/matrix.hpp"

namespace halorec {

// y = a x.
template <typename T>
void scale_into(T a, MatrixView<const T> x, MatrixView<T> y);
// y += a x.
template <typename T>
void add_scaled(T a, MatrixView<const T> x, MatrixView<T> y);
// Row k of y = (or, with `adds`, +=) factor[at(k)] times row k of x; at(k) = rows[k], or k if there
// are none. x and y may be the same.
template <typename T>
void scale_rows(std::span<const T> factor, const std::int32_t* rows, MatrixView<const T> x,
                bool adds, MatrixView<T> y);
// The front of stored, [x.rows x x.cols] and dense, = each row of x times its scale, rounded
// (kernels::store_rows).
void store_rows(std::span<const float> scale, MatrixView<const float> x,
                LargeVector<kernels::Bf16>& stored);
// Sum of products of this rank's rows, in double; blocks of rows are summed in fixed order.
template <typename T>
double dot(MatrixView<const T> x, MatrixView<const T> y);

}  // namespace halorec
