// A real dataset made larger with its shape kept: the stochastic Kronecker product S (x) R of a
// small matrix S (--factor FxG) and the dataset's own 0/1 matrix R, after Belletti et al.,
// "Scalable Realistic Recommendation Datasets through Fractal Expansions" (arXiv 1901.08910).
// Degrees of the product are products of degrees, its singular values products of singular values,
// so heavy tails and the decay of the spectrum stay; R's own clusters stay inside each of the F x G
// blocks.
//
// S is R again, coarsely: users by falling degree are cut into F groups of equal size, items into
// G, and S_fg is the number of R's interactions between two groups, scaled. (The paper shrinks R by
// a random projection of its singular vectors; grouping needs no decomposition, is never negative,
// and keeps what S has to carry here, the skew of degrees between groups.) User f*U + u is copy f
// of user u of R, item g*I + i copy g of item i. The pair of both is an edge with probability
//     R_ui * p_fg,   p_fg = min(1, x S_fg)
// drawn independently, with x such that the expected number of edges is the one asked for; by
// default F times R's, which keeps the users' mean degree. All three parts of the dataset are
// expanded and split anew, a pair that stands in several parts or with several behaviors once, at
// its first time. An edge has the time of its pair in R, or none.
//
// Ids are those of R with "/f" or "/g" behind them. The probabilities of R are not known: no truth.
#pragma once

#include <memory>

#include "partition/synthetic/edge_source.hpp"

namespace halorec {

// Reads options.expand. Error when it is no dataset, or the expansion would be too large.
std::unique_ptr<EdgeSource> make_expansion(const SyntheticOptions& options);

}  // namespace halorec
