// The smallest set of vertices that touches every edge of a bipartite graph. Halo plans need it:
// for the cross edges from one rank to another, a covered source sends its row and a covered
// destination receives one partial sum (SuperGCN, arXiv 2411.16025), and nothing else has to
// travel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halorec {

// Flags (0 or 1) of the covering vertices: left[num_left], right[num_right].
struct VertexCover {
  std::vector<char> left, right;

  std::int64_t size() const;
};

// A minimum vertex cover of the bipartite graph whose left vertex l has the edges
// right[left_begin[l] .. left_begin[l + 1]) to right vertices below num_right; repeated edges are
// allowed. By Koenig's theorem from a maximum matching, found by Hopcroft and Karp's algorithm
// (SIAM J. Comput. 1973) from a greedy start: O(edges sqrt(vertices)), in practice a few passes
// over the edges. Deterministic: a function of the arguments alone. Memory is linear in the
// vertices, besides the arguments. Not collective.
VertexCover minimum_vertex_cover(std::int32_t num_left, std::int32_t num_right,
                                 std::span<const std::int64_t> left_begin,
                                 std::span<const std::int32_t> right);

}  // namespace halorec
