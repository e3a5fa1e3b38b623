#include "partition/synthetic/rmat.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "comm/check.hpp"
#include "partition/parallel.hpp"
#include "partition/synthetic/distinct.hpp"

namespace halorec {
namespace {

constexpr double kInversionBelow = 30;  // expected successes
constexpr std::uint64_t kSerialRows = 1 << 14;

// Quadrants of one level: user half, item half.
struct Level {
  double a, b, c, d;
};

constexpr std::uint32_t first_half(std::uint32_t n) {
  return n - n / 2;
}

int halvings(std::uint32_t n) {
  int levels = 0;
  for (; n > 1; n = first_half(n)) ++levels;
  return levels;
}

// Successes of n trials of probability p, from the numbers of (key, index).
std::uint64_t binomial(std::uint64_t n, double p, const Random& random, std::uint64_t key,
                       std::uint32_t index) {
  if (n == 0) return 0;
  if (p > 0.5) return n - binomial(n, 1 - p, random, key, index);
  const double mean = static_cast<double>(n) * p;
  if (mean >= kInversionBelow) {
    const double drawn = std::round(mean + std::sqrt(mean * (1 - p)) * random.normal(key, index));
    return static_cast<std::uint64_t>(std::clamp(drawn, 0.0, static_cast<double>(n)));
  }
  // P(k + 1) = P(k) (n - k) / (k + 1) p / (1 - p)
  const double odds = p / (1 - p);
  double share = std::exp(static_cast<double>(n) * std::log1p(-p));
  double left = random.uniform(key, index) - share;
  std::uint64_t k = 0;
  for (; left >= 0 && k < n; ++k) {
    share *= static_cast<double>(n - k) / static_cast<double>(k + 1) * odds;
    if (share == 0) break;
    left -= share;
  }
  return k;
}

class RmatSource final : public EdgeSource {
 public:
  explicit RmatSource(const SyntheticOptions& options)
      : options_(options),
        has_times_(options.times != "none"),
        user_row_(order_of(options.num_users, options.seed, Draw::user_scramble)),
        item_of_column_(order_of(options.num_items, options.seed, Draw::item_scramble)),
        item_(draw_of(options.seed, Draw::item)),
        count_(draw_of(options.seed, Draw::row_count)),
        time_(options.seed) {
    make_levels();
    row_edges_.resize(options.num_users);
    // Large ranges one after the other, what they come down to in parallel.
    std::vector<Range> ranges;
    spread({0, options.num_users, 0, options.num_edges}, kSerialRows,
           [&](const Range& range) { ranges.push_back(range); });
    const std::uint32_t most = most_edges_of_user(options.num_items);
    parallel_for(ranges.size(), 1, [&](std::uint64_t r) {
      spread(ranges[r], 1, [&](const Range& row) {
        row_edges_[row.first] =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(row.edges, most));
      });
    });
  }

  std::uint32_t num_users() const override { return options_.num_users; }
  std::uint32_t num_items() const override { return options_.num_items; }
  std::uint64_t num_edges() const override { return options_.num_edges; }
  bool has_times() const override { return has_times_; }
  double expected_edges(std::uint32_t user) const override { return row_edges_[user_row_(user)]; }

  void draw(std::uint32_t user, UserEdges& edges) const override {
    static thread_local SmallSet seen;
    edges.item.clear();
    edges.time.clear();
    const auto row = static_cast<std::uint32_t>(user_row_(user));
    const std::uint32_t degree = row_edges_[row];
    if (degree == 0) return;
    std::array<Choice, 32> choices;
    fill_choices(row, choices);
    seen.reset(degree);
    const std::uint64_t attempts = attempts_for(degree);
    for (std::uint64_t a = 0; a < attempts && edges.item.size() < degree; ++a) {
      const std::uint32_t column =
          draw_column(choices, item_.uniform(user, static_cast<std::uint32_t>(a)));
      if (!seen.insert(column)) continue;
      if (has_times_) {
        edges.time.push_back(time_(user, static_cast<std::uint32_t>(edges.item.size())));
      }
      edges.item.push_back(static_cast<std::uint32_t>(item_of_column_(column)));
    }
  }

 private:
  // Rows [first, first + size) at a level, with the edges that fell among them.
  struct Range {
    std::uint32_t first, size;
    int level;
    std::uint64_t edges;
  };
  // An item's half given a user's: the first has probability `first`; and the reciprocals of both.
  struct Choice {
    double first, per_first, per_second;
  };

  void make_levels() {
    const auto [a, b, c, d] = options_.quadrants;
    const Random random = draw_of(options_.seed, Draw::level);
    const int count = std::max(halvings(options_.num_users), halvings(options_.num_items));
    const double most = options_.level_noise * std::min({(a + d) / 2, b, c});
    for (int l = 0; l < count; ++l) {
      const double m = most * (2 * random.uniform(static_cast<std::uint64_t>(l)) - 1);
      levels_.push_back({a * (1 - 2 * m / (a + d)), b + m, c + m, d * (1 - 2 * m / (a + d))});
    }
  }

  // Hands edges down from `range` until ranges have at most `until` rows, and calls leaf(range).
  template <typename Leaf>
  void spread(const Range& range, std::uint64_t until, const Leaf& leaf) const {
    if (range.size <= until) return leaf(range);
    const Level& level = levels_[static_cast<std::size_t>(range.level)];
    const std::uint32_t half = first_half(range.size);
    const std::uint64_t upper = binomial(range.edges, level.a + level.b, count_, range.first,
                                         static_cast<std::uint32_t>(range.level));
    spread({range.first, half, range.level + 1, upper}, until, leaf);
    spread({range.first + half, range.size - half, range.level + 1, range.edges - upper}, until,
           leaf);
  }

  void fill_choices(std::uint32_t row, std::array<Choice, 32>& choices) const {
    std::uint32_t first = 0, size = options_.num_users;
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      const Level& level = levels_[l];
      double p = level.a + level.c;
      if (size > 1) {
        const std::uint32_t half = first_half(size);
        const bool second = row >= first + half;
        p = second ? level.c / (level.c + level.d) : level.a / (level.a + level.b);
        first += second ? half : 0;
        size = second ? size - half : half;
      }
      choices[l] = {p, 1 / p, 1 / (1 - p)};
    }
  }

  // Each level's half eats its share of the uniform's interval, which is stretched to [0, 1) again.
  std::uint32_t draw_column(const std::array<Choice, 32>& choices, double uniform) const {
    std::uint32_t first = 0, size = options_.num_items;
    for (std::size_t l = 0; size > 1; ++l) {
      const Choice& choice = choices[l];
      const std::uint32_t half = first_half(size);
      const bool second = uniform >= choice.first;
      uniform = second ? (uniform - choice.first) * choice.per_second : uniform * choice.per_first;
      first += second ? half : 0;
      size = second ? size - half : half;
    }
    return first;
  }

  SyntheticOptions options_;
  bool has_times_;
  std::vector<Level> levels_;
  Permutation user_row_, item_of_column_;
  std::vector<std::uint32_t> row_edges_;
  Random item_, count_;
  UniformTimes time_;
};

}  // namespace

std::unique_ptr<EdgeSource> make_rmat(const SyntheticOptions& options) {
  return std::make_unique<RmatSource>(options);
}

}  // namespace halorec
