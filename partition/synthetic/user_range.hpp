// The users of one rank, and the loop over them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "partition/parallel.hpp"
#include "partition/synthetic/edge_source.hpp"

namespace halorec {

struct UserRange {
  std::uint32_t first = 0, last = 0;
  constexpr std::uint32_t size() const { return last - first; }
};

inline constexpr std::uint32_t kUsersPerChunk = 512;
constexpr std::uint64_t num_chunks(UserRange range) {
  return (range.size() + std::uint64_t{kUsersPerChunk} - 1) / kUsersPerChunk;
}
constexpr UserRange chunk_of(UserRange range, std::uint64_t chunk) {
  const auto first = static_cast<std::uint32_t>(range.first + chunk * kUsersPerChunk);
  return {first, range.last - first < kUsersPerChunk ? range.last : first + kUsersPerChunk};
}

// All users in consecutive ranges of about `edges` expected edges each, one user at least; exactly
// `count` ranges, some maybe empty, when count > 0.
inline std::vector<UserRange> cut_users(const EdgeSource& source, UserRange users, double edges,
                                        std::size_t count = 0) {
  std::vector<UserRange> ranges;
  double before = 0;
  std::uint32_t first = users.first;
  for (std::uint32_t u = users.first; u < users.last; ++u) {
    before += source.expected_edges(u);
    if (before < edges * static_cast<double>(ranges.size() + 1) || ranges.size() + 1 == count) {
      continue;
    }
    ranges.push_back({first, u + 1});
    first = u + 1;
  }
  if (first < users.last) ranges.push_back({first, users.last});
  while (ranges.size() < count) ranges.push_back({users.last, users.last});
  return ranges;
}

// Calls body(user, edges) for the users of the range, drawn anew, from many threads.
template <typename Body>
void for_each_user(const EdgeSource& source, UserRange range, const Body& body) {
  parallel_for(num_chunks(range), 1, [&](std::uint64_t c) {
    static thread_local UserEdges edges;
    const UserRange chunk = chunk_of(range, c);
    for (std::uint32_t u = chunk.first; u < chunk.last; ++u) {
      source.draw(u, edges);
      body(u, edges);
    }
  });
}

}  // namespace halorec
