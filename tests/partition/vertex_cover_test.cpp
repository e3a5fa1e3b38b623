// Minimum vertex covers: by hand, against all subsets of small random graphs, and on larger ones by
// the duality that proves a cover minimal: a matching of its size.
#include "partition/vertex_cover.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "comm/check.hpp"
#include "comm/random.hpp"

namespace halorec {
namespace {

struct Graph {
  std::int32_t num_right = 0;
  std::vector<std::int64_t> begin{0};
  std::vector<std::int32_t> right;

  Graph(std::int32_t right_vertices, const std::vector<std::vector<std::int32_t>>& lists)
      : num_right(right_vertices) {
    for (const auto& list : lists) {
      right.insert(right.end(), list.begin(), list.end());
      begin.push_back(std::ssize(right));
    }
  }
  std::int32_t num_left() const { return static_cast<std::int32_t>(begin.size()) - 1; }
  VertexCover cover() const { return minimum_vertex_cover(num_left(), num_right, begin, right); }
};

void expect_covers(const Graph& graph, const VertexCover& cover) {
  ASSERT_EQ(std::ssize(cover.left), graph.num_left());
  ASSERT_EQ(std::ssize(cover.right), graph.num_right);
  for (std::size_t l = 0; l + 1 < graph.begin.size(); ++l) {
    for (auto e = graph.begin[l]; e < graph.begin[l + 1]; ++e) {
      const auto r = static_cast<std::size_t>(graph.right[static_cast<std::size_t>(e)]);
      EXPECT_TRUE(cover.left[l] == 1 || cover.right[r] == 1) << l << " - " << r;
    }
  }
}

// Tries every subset of the left vertices; the right vertices that the others need are then forced.
std::int64_t smallest_cover(const Graph& graph) {
  std::int64_t best = graph.num_left();
  for (std::uint32_t chosen = 0; chosen < 1U << graph.num_left(); ++chosen) {
    std::uint32_t forced = 0;
    for (std::int32_t l = 0; l < graph.num_left(); ++l) {
      if (chosen >> l & 1) continue;
      for (auto e = graph.begin[static_cast<std::size_t>(l)];
           e < graph.begin[static_cast<std::size_t>(l) + 1]; ++e) {
        forced |= 1U << graph.right[static_cast<std::size_t>(e)];
      }
    }
    best = std::min<std::int64_t>(best, std::popcount(chosen) + std::popcount(forced));
  }
  return best;
}

// Size of a maximum matching by one augmenting path after another (Kuhn).
class SlowMatching {
 public:
  explicit SlowMatching(const Graph& graph)
      : graph_(graph), mate_(static_cast<std::size_t>(graph.num_right), -1) {}
  std::int64_t size() {
    std::int64_t size = 0;
    for (std::int32_t l = 0; l < graph_.num_left(); ++l) {
      seen_.assign(mate_.size(), 0);
      if (extend(l)) ++size;
    }
    return size;
  }

