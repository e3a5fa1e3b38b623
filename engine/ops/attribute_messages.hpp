// Messages between nodes and the values of their attributes (partition/attribute_relation.hpp). A
// matrix of values, [num_values x dim], is replicated: all ranks hold the same, and the gradient on
// each is its share, as that of a replicated parameter is.
#pragma once

#include <optional>
#include <span>

#include "engine/ops/sampled_sum.hpp"
#include "engine/tape.hpp"
#include "partition/attribute_relation.hpp"

namespace halorec {

// y_i = factor times the sum over the values v of node i of w_iv z_v, zero without values; w_iv = 1
// / sqrt(d_i d_v), 1 / d_i or 1. z: [num_values x dim]. Result: of all owned rows, or of the listed
// ones (ascending, distinct; the list outlives the step, as does the relation). Does not
// communicate.
template <typename T>
Variable<T>& hear_values(Tape<T>& tape, const AttributeRelation& relation,
                         Normalisation normalisation, T factor, Variable<T>& z,
                         std::optional<std::span<const std::int32_t>> rows);

// z_v = factor times the sum over the trained nodes i that have value v, on any rank, of w_vi x_i;
// w_vi = 1 / sqrt(d_i d_v), 1 / d_v or 1, d_v the number of trained nodes. x: [num_owned x dim];
// result: [num_values x dim]. Sums are taken in double. Collective, forward and backward.
template <typename T>
Variable<T>& hear_nodes(Tape<T>& tape, const AttributeRelation& relation,
                        Normalisation normalisation, T factor, Variable<T>& x);

}  // namespace halorec
