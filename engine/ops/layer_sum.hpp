// LightGCN's whole layer sum as one operator: sum over k = 0..L of w_k A^k E (He et al., LightGCN,
// SIGIR 2020, eq. 7-8), at the rows that are asked for. Nothing but E stays on the tape.
#pragma once

#include <span>

#include "engine/column_propagation.hpp"
#include "engine/propagation.hpp"
#include "engine/tape.hpp"

namespace halorec {

// embeddings [num_owned x dim], owned rows; weights [1 x (L+1)], replicated, a leaf with or without
// gradient; rows: owned rows, ascending and distinct, kept by reference until the step ends.
// Returns [rows.size() x dim]. Collective, forward and backward.
//
// Forward in Horner form: H <- w_L E, then L times H <- w_k E + A H, the last time only at `rows`.
// Backward the same polynomial of the result's gradient G, nonzero at `rows` alone, so that the
// first of the L products reads few rows. Where the weights want a gradient, the powers A^k G are
// formed one by one instead: dw_k = <A^k G, E> then costs a dot product. The gradient of `weights`
// is this rank's share: summing over ranks is the optimizer's allreduce.
template <typename T>
Variable<T>& layer_sum(Tape<T>& tape, Propagation<T>& propagation, Variable<T>& embeddings,
                       Variable<T>& weights, std::span<const std::int32_t> rows);

// The same, with columns instead of rows spread over the ranks while the layers run.
template <typename T>
Variable<T>& layer_sum(Tape<T>& tape, ColumnPropagation<T>& columns, Variable<T>& embeddings,
                       Variable<T>& weights, std::span<const std::int32_t> rows);

}  // namespace halorec
