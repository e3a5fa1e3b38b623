#include "partition/complete_parts.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace halorec {

void complete_parts(std::vector<std::int32_t>& parts, std::span<const std::uint32_t> degree,
                    int num_parts) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(num_parts), 0);
  std::vector<std::size_t> unplaced;
  for (std::size_t v = 0; v < parts.size(); ++v) {
    if (parts[v] < 0) {
      unplaced.push_back(v);
    } else {
      ++sizes[static_cast<std::size_t>(parts[v])];
    }
  }
  // Smallest part first; a heap of (size, part).
  std::vector<std::pair<std::int64_t, std::int32_t>> heap;
  heap.reserve(static_cast<std::size_t>(num_parts));
  for (std::int32_t p = 0; p < num_parts; ++p) {
    heap.emplace_back(sizes[static_cast<std::size_t>(p)], p);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  for (const std::size_t v : unplaced) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    auto& [size, part] = heap.back();
    parts[v] = part;
    ++sizes[static_cast<std::size_t>(part)];
    ++size;
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }

  for (std::int32_t empty = 0; empty < num_parts; ++empty) {
    if (sizes[static_cast<std::size_t>(empty)] > 0) continue;
    const auto largest = std::max_element(sizes.begin(), sizes.end());
    if (*largest < 2) return;  // fewer nodes than parts: an empty part cannot be avoided
    const auto from = static_cast<std::int32_t>(largest - sizes.begin());
    std::size_t lightest = parts.size();
    for (std::size_t v = 0; v < parts.size(); ++v) {
      if (parts[v] != from) continue;
      if (lightest == parts.size() || degree[v] < degree[lightest]) lightest = v;
    }
    parts[lightest] = empty;
    --*largest;
    ++sizes[static_cast<std::size_t>(empty)];
  }
}

}  // namespace halorec
