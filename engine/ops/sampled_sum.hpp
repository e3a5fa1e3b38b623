// Weighted sums over the neighbours that a sampled step drew, in place of all.
#pragma once

#include "comm/halo.hpp"
#include "engine/neighbour_sampler.hpp"
#include "engine/tape.hpp"

namespace halorec {

// The weight of an edge from j to i, of value v: v / sqrt(D_i D_j), v / D_i, or v, with D the sums
// of a node's values. Where edges are equal, v is 1 and D the degree.
enum class Normalisation : std::uint8_t { symmetric, mean, sum };

// y_i = sum over the s_i neighbours j drawn of w'_ij x_j, zero without neighbours. Each stands for
// d_i / s_i of the d_i neighbours,
//   w'_ij = (d_i / s_i) w_ij:  (d_i / s_i) v_ij / sqrt(D_i D_j),  (d_i / s_i) v_ij / D_i,
//   or (d_i / s_i) v_ij,
// so that the mean over draws is the sum over all: every neighbour is drawn with probability
// s_i / d_i, whatever its edge weighs. x: [block.rows() x dim]; result: [block.targets() x dim].
// `exchange` serves any plan; it and the block outlive the step. Collective, forward and backward.
template <typename T>
Variable<T>& sampled_sum(Tape<T>& tape, SampledBlock& block, HaloExchange<T>& exchange,
                         Normalisation weights, Variable<T>& x);

}  // namespace halorec
