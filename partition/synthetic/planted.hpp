// Planted communities with power-law degrees, and the same without communities.
//
// Users and items belong to `communities` groups of equal size. Item i has the popularity weight
// w_i = rank_i^-item_exponent, users' degrees follow a Pareto law. Each of a user's edges goes,
// with probability `mixing`, to an item drawn by weight from the whole catalogue, else to one drawn
// by weight from the user's community:
//     P(i | u) = mixing * w_i / W  +  (1 - mixing) * [c_i = c_u] * w_i / W_c
// where W sums all weights and W_c those of the community. A user's items are distinct. (Chung-Lu
// degrees with a planted partition; compare Holland, Laskey, Leinhardt, Social Networks 1983.)
//
// With drift D, an edge at the share s of the time span goes to community c_u + floor(D s) or, with
// probability frac(D s), to the one after it (modulo the number of communities) where it would have
// gone to c_u: tastes glide through D communities. A node's attribute is its community but for a
// share `attribute_noise`, drawn evenly from all communities.
//
// chung-lu is the same with one community and mixing 1: P(i | u) = w_i / W, so that item i has
// the expected degree E w_i / W (Chung and Lu, PNAS 2002, bipartite; users' degrees are fixed, not
// only expected).
#pragma once

#include <memory>

#include "partition/synthetic/edge_source.hpp"

namespace halorec {

std::unique_ptr<EdgeSource> make_planted(const SyntheticOptions& options);

}  // namespace halorec
