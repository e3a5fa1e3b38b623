// Graphs with planted communities and power-law degrees, for demonstrations and scaling: nothing
// to download, any size, and the truth is known.
//
// Users and items belong to `communities` groups of equal size. Item i has the popularity weight
// w_i = rank_i^-item_exponent, users' degrees follow a Pareto law. Each of a user's edges goes,
// with probability `mixing`, to an item drawn by weight from the whole catalogue, else to one drawn
// by weight from the user's community:
//     P(i | u) = mixing * w_i / W  +  (1 - mixing) * [c_i = c_u] * w_i / W_c
// where W sums all weights and W_c those of the community. A user's items are distinct. (Chung-Lu
// degrees with a planted partition; compare Holland, Laskey, Leinhardt, Social Networks 1983.)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partition/dataset.hpp"

namespace halorec {

struct SyntheticOptions {
  std::uint32_t num_users = 0;
  std::uint32_t num_items = 0;
  std::uint64_t num_edges = 0;
  std::uint32_t num_communities = 16;
  double mixing = 0.3;         // [0, 1]: 0 no edge leaves its community, 1 no communities
  double item_exponent = 0.8;  // of popularity over rank; 0: all items alike
  double user_shape = 2.0;     // of the Pareto law of users' degrees, above 1; large: all alike
  std::uint64_t seed = 0;
  std::string protocol = "random";  // random | leave-last | time
  bool keep_repeats = false;
};

// Every draw is keyed by (seed, user, attempt): the same at any number of threads. Users are named
// u0 .. and items i0 .. ; times are uniform over the years 2023 and 2024. Nodes that got no edge
// are left out of the dataset and counted in its report, as are edges that could not be placed
// because a user's community ran out of distinct items. Usage Error when the numbers contradict
// each other.
Dataset generate_dataset(const SyntheticOptions& options);

// log P(item | user) under the planted truth: the ranking that no model can beat on average.
class TruthScore {
 public:
  explicit TruthScore(Truth truth);
  double operator()(std::uint32_t user, std::uint32_t item) const;

 private:
  Truth truth_;
  double total_weight_ = 0;
  std::vector<double> community_weight_;
};

}  // namespace halorec