 private:
  bool extend(std::int32_t l) {
    for (auto e = graph_.begin[static_cast<std::size_t>(l)];
         e < graph_.begin[static_cast<std::size_t>(l) + 1]; ++e) {
      const auto r = static_cast<std::size_t>(graph_.right[static_cast<std::size_t>(e)]);
      if (seen_[r] != 0) continue;
      seen_[r] = 1;
      if (mate_[r] < 0 || extend(mate_[r])) {
        mate_[r] = l;
        return true;
      }
    }
    return false;
  }
  const Graph& graph_;
  std::vector<std::int32_t> mate_;
  std::vector<char> seen_;
};

Graph random_graph(std::int32_t num_left, std::int32_t num_right, double density,
                   std::uint64_t seed) {
  const Random random(seed, Purpose::test, 70);
  std::vector<std::vector<std::int32_t>> lists(static_cast<std::size_t>(num_left));
  for (std::int32_t l = 0; l < num_left; ++l) {
    for (std::int32_t r = 0; r < num_right; ++r) {
      const auto pair = static_cast<std::uint64_t>(l) << 32 | static_cast<std::uint64_t>(r);
      if (random.uniform(pair) < density) lists[static_cast<std::size_t>(l)].push_back(r);
    }
  }
  return {num_right, lists};
}

TEST(VertexCover, OfFiveVerticesByHand) {
  // 0 - {0, 1}, 1 - {1}, 2 - {1}: right 1 and one end of 0 - 0.
  const Graph graph(2, {{0, 1}, {1}, {1}});
  const VertexCover cover = graph.cover();
  expect_covers(graph, cover);
  EXPECT_EQ(cover.size(), 2);
  EXPECT_EQ(cover.right[1], 1);
}

TEST(VertexCover, OfAStarIsItsHub) {
  const Graph source_hub(6, {{0, 1, 2, 3, 4, 5}});
  EXPECT_EQ(source_hub.cover().left, (std::vector<char>{1}));
  EXPECT_EQ(source_hub.cover().right, std::vector<char>(6, 0));
  const Graph destination_hub(1, {{0}, {0}, {0}});
  EXPECT_EQ(destination_hub.cover().left, std::vector<char>(3, 0));
  EXPECT_EQ(destination_hub.cover().right, (std::vector<char>{1}));
}

TEST(VertexCover, OfNothingIsEmpty) {
  EXPECT_EQ(Graph(0, {}).cover().size(), 0);
  EXPECT_EQ(Graph(4, {}).cover().size(), 0);
  EXPECT_EQ(Graph(0, {{}, {}}).cover().size(), 0);
  EXPECT_EQ(Graph(3, {{}, {}, {}}).cover().size(), 0);
}

TEST(VertexCover, TakesRepeatedEdges) {
  const Graph graph(2, {{0, 0, 0}, {0, 1, 1}});
  expect_covers(graph, graph.cover());
  EXPECT_EQ(graph.cover().size(), 2);
}

TEST(VertexCover, IsTheSmallestOfAllSubsets) {
  const Random random(1, Purpose::test, 71);
  for (std::uint64_t round = 0; round < 600; ++round) {
    const auto num_left = static_cast<std::int32_t>(random.below(11, round, 0));
    const auto num_right = static_cast<std::int32_t>(random.below(11, round, 1));
    const Graph graph = random_graph(num_left, num_right, random.uniform(round, 2), round);
    SCOPED_TRACE(fmt::format("round {}: {} x {}", round, num_left, num_right));
    const VertexCover cover = graph.cover();
    expect_covers(graph, cover);
    EXPECT_EQ(cover.size(), smallest_cover(graph));
  }
}

TEST(VertexCover, HasTheSizeOfAMaximumMatching) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    // Around two edges a vertex, where greedy matchings are furthest from maximum.
    const auto num_left = static_cast<std::int32_t>(300 + 50 * seed);
    const Graph graph =
        random_graph(num_left, 400, 0.002 + 0.001 * static_cast<double>(seed), seed);
    const VertexCover cover = graph.cover();
    expect_covers(graph, cover);
    EXPECT_EQ(cover.size(), SlowMatching(graph).size());
  }
}

// A path of 2n vertices whose greedy matching leaves both ends free: one augmenting path through
// all of it, which a recursive search would not survive.
TEST(VertexCover, FollowsAPathThroughAMillionVertices) {
  constexpr std::int32_t kLength = 500000;
  std::vector<std::vector<std::int32_t>> lists;
  for (std::int32_t l = 0; l + 1 < kLength; ++l) lists.push_back({l + 1, l});
  lists.push_back({kLength - 1});
  const Graph graph(kLength, lists);
  const VertexCover cover = graph.cover();
  expect_covers(graph, cover);
  EXPECT_EQ(cover.size(), kLength);
}

TEST(VertexCover, IsAFunctionOfTheGraph) {
  const Graph graph = random_graph(500, 300, 0.01, 9);
  const VertexCover first = graph.cover(), second = graph.cover();
  EXPECT_EQ(first.left, second.left);
  EXPECT_EQ(first.right, second.right);
}

}  // namespace
}  // namespace halorec
