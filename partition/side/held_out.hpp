// Which pairs of a user and an item side information may speak of: what is held out leaves no trace
// in it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "partition/dataset.hpp"

namespace halorec {

// The time from which nothing may be used of parts that are windows of time: the first held-out
// one, where the source came split and trains on what lies before it alone.
std::optional<std::int64_t> window_cut(const Dataset& dataset);

class HeldOut {
 public:
  // Keeps the dataset, which outlives it. cut: the time from which nothing may be used; none: all.
  HeldOut(const Dataset& dataset, std::optional<std::int64_t> cut);

  bool has_cut() const { return cut_.has_value(); }
  // Whether the time lies behind the cut, or may do so: no time is one that is not known.
  bool is_behind_cut(std::optional<std::int64_t> time) const {
    return cut_ && (!time || *time >= *cut_);
  }

  // Not a pair of the validation or the test part; nor, under the cold protocols, one with a node
  // without training interactions, which has no past.
  bool allows(std::uint32_t user, std::uint32_t item) const;
  // Whether something of the user that has this time lies, or may lie, behind the cut or, under
  // leave-last, where times are known, behind what is held out of that user.
  bool is_late(std::uint32_t user, std::optional<std::int64_t> time) const {
    if (is_behind_cut(time)) return true;
    if (first_held_out_.empty() || first_held_out_[user] == kNothing) return false;
    return !time || *time >= first_held_out_[user];
  }

 private:
  static constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::max();

  const Dataset* dataset_;
  std::optional<std::int64_t> cut_;
  bool cold_protocol_;
  std::vector<std::uint8_t> trained_user_, trained_item_;
  std::vector<std::int64_t> first_held_out_;  // of each user (kNothing: none), under leave-last
};

}  // namespace halorec
