// LightGCN's whole layer sum as one operator: sum over k = 0..L of w_k A^k E (He et al., LightGCN,
// SIGIR 2020, eq. 7-8). Nothing but E stays on the tape.
#pragma once

#include "engine/propagation.hpp"
#include "engine/tape.hpp"

namespace halorec {

// embeddings [num_owned x dim], owned rows; weights [1 x (L+1)], replicated, a leaf with or without
// gradient. Returns [num_owned x dim], owned rows. Collective, forward and backward.
//
// Forward in Horner form: H <- w_L E, then L times H <- w_k E + A H. Backward the powers one by
// one: B <- A^T B, so that dE = sum w_k B_k, and dw_k = <B_k, E> comes for the price of a dot
// product. The gradient of `weights` is this rank's share: summing over ranks is the optimizer's
// allreduce.
template <typename T>
Variable<T>& layer_sum(Tape<T>& tape, Propagation<T>& propagation, Variable<T>& embeddings,
                       Variable<T>& weights);

}  // namespace halorec
