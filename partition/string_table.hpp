// Strings packed end to end, without an object for each.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace halorec {

struct StringTable {
  std::vector<char> bytes;
  std::vector<std::uint64_t> offsets{0};

  std::uint64_t size() const { return offsets.size() - 1; }
  bool empty() const { return size() == 0; }
  std::string_view operator[](std::uint64_t i) const {
    return {bytes.data() + offsets[i], offsets[i + 1] - offsets[i]};
  }
  void push_back(std::string_view text) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(bytes.size());
  }
};

}  // namespace halorec
