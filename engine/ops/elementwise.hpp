// Operators that treat every number alike. Arguments and result have one shape; none communicates.
#pragma once

#include "engine/tape.hpp"

namespace halorec {

// x + y.
template <typename T>
Variable<T>& add(Tape<T>& tape, Variable<T>& x, Variable<T>& y);
// a x.
template <typename T>
Variable<T>& scale(Tape<T>& tape, T a, Variable<T>& x);
// x times y, number by number.
template <typename T>
Variable<T>& hadamard(Tape<T>& tape, Variable<T>& x, Variable<T>& y);

enum class Activation : std::uint8_t { relu, leaky_relu, elu, sigmoid, tanh };
// relu: max(x, 0); leaky_relu: max(x, x / 5); elu: x above zero, else exp(x) - 1 (Clevert et al.,
// ICLR 2016). Where a slope jumps, zero counts as below.
template <typename T>
Variable<T>& activate(Tape<T>& tape, Activation activation, Variable<T>& x);

}  // namespace halorec
