// Dense transforms of rows by replicated matrices.
#pragma once

#include <vector>

#include "engine/tape.hpp"

namespace halorec {

// One term of a linear map: x [n x in] times weight [in x out].
template <typename T>
struct LinearTerm {
  Variable<T>& x;
  Variable<T>& weight;
};

// y [n x out] = sum over terms of x W, plus bias [1 x out] in every row if given. Gradients of
// weights and bias are this rank's share: summing over ranks is the optimizer's allreduce. Does not
// communicate.
template <typename T>
Variable<T>& linear(Tape<T>& tape, const std::vector<LinearTerm<T>>& terms,
                    Variable<T>* bias = nullptr);

}  // namespace halorec
