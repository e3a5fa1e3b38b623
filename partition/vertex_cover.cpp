#include "partition/vertex_cover.hpp"

#include <limits>
#include <numeric>

#include "comm/check.hpp"

namespace halorec {
namespace {

constexpr std::int32_t kFree = -1;
constexpr std::int32_t kUnreached = std::numeric_limits<std::int32_t>::max();

// A matching that grows until it is maximum.
class Matching {
 public:
  Matching(std::int32_t num_left, std::int32_t num_right, std::span<const std::int64_t> left_begin,
           std::span<const std::int32_t> right)
      : begin_(left_begin),
        right_(right),
        mate_of_left_(static_cast<std::size_t>(num_left), kFree),
        mate_of_right_(static_cast<std::size_t>(num_right), kFree),
        level_(static_cast<std::size_t>(num_left), kUnreached) {}

  void grow() {
    match_greedily();
    while (find_levels()) {
      next_.assign(begin_.begin(), begin_.end() - 1);
      for (std::int32_t l = 0; l < num_left(); ++l) {
        if (mate_of_left(l) == kFree) augment(l);
      }
    }
  }

  // The left vertices that alternating paths from free left vertices reach stay out of the cover,
  // the right ones go in (Koenig). The last find_levels(), which met no free right vertex, has
  // walked exactly those paths.
  VertexCover cover() const {
    VertexCover cover{std::vector<char>(mate_of_left_.size(), 0),
                      std::vector<char>(mate_of_right_.size(), 0)};
    for (std::size_t l = 0; l < mate_of_left_.size(); ++l) {
      if (level_[l] == kUnreached) {
        cover.left[l] = 1;
      } else if (mate_of_left_[l] != kFree) {
        cover.right[static_cast<std::size_t>(mate_of_left_[l])] = 1;
      }
    }
    return cover;
  }

 private:
  std::int32_t num_left() const { return static_cast<std::int32_t>(mate_of_left_.size()); }
  std::int32_t& mate_of_left(std::int32_t l) { return mate_of_left_[static_cast<std::size_t>(l)]; }
  std::int32_t& mate_of_right(std::int32_t r) {
    return mate_of_right_[static_cast<std::size_t>(r)];
  }
  std::int32_t& level(std::int32_t l) { return level_[static_cast<std::size_t>(l)]; }
  std::span<const std::int32_t> edges_of(std::int32_t l) const {
    const auto first = static_cast<std::size_t>(begin_[static_cast<std::size_t>(l)]);
    const auto last = static_cast<std::size_t>(begin_[static_cast<std::size_t>(l) + 1]);
    return right_.subspan(first, last - first);
  }

  void match_greedily() {
    for (std::int32_t l = 0; l < num_left(); ++l) {
      for (const std::int32_t r : edges_of(l)) {
        if (mate_of_right(r) != kFree) continue;
        mate_of_left(l) = r;
        mate_of_right(r) = l;
        break;
      }
    }
  }

  // Breadth first from all free left vertices: level = matched edges on the shortest alternating
  // path. False when no path ends at a free right vertex; levels behind the first such end are not
  // explored.
  bool find_levels() {
    queue_.clear();
    for (std::int32_t l = 0; l < num_left(); ++l) {
      level(l) = mate_of_left(l) == kFree ? 0 : kUnreached;
      if (level(l) == 0) queue_.push_back(l);
    }
    std::int32_t last_level = kUnreached;
    for (std::size_t head = 0; head < queue_.size(); ++head) {
      const std::int32_t l = queue_[head];
      if (level(l) >= last_level) break;
      for (const std::int32_t r : edges_of(l)) {
        const std::int32_t mate = mate_of_right(r);
        if (mate == kFree) {
          last_level = level(l) + 1;
        } else if (level(mate) == kUnreached) {
          level(mate) = level(l) + 1;
          queue_.push_back(mate);
        }
      }
    }
    return last_level != kUnreached;
  }

  // Depth first along the levels from the free left vertex `root`; each edge is tried once in a
  // phase. path_ holds the left vertices from the root, next_ the edge to try at each.
  void augment(std::int32_t root) {
    path_.assign(1, root);
    while (!path_.empty()) {
      const std::int32_t l = path_.back();
      auto& next = next_[static_cast<std::size_t>(l)];
      if (next == begin_[static_cast<std::size_t>(l) + 1]) {
        path_.pop_back();
        if (!path_.empty()) ++next_[static_cast<std::size_t>(path_.back())];
        continue;
      }
      const std::int32_t mate = mate_of_right(right_[static_cast<std::size_t>(next)]);
      if (mate == kFree) {
        for (const std::int32_t on_path : path_) {
          auto& edge = next_[static_cast<std::size_t>(on_path)];
          const std::int32_t r = right_[static_cast<std::size_t>(edge++)];
          mate_of_left(on_path) = r;
          mate_of_right(r) = on_path;
        }
        return;
      }
      if (level(mate) == level(l) + 1) {
        path_.push_back(mate);
      } else {
        ++next;
      }
    }
  }

  std::span<const std::int64_t> begin_;
  std::span<const std::int32_t> right_;
  std::vector<std::int32_t> mate_of_left_, mate_of_right_;
  std::vector<std::int32_t> level_;  // of left vertices
  std::vector<std::int32_t> queue_, path_;
  std::vector<std::int64_t> next_;
};

}  // namespace

std::int64_t VertexCover::size() const {
  return std::accumulate(left.begin(), left.end(), std::int64_t{0}) +
         std::accumulate(right.begin(), right.end(), std::int64_t{0});
}

VertexCover minimum_vertex_cover(std::int32_t num_left, std::int32_t num_right,
                                 std::span<const std::int64_t> left_begin,
                                 std::span<const std::int32_t> right) {
  HALOREC_ASSERT_LIGHT(std::ssize(left_begin) == std::int64_t{num_left} + 1);
  HALOREC_ASSERT_LIGHT(left_begin.back() == std::ssize(right));
  Matching matching(num_left, num_right, left_begin, right);
  matching.grow();
  return matching.cover();
}

}  // namespace halorec
