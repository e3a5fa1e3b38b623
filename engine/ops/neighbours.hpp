// What nodes receive from their neighbours: sums with the weights of a normalisation, the largest,
// and the neighbours' rows themselves for operators that weigh each edge (ops/attention.hpp).
#pragma once

#include "engine/message_graph.hpp"
#include "engine/ops/sampled_sum.hpp"
#include "engine/tape.hpp"

namespace halorec {

// The rows that Rows names of x [num_owned x dim]: x itself, or the demanded ones.
template <typename T>
Variable<T>& own_rows(Tape<T>& tape, MessageGraph<T>& graph, Variable<T>& x, Rows rows);

// y_i = sum over neighbours j of w_ij x_j, zero without neighbours. x: [num_owned x dim], result:
// [num_rows(rows) x dim]. Over a sampled block (rows: demanded) as ops/sampled_sum.hpp says.
// Collective, forward and backward.
template <typename T>
Variable<T>& weighted_sum(Tape<T>& tape, MessageGraph<T>& graph, Normalisation weights,
                          Variable<T>& x, Rows rows);

// y_i = factor_i times the sum over j of w_ij x_j, where `graph` has the weights of a direction of
// links and `transpose` those of the other (partition/relation.hpp). factor: [num_owned], outlives
// the step. x: [num_owned x dim], result: [num_rows(rows) x dim]. Collective, forward and backward.
template <typename T>
Variable<T>& directed_sum(Tape<T>& tape, MessageGraph<T>& graph, MessageGraph<T>& transpose,
                          std::span<const T> factor, Variable<T>& x, Rows rows);

// 1 / sqrt(degree) of owned nodes, then ghosts: [num_owned + num_ghosts x 1], zero without edges;
// and y [num_rows(rows) x dim], each row times the square root of its node's degree. Where edges
// have values a degree is their sum. Of a sampled block: by degrees in the whole graph. The first
// is collective and takes no gradient.
template <typename T>
Variable<T>& inverse_root_degrees(Tape<T>& tape, MessageGraph<T>& graph);
template <typename T>
Variable<T>& times_root_degree(Tape<T>& tape, MessageGraph<T>& graph, Variable<T>& y, Rows rows);

// x [num_owned x dim] with the rows of the ghosts below: [num_owned + num_ghosts x dim], so that
// every neighbour of an owned node stands there. Backward, ghosts' gradients go home. Collective,
// forward and backward.
template <typename T>
Variable<T>& neighbour_rows(Tape<T>& tape, MessageGraph<T>& graph, Variable<T>& x);

// y_ic = max over neighbours j of x_jc, zero without neighbours; the gradient goes to the neighbour
// that was largest, among equals to that of the lowest global id. x: as neighbour_rows gives it;
// result: [num_rows(rows) x dim]. Does not communicate.
template <typename T>
Variable<T>& neighbour_max(Tape<T>& tape, const Neighbourhood& neighbours, Variable<T>& x,
                           Rows rows);

}  // namespace halorec
