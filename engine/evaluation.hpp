// The metrics of a split: every user with a held-out item gets a list over all candidates.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/metrics.hpp"
#include "engine/ranking.hpp"

namespace halorec {

// One user's figures. Metrics follow the evaluation's ks, ascending.
struct UserFigures {
  std::uint32_t user = 0;
  std::uint32_t num_held_out = 0;
  std::uint32_t num_cold_held_out = 0;  // among them: of items never seen in training
  bool cold = false;                    // no training interaction
  UserMetrics at;
};

struct EvaluationQuery {
  std::vector<std::int64_t> ks = {20};
  const UserItems* held_out = nullptr;  // the split's items, rows as in the shard
  bool exclude_history = true;          // false when repeats count as hits (Protocol::keep_repeats)
  const UserItems* also_exclude = nullptr;      // further items of users that lists leave out
  Candidates held_out_items = Candidates::all;  // others are not asked for: neither hits nor misses
  const std::vector<bool>* only_users = nullptr;  // by index; null: all
  // When set (on every rank or on none): called on the root for each evaluated user, by ascending
  // index, while the others wait. May throw.
  std::function<void(const UserFigures&)> per_user;
};

// The window of users that is ranked at a time holds at most 64 MiB of lists. Equal ranks and
// threads give equal bits. Collective.
Evaluation evaluate_ranking(Scorer& scorer, const Catalogue& catalogue,
                            const EvaluationQuery& query);

}  // namespace halorec
