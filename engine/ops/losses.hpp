// Ranking losses over a batch's rows. Each returns this rank's share of the global mean: losses
// of this rank's positives summed in double, divided by the global batch; summing over ranks is the
// caller's. Gradients are scaled alike. None communicates.
#pragma once

#include <cstdint>
#include <span>

#include "engine/tape.hpp"

namespace halorec {

// Bayesian personalised ranking (Rendle et al., UAI 2009): mean over positives of the mean over its
// m negatives of softplus(<u, n> - <u, p>).
// users, positives: [n x dim]; negatives: [n m x dim], those of positive k in rows [k m, (k+1) m).
template <typename T>
double bpr_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives, Variable<T>& negatives,
                std::int64_t global_batch);

// What the matrix products of scores and their gradients read: full numbers, or numbers rounded to
// bfloat16, for processors that multiply those faster. Sums are of full precision.
enum class ScoreFormat : std::uint8_t { full, bf16 };

struct SoftmaxOptions {
  double tau = 1, tau2 = 1;
  double gce = 0;  // q of generalised cross-entropy; 0: the loss as it stands
  ScoreFormat format = ScoreFormat::full;
};

// Sampled softmax with two temperatures (BSL: Wu et al., ICDE 2024; tau2 = 1 is the usual one):
//   l(u,p) = -s(u,p)/tau + tau2 log sum over pool j, item(j) not in left_out(u,p), of
//   exp(s(u,j)/tau)
// and, with q > 0, generalised cross-entropy (Zhang and Sabuncu, NeurIPS 2018) of what the positive
// gets against the pool and itself, P = 1 / (1 + exp(l)): (1 - P^q) / q, whose slope falls with how
// unlikely the positive is, so that what contradicts the rest counts less. Here s is the inner
// product of the given rows: pass normalised rows for cosine. Pool entries that are left out (the
// user's own items: accidental positives) do not count; others count as often as they were drawn. A
// positive whose whole pool is left out has the first term alone. users, positives: [n x dim];
// pool: [M x dim], the same on every rank. left_out [n]: item indices, ascending; pool_items [M]:
// item indices. Scores live in blocks of rows x M, one a thread. bf16, of float alone: users, pool,
// and in the gradients of both also the gradients of the scores, are rounded, so that these are s
// of rounded rows, and their gradients pass the rounding as they are. Scores of positives,
// exponentials and the sum below the log stay as they are.
template <typename T>
double softmax_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives, Variable<T>& pool,
                    std::span<const std::span<const std::uint32_t>> left_out,
                    std::span<const std::uint32_t> pool_items, const SoftmaxOptions& options,
                    std::int64_t global_batch);

// sum over k of factor[k]/2 |row k|^2. rows: [n x dim], owned; factors: [n].
template <typename T>
double l2_penalty(Tape<T>& tape, Variable<T>& rows, std::span<const T> factors);

}  // namespace halorec
