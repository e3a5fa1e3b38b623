// What a training step does to rows between layers (engine/row_perturbation.hpp), as an operator.
#pragma once

#include "engine/row_perturbation.hpp"
#include "engine/tape.hpp"

namespace halorec {

// R_k x + noise, k = layer: the result of layer k with messages dropped and noise added as the step
// says; of layer 0, the rows before the first, no message is dropped. x: [rows x dim], owned rows
// as `which` numbers them. x itself where nothing changes. Does not communicate.
template <typename T>
Variable<T>& perturb_layer(Tape<T>& tape, const RowPerturbation& perturbation, std::int64_t layer,
                           Variable<T>& x, RowPerturbation::Rows which = {});

}  // namespace halorec
