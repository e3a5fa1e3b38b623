// Which pairs of a user and an item side information may speak of: what is held out leaves no trace
// in it.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/dataset.hpp"

namespace halorec {

class HeldOut {
 public:
  // Keeps the dataset, which outlives it.
  explicit HeldOut(const Dataset& dataset);

  // Not a pair of the validation or the test part; nor, under the cold protocols, one with a node
  // without training interactions, which has no past.
  bool allows(std::uint32_t user, std::uint32_t item) const;

 private:
  const Dataset* dataset_;
  bool cold_protocol_;
  std::vector<std::uint8_t> trained_user_, trained_item_;
};

}  // namespace halorec
