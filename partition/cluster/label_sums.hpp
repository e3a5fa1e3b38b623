// Sums of edge weights by the label of the far end, for one row at a time: a hash table with linear
// probing that fits the row, so that short rows stay in the first cache whatever the labels are.
#pragma once

#include <cstdint>
#include <vector>

namespace halorec {

class LabelSums {
 public:
  struct Entry {
    std::uint32_t label;
    std::uint32_t sum;
  };

  // Forgets the last row; the next one has at most `num_labels` different labels.
  void start(std::uint64_t num_labels) {
    for (const std::uint32_t slot : used_) slots_[slot].sum = 0;
    used_.clear();
    std::uint64_t size = 16;
    while (size < 2 * num_labels) size *= 2;
    if (slots_.size() < size) slots_.resize(size, Entry{0, 0});
    mask_ = static_cast<std::uint32_t>(size - 1);
  }
  // `weight` > 0.
  void add(std::uint32_t label, std::uint32_t weight) {
    std::uint32_t slot = (label * 2654435761U >> 7) & mask_;
    while (slots_[slot].sum != 0 && slots_[slot].label != label) slot = (slot + 1) & mask_;
    if (slots_[slot].sum == 0) {
      slots_[slot].label = label;
      used_.push_back(slot);
    }
    slots_[slot].sum += weight;
  }
  std::uint32_t of(std::uint32_t label) const {
    std::uint32_t slot = (label * 2654435761U >> 7) & mask_;
    while (slots_[slot].sum != 0 && slots_[slot].label != label) slot = (slot + 1) & mask_;
    return slots_[slot].sum;
  }
  // Calls visit(label, sum) in order of first appearance.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const std::uint32_t slot : used_) visit(slots_[slot].label, slots_[slot].sum);
  }
  std::size_t size() const { return used_.size(); }

 private:
  std::vector<Entry> slots_;
  std::vector<std::uint32_t> used_;
  std::uint32_t mask_ = 0;
};

}  // namespace halorec
