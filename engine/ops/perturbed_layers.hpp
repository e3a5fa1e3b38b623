// LightGCN's layers one by one, for steps that change the rows in between, where the layer sum's
// Horner form (layer_sum.hpp) does not hold.
#pragma once

#include <span>
#include <vector>

#include "engine/propagation.hpp"
#include "engine/row_perturbation.hpp"
#include "engine/tape.hpp"

namespace halorec {

// H_0 = E + noise, H_k = R_k A C H_(k-1) + noise for k = 1 .. num_layers, where C drops nodes and
// R_k messages, at the rows that are asked for: num_layers + 1 results of [rows.size() x dim].
// embeddings [num_owned x dim], owned rows; rows: owned rows, ascending and distinct, kept by
// reference until the step ends, as is the propagation with the edges that it has now. Whole layers
// do not stay on the tape, those rows do. Collective, forward and backward.
template <typename T>
std::vector<Variable<T>*> perturbed_layers(Tape<T>& tape, Propagation<T>& propagation,
                                           const RowPerturbation& perturbation,
                                           Variable<T>& embeddings, std::int64_t num_layers,
                                           std::span<const std::int32_t> rows);

// sum over k of weights[k] layers[k]. layers: matrices of one shape, as many as weights [1 x .] has
// columns. The gradient of `weights` is this rank's share.
template <typename T>
Variable<T>& combine_layers(Tape<T>& tape, const std::vector<Variable<T>*>& layers,
                            Variable<T>& weights);

}  // namespace halorec
