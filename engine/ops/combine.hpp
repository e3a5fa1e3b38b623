// One matrix of several of equal numbers of rows: a model's layers, put together. None
// communicates.
#pragma once

#include <vector>

#include "engine/tape.hpp"

namespace halorec {

// [n x sum of cols]: the parts side by side.
template <typename T>
Variable<T>& concatenate_columns(Tape<T>& tape, const std::vector<Variable<T>*>& parts);

// Their mean. Parts have one shape.
template <typename T>
Variable<T>& mean_of(Tape<T>& tape, const std::vector<Variable<T>*>& parts);

// Each node weighs its own layers: y_n = sum over k of a_nk x_nk with a_n = softmax over k of
// <q, x_nk>. Parts have one shape [n x dim]; q: [1 x dim], whose gradient is this rank's share.
template <typename T>
Variable<T>& attend_parts(Tape<T>& tape, const std::vector<Variable<T>*>& parts, Variable<T>& q);

// Of x [1 x n]: exp(x_k) over their sum.
template <typename T>
Variable<T>& softmax(Tape<T>& tape, Variable<T>& x);

}  // namespace halorec
