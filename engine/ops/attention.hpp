// Sums over a node's neighbours with weights that depend on their rows. All neighbours of an owned
// node stand in the rows of ops/neighbours.hpp's neighbour_rows, so what is normalised over them is
// exact on any number of ranks. Scores are kept (a few numbers an edge), rows of edges are not: the
// backward pass reads nodes' rows again. None communicates.
#pragma once

#include "engine/neighbourhood.hpp"
#include "engine/tape.hpp"

namespace halorec {

// GATv2 (Brody et al., ICLR 2022, eq. 7) with H heads of dim / H columns. In each head
//   s_ij = sum over c of a_c LeakyReLU(t_ic + x_jc),  w_ij = softmax over neighbours j of s_ij,
//   y_i = sum over j of w_ij b_j x_j,  zero without neighbours;
// LeakyReLU(v) = max(v, v / 5). t = targets [num_rows(rows) x dim], x = sources, as neighbour_rows
// gives them; a = attention [1 x dim], whose gradient is this rank's share; b = source_scale
// [num_sources x 1], above 0 for every neighbour, which takes no gradient, ones where it is null.
// Result: [num_rows(rows) x dim].
template <typename T>
Variable<T>& gat_attention(Tape<T>& tape, const Neighbourhood& neighbours, Variable<T>& targets,
                           Variable<T>& sources, Variable<T>& attention, std::int64_t num_heads,
                           Rows rows, const Variable<T>* source_scale = nullptr);

// NGAT4Rec (Song et al., NGAT4Rec: neighbor-aware graph attention network for recommendation, 2020,
// arXiv:2010.12256; as in the authors' code): a neighbour weighs as much as it resembles the other
// neighbours. With u_j = x_j / |x_j| and m_i the mean of u_j over the n_i neighbours of i
//   w_ij = ReLU(<u_j, m_i>),  y_i = n_i^-1/2 sum over j of w_ij x_j,  zero without neighbours,
// since the mean over k of <u_j, u_k> is <u_j, m_i>: all pairs cost no more than all neighbours. A
// row shorter than 1e-12 has no direction: u_j = 0. sources: as neighbour_rows gives them. Result:
// [num_rows(rows) x dim].
template <typename T>
Variable<T>& neighbour_aware_sum(Tape<T>& tape, const Neighbourhood& neighbours,
                                 Variable<T>& sources, Rows rows);

}  // namespace halorec
