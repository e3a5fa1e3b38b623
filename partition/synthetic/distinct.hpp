// Drawing distinct items: again, when an item was drawn before, up to a limit that is met only when
// a user's degree comes near the number of items that can be drawn.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace halorec {

constexpr std::uint64_t attempts_for(std::uint32_t degree) {
  return degree * std::uint64_t{30} + 300;
}

// A set of items for one user, emptied in O(1): open addressing, stamped.
class SmallSet {
 public:
  void reset(std::uint64_t max_size) {
    const std::uint64_t wanted = std::max<std::uint64_t>(16, std::bit_ceil(max_size * 2));
    if (slots_.size() < wanted) slots_.assign(wanted, {0, 0}), stamp_ = 0;
    mask_ = wanted - 1;  // of a large table a small user touches a small part
    if (++stamp_ == 0) slots_.assign(slots_.size(), {0, 0}), stamp_ = 1;
  }
  bool insert(std::uint32_t item) {
    std::uint64_t slot = (item * 0x9E3779B97F4A7C15ULL >> 20) & mask_;
    for (; slots_[slot].stamp == stamp_; slot = (slot + 1) & mask_) {
      if (slots_[slot].item == item) return false;
    }
    slots_[slot] = {item, stamp_};
    return true;
  }

 private:
  struct Slot {
    std::uint32_t item, stamp;
  };
  std::vector<Slot> slots_;
  std::uint64_t mask_ = 0;
  std::uint32_t stamp_ = 0;
};

}  // namespace halorec
