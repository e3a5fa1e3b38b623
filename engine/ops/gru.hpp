// The gated recurrent unit (Cho et al., EMNLP 2014) on rows.
#pragma once

#include "engine/tape.hpp"

namespace halorec {

// With the columns of input and state [n x 3 dim] in three blocks r, z, n, those of what arrives
// and those of what was there, each transformed and biased already, and h = previous [n x dim]:
//   r = sigmoid(input_r + state_r)      z = sigmoid(input_z + state_z)
//   c = tanh(input_n + r state_n)       y = (1 - z) c + z h
// The reset gate acts after the transform of the state, as in torch.nn.GRUCell: one product of the
// state serves all three. Does not communicate.
template <typename T>
Variable<T>& gru_cell(Tape<T>& tape, Variable<T>& input, Variable<T>& state, Variable<T>& previous);

}  // namespace halorec
