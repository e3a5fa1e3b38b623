#include "launch/spelling.hpp"

#include <algorithm>
#include <vector>

namespace halorec {

// Optimal string alignment: three rows of the dynamic programme are enough.
int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> before_last(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({replaced, last[j] + 1, now[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::string nearest_word(std::string_view typed, std::span<const std::string> known) {
  std::string nearest;
  int smallest = std::max(1, static_cast<int>(typed.size()) / 3) + 1;
  for (const auto& word : known) {
    // A beginning of one known word alone is the likeliest slip of all ("eval").
    const bool begins = typed.size() >= 3 && word.starts_with(typed);
    const int distance = begins ? 1 : edit_distance(typed, word);
    if (distance < smallest) {
      smallest = distance;
      nearest = word;
    }
  }
  return nearest;
}

}  // namespace halorec
