// Which pairs of a user and an item side information may speak of: what is held out leaves no trace
// in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/held_out_times.hpp"

namespace halorec {

class HeldOut {
 public:
  // Keeps the dataset, which outlives it. `times`: of its split.
  HeldOut(const Dataset& dataset, HeldOutTimes times);

  const std::string& protocol() const { return dataset_->protocol.name; }
  bool has_cut() const { return times_.cut.has_value(); }
  // Whether the time lies behind the cut, or may do so: no time is one that is not known.
  bool is_behind_cut(std::optional<std::int64_t> time) const {
    return times_.cut && (!time || *time >= *times_.cut);
  }

  // Not a pair of the validation or the test part; nor, under the cold protocols, one with a node
  // without training interactions, which has no past.
  bool allows(std::uint32_t user, std::uint32_t item) const;
  // Whether something of the user that has this time lies, or may lie, behind the cut or, under
  // leave-last, where times are known, behind what is held out of that user.
  bool is_late(std::uint32_t user, std::optional<std::int64_t> time) const {
    if (is_behind_cut(time)) return true;
    if (times_.of_user.empty() || times_.of_user[user] == HeldOutTimes::kNever) return false;
    return !time || *time >= times_.of_user[user];
  }

 private:
  const Dataset* dataset_;
  HeldOutTimes times_;
  bool cold_protocol_;
  std::vector<std::uint8_t> trained_user_, trained_item_;
};

}  // namespace halorec
