// Losses of single scores: each interaction for itself, in contrast to the ranking losses
// (losses.hpp), whose conventions on shares and gradients hold here too. None communicates.
#pragma once

#include <cstdint>
#include <span>

#include "engine/tape.hpp"

namespace halorec {

// Binary cross-entropy of positives and of sampled negatives (He et al., NCF, WWW 2017, eq. 7):
// mean over positives of (softplus(-<u, p>) + sum over its m negatives of softplus(<u, n>)) /
// (1 + m).
// users, positives: [n x dim]; negatives: [n m x dim], those of positive k in rows [k m, (k+1) m).
template <typename T>
double logistic_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives,
                     Variable<T>& negatives, std::int64_t global_batch);

// Mean over positives of (target - <u, p>)^2. users, positives: [n x dim]; targets: [n].
template <typename T>
double rating_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives,
                   std::span<const double> targets, std::int64_t global_batch);

// The rows as they stand; what flows back into them is multiplied by `factor`: a term's weight.
template <typename T>
Variable<T>& weigh_gradient(Tape<T>& tape, Variable<T>& rows, T factor);

}  // namespace halorec
