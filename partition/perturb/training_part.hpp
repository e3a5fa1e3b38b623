// What all kinds of perturbation need of the training part.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/random.hpp"
#include "partition/dataset.hpp"

namespace halorec {

// Usage Error when the dataset has links that were derived from its interactions: they would go on
// telling of the training part as it was before `option` changes it.
void refuse_derived_links(const Dataset& dataset, std::string_view option);

// Rows of the training part that no earlier perturbation has added, ascending.
std::vector<std::uint64_t> real_training_rows(const Dataset& dataset);

// Distinct training users of each item, [items].
std::vector<std::uint32_t> training_degrees(const Dataset& dataset);

// Number of users that no earlier perturbation has added: the first ones.
std::uint32_t num_real_users(const Dataset& dataset);

// How many perturbations came before: the `step` of the next one's random numbers.
std::uint64_t num_perturbations(const Dataset& dataset);

// `count` distinct numbers below n >= count, each set alike, ascending (Floyd's method: one draw
// each). Uses indices 0, 1, ... of `key`.
std::vector<std::uint32_t> draw_distinct(std::uint32_t count, std::uint32_t n, const Random& random,
                                         std::uint64_t key);

// Appends training row `from` with another user and item.
void append_like(const Interactions& train, std::uint64_t from, std::uint32_t user,
                 std::uint32_t item, Interactions& added);

// Rows rows[0], rows[1], ... of what was there; a column that is not there stays so.
void take_rows(Interactions& part, const std::vector<std::uint64_t>& rows);

using TrainingPair = std::pair<std::uint32_t, std::uint32_t>;  // user, item
// Leaves out the fake pairs that are gone from the training part. Both ascend.
void forget_pairs(DatasetPerturbation& truth, const std::vector<TrainingPair>& gone);
// Leaves links of users to items out whose pairs are gone, which would tell of them; how many.
std::uint64_t forget_links(SideInfo& side, const std::vector<TrainingPair>& gone);

// Keeps what was done: `step` among the steps, and `words` (the options) and `sentence` in source
// and protocol. `old_hash`: of the data before.
void note_step(Dataset& dataset, nlohmann::ordered_json step, const std::string& words,
               const std::string& sentence, const std::string& old_hash);

// Puts `added` (its pairs stand nowhere in the dataset, each once, in any order) into the training
// part, and keeps what is fake, what was done (`step`, in `words`, of which content) and by how
// much in DatasetPerturbation, protocol and source. Users that are fake stand in dataset.users
// already, `num_new_users` of them.
void commit_fakes(Dataset& dataset, Interactions added, std::uint32_t num_new_users,
                  const std::string& old_hash, nlohmann::ordered_json step,
                  const std::string& words);

}  // namespace halorec
