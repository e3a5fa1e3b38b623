// Which pairs of a user and an item side information may speak of: what is held out leaves no trace
// in it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "partition/dataset.hpp"

namespace halorec {

// The time from which nothing may be used of parts that are windows of time: the first held-out
// one, where the source came split and trains on what lies before it alone.
std::optional<std::int64_t> window_cut(const Dataset& dataset);

class HeldOut {
 public:
  // Keeps the dataset, which outlives it.
  explicit HeldOut(const Dataset& dataset);

  // Not a pair of the validation or the test part; nor, under the cold protocols, one with a node
  // without training interactions, which has no past.
  bool allows(std::uint32_t user, std::uint32_t item) const;
  // Whether something of the user that has this time lies behind what is held out of that user:
  // under leave-last, where times are known.
  bool is_late(std::uint32_t user, std::int64_t time) const {
    return !first_held_out_.empty() && time >= first_held_out_[user];
  }

 private:
  const Dataset* dataset_;
  bool cold_protocol_;
  std::vector<std::uint8_t> trained_user_, trained_item_;
  std::vector<std::int64_t> first_held_out_;  // of each user, under leave-last
};

}  // namespace halorec
