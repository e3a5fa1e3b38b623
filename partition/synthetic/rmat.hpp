// Bipartite R-MAT (Chakrabarti, Zhan, Faloutsos, SDM 2004): the matrix of users and items is halved
// both ways, level after level, and an edge falls into one of the quadrants with the probabilities
// a, b, c, d (user half, item half = 00, 01, 10, 11). Defaults are Graph500's.
//
// Here the halves of n rows are its first ceil(n / 2) and the rest, so that any number of users and
// items will do; a side that is down to one row is halved no more, and the other side goes on with
// the quadrants' marginals. Edges are drawn by user, with the same joint law: the E edges
// are handed down the tree of users, Binomial(n, a + b) of a node's n edges to its first half (by
// inversion where fewer than 30 are expected on one side, else by the rounded normal), and given a
// user's halves, those of an item follow with b / (a + b) or d / (c + d) for the second. A user's
// items are distinct; more than half the catalogue is never given to one.
//
// Each level's quadrants are perturbed by one number m, as in Seshadhri, Pinar, Kolda (J. ACM
// 60(2), 2013), without which degrees oscillate: a (1 - 2m / (a + d)), b + m, c + m, d (1 - 2m / (a
// + d)), with m even in level_noise * min((a + d) / 2, b, c) * [-1, 1]. Ids are scrambled on both
// sides by keyed permutations. P(i | u) depends on all bits of both: no truth is kept.
#pragma once

#include <memory>

#include "partition/synthetic/edge_source.hpp"

namespace halorec {

std::unique_ptr<EdgeSource> make_rmat(const SyntheticOptions& options);

}  // namespace halorec
