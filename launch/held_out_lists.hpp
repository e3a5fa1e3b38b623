// What a run is asked for on a split: the held-out items to find, and what its lists leave out. One
// rule for training's evaluations and the evaluate command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/evaluation.hpp"
#include "launch/options.hpp"
#include "partition/dataset.hpp"
#include "partition/shard.hpp"

namespace halorec {

struct HeldOutLists {
  UserItems held_out;                 // of the owned users
  std::optional<UserItems> left_out;  // beside what was taken in training: of the test split's
                                      // lists the validation items, and what --leave-out names
  bool excludes_history = true;       // not where the protocol lets repeats count as hits

  // `ks`: lengths of lists. Refers to this object, which outlives it.
  EvaluationQuery query(std::vector<std::int64_t> ks) const;
};

// leave_out: as --leave-out has it. Collective.
HeldOutLists read_held_out_lists(const Shard& shard, const DatasetFile& dataset, Split split,
                                 const std::string& leave_out);

// --leave-out, of all commands that make lists; none: "none".
void declare_leave_out(OptionTable& options, std::string& leave_out);
// The same where the run has the default.
void declare_leave_out(OptionTable& options, std::optional<std::string>& leave_out);
// Usage Error when it names what the dataset has not. Not collective.
void check_leave_out(const std::string& leave_out, const DatasetFile& dataset);
// What it names of the owned users; nothing of "none". Collective.
std::optional<UserItems> read_left_out(const Shard& shard, const DatasetFile& dataset,
                                       const std::string& leave_out);

}  // namespace halorec
