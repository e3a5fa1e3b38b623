// What a dataset can suffer: fake interactions of real users, fake users who push one item, or the
// loss of most of what some users have done; and a defence against fakes. Only the training part
// changes. What is real keeps its ids, indices and rows, fake users are numbered
// behind all others, and the truth of what is fake stays with the dataset (DatasetPerturbation), so
// that a defence can be scored. Every draw is keyed by (seed, number of earlier perturbations,
// user): the same data and seed give the same result on any machine. Perturbing perturbed data is
// possible; a fake row of an earlier step is then never taken for a real one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "partition/dataset.hpp"

namespace halorec {

// Adds round(share x real training interactions) random pairs, as RocSE does (Ye et al., Towards
// Robust Neural Graph Collaborative Filtering, ACM TOIS 2023, 4.1.1): a training interaction is
// drawn without replacement, and its user gets an item that stands with the user in no part of the
// data. Users are therefore drawn by activity (every list is diluted alike) and items evenly. SGL
// (Wu et al., SIGIR 2021) and RGCF (Tian et al., SIGIR 2022) contaminate the training part alone in
// the same way. Weight, time and behavior are those of the interaction that was drawn: no fake time
// lies after the user's last. Items are those with a training interaction, so that the items that
// may be recommended stay the same. share is above 0; all interactions are drawn once before one is
// drawn twice. Usage Error when fewer pairs are left, or when not even one is asked for.
void add_fake_edges(Dataset& dataset, double share, std::uint64_t seed);

// Takes from a share of the users all training items but `keep` each: what is known of people who
// have just come. round(share x users) are drawn evenly from the real users with a training
// interaction, whatever they have, so that a seed draws the same users for every `keep`; a user's
// kept items are drawn evenly, and those for a smaller `keep` are among those for a larger one. Who
// was drawn stays with the dataset; whoever has no more than `keep` loses nothing. share: above 0,
// at most 1; keep: at least 1. Usage Error when not one user is asked for, or when the dataset has
// links that were derived from its interactions, which would tell of what is taken.
void thin_users(Dataset& dataset, double share, std::uint32_t keep, std::uint64_t seed);

// Of each distinct training pair, by (user, item): how much of what it says others say too,
//   (A^3)_ui = sum over other users v and other items j of A_uj A_vj A_vi,
// the paths of length three from the user to the item that do not take the pair itself, each
// counted as LightGCN would pass it on (A as there). A true pair has people like the user around
// it; one drawn at random has few.
std::vector<double> path_support(const Dataset& dataset);

// Takes the training pairs of least support away, round(share x distinct pairs), but never the best
// one of a user or an item: a defence that knows nothing of what is fake. To drop edges between
// nodes that are not alike before training is GCN-Jaccard's defence (Wu et al., Adversarial
// examples for graph data, IJCAI 2019); paths of length three stand in for likeness between users
// and items (Kovacs et al., Nature Communications 2019). The step that is kept says how many known
// fakes were among them. share: above 0, below 1. Time: twice the squares of the items' degrees.
// Usage Error when not one pair is asked for.
void drop_unsupported(Dataset& dataset, double share);

inline constexpr std::string_view kAttackNames = "random, popular, bandwagon";

// Shilling profiles: users who interact with the target and with filler items (Lam and Riedl,
// Shilling recommender systems for fun and profit, WWW 2004; Mobasher, Burke, Bhaumik, Williams,
// Toward trustworthy recommender systems, ACM TOIT 2007).
//   random     fillers drawn evenly
//   popular    fillers drawn by their number of training users
//   bandwagon  a tenth (rounded up) are the most popular items, the same in every profile; the
//              others are drawn evenly
// Fillers are distinct and have a training interaction. Each takes weight, time and behavior of a
// real training interaction drawn evenly (Lam and Riedl's fillers follow the system's ratings); the
// target takes the largest weight and the commonest behavior. A planted attribute or community is
// that of a real user drawn evenly.
struct Attack {
  std::string kind = "random";
  std::uint32_t target = 0;                   // index of the pushed item
  std::uint32_t num_profiles = 0;             // at least 1
  std::optional<std::uint32_t> profile_size;  // fillers; none: the median training list
  std::string id_prefix = "fake-";            // fake users are prefix1, prefix2, ...
};

// Usage Error when an id is taken, or when fillers are asked for that are more than half of the
// items they are drawn from.
void add_fake_profiles(Dataset& dataset, const Attack& attack, std::uint64_t seed);

}  // namespace halorec
