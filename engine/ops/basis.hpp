// Transforms that share bases (R-GCN: Schlichtkrull et al., ESWC 2018, eq. 3): many relations, few
// numbers to learn.
#pragma once

#include "engine/tape.hpp"

namespace halorec {

// W [in x out] = sum over b of coefficients(row, b) V_b. bases: V_0, V_1 ... one below the other,
// [B in x out]; coefficients: [relations x B]. Both replicated, gradients are this rank's share.
// Does not communicate.
template <typename T>
Variable<T>& mix_bases(Tape<T>& tape, Variable<T>& bases, Variable<T>& coefficients,
                       std::int64_t row);

}  // namespace halorec
