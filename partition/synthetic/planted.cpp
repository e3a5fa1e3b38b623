#include "partition/synthetic/planted.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "partition/parallel.hpp"
#include "partition/synthetic/distinct.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kDrawsAtOnce = 16;

// Equal groups, dealt out in a random order.
std::vector<std::uint32_t> plant(std::uint64_t n, std::uint32_t communities, std::uint64_t seed,
                                 Draw what) {
  const Permutation order = order_of(n, seed, what);
  std::vector<std::uint32_t> community(n);
  parallel_for(n, 4096, [&](std::uint64_t i) {
    community[i] = static_cast<std::uint32_t>(order(i) % communities);
  });
  return community;
}

// Degrees that follow Pareto(shape), each at least 1 and at most half the catalogue, and sum to
// num_edges: what the cap cuts off is spread over the others, largest remainders by running sum.
std::vector<std::uint32_t> draw_degrees(const SyntheticOptions& options) {
  const std::uint64_t n = options.num_users;
  const double cap = static_cast<double>(most_edges_of_user(options.num_items)) - 1;
  const Random random = draw_of(options.seed, Draw::degree);
  std::vector<double> wanted(n);
  parallel_for(n, 4096, [&](std::uint64_t u) {
    wanted[u] = std::pow(1 - random.uniform(u), -1 / options.user_shape);
  });
  // Every user has one edge; the others are shared out by `wanted`, scaled until the capped ones
  // and the rest sum up.
  const double to_share = static_cast<double>(options.num_edges - n);
  double low = 0, high = cap + 1;  // wanted is at least 1: this scale caps every user
  const auto shared = [&](double scale) {
    double sum = 0;
    for (const double w : wanted) sum += std::min(scale * w, cap);
    return sum;
  };
  for (int i = 0; i < 64; ++i) {
    const double middle = (low + high) / 2;
    (shared(middle) < to_share ? low : high) = middle;
  }
  std::vector<std::uint32_t> degree(n);
  double running = 0;
  std::uint64_t given = 0;
  for (std::uint64_t u = 0; u < n; ++u) {
    running += std::min(high * wanted[u], cap);
    const std::uint64_t up_to =
        u + 1 == n
            ? options.num_edges - n
            : std::min(static_cast<std::uint64_t>(std::llround(running)), options.num_edges - n);
    degree[u] = static_cast<std::uint32_t>(1 + up_to - given);
    given = up_to;
  }
  return degree;
}

// Items in the order of their communities with running weights: one look into a guide table, and a
// step or two from there, draws from a community or from all (the indexed search of Chen and Asau,
// AIIE Transactions 1974). Both looks miss the cache; they are taken apart so that several draws
// can wait for memory at once.
class Catalogue {
 public:
  Catalogue(const std::vector<std::uint32_t>& community, const std::vector<float>& weight,
            std::uint32_t num_communities)
      : begin_(num_communities + 1, 0),
        before_(num_communities + 1, 0.0),
        items_(community.size()) {
    for (const std::uint32_t c : community) ++begin_[c + 1];
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    std::vector<std::uint64_t> next(begin_.begin(), begin_.end() - 1);
    for (std::uint64_t i = 0; i < community.size(); ++i) {
      items_[next[community[i]]++].item = static_cast<std::uint32_t>(i);
    }
    double sum = 0;
    for (std::uint32_t c = 0; c < num_communities; ++c) {
      for (std::uint64_t k = begin_[c]; k < begin_[c + 1]; ++k) {
        sum += static_cast<double>(weight[items_[k].item]);
        items_[k].up_to = sum;
      }
      before_[c + 1] = sum;
    }
    cells_per_weight_ = static_cast<double>(items_.size()) / sum;
    guide_.resize(items_.size() + 1);
    for (std::uint64_t cell = 0, k = 0; cell < guide_.size(); ++cell) {
      while (k + 1 < items_.size() && cell_of(items_[k].up_to) < cell) ++k;
      guide_[cell] = static_cast<std::uint32_t>(k);
    }
  }

  // A draw on its way: the items [at, last) are searched for the first whose weights sum up to more
  // than `weight`.
  struct Pending {
    double weight;
    std::uint64_t at, last;
  };
  // From communities [first, last).
  Pending start(std::uint32_t first, std::uint32_t last, double uniform) const {
    const Pending pending{before_[first] + uniform * (before_[last] - before_[first]),
                          begin_[first], begin_[last]};
    __builtin_prefetch(&guide_[cell_of(pending.weight)]);
    return pending;
  }
  void look_up(Pending& pending) const {
    // An item whose weight ends in an earlier cell ends before the draw's.
    pending.at = std::max<std::uint64_t>(pending.at, guide_[cell_of(pending.weight)]);
    __builtin_prefetch(&items_[pending.at]);
  }
  std::uint32_t finish(const Pending& pending) const {
    std::uint64_t k = pending.at;
    while (k + 1 < pending.last && items_[k].up_to <= pending.weight) ++k;
    return items_[k].item;
  }

 private:
  struct Weighed {
    double up_to;  // weight of all items up to this one
    std::uint32_t item;
  };
  std::uint64_t cell_of(double weight) const {
    return static_cast<std::uint64_t>(weight * cells_per_weight_);
  }

  std::vector<std::uint64_t> begin_;  // of each community in items_
  std::vector<double> before_;        // weight of all communities before
  std::vector<Weighed> items_;
  std::vector<std::uint32_t> guide_;  // by cell of weight: first position that ends in it or later
  double cells_per_weight_ = 0;
};

class PlantedSource final : public EdgeSource {
 public:
  explicit PlantedSource(const SyntheticOptions& options)
      : options_(options),
        has_times_(options.times != "none"),
        user_community_(
            plant(options.num_users, options.num_communities, options.seed, Draw::user_order)),
        item_community_(
            plant(options.num_items, options.num_communities, options.seed, Draw::item_order)),
        item_weight_(options.num_items),
        degree_(draw_degrees(options)),
        choice_(draw_of(options.seed, Draw::choice)),
        item_(draw_of(options.seed, Draw::item)),
        shift_(draw_of(options.seed, Draw::shift)),
        time_(options.seed) {
    const Permutation ranks = order_of(options.num_items, options.seed, Draw::rank_order);
    parallel_for(options.num_items, 4096, [&](std::uint64_t i) {
      item_weight_[i] =
          static_cast<float>(std::pow(static_cast<double>(ranks(i) + 1), -options.item_exponent));
    });
    catalogue_.emplace(item_community_, item_weight_, options.num_communities);
  }

  std::uint32_t num_users() const override { return options_.num_users; }
  std::uint32_t num_items() const override { return options_.num_items; }
  std::uint64_t num_edges() const override { return options_.num_edges; }
  bool has_times() const override { return has_times_; }
  double expected_edges(std::uint32_t user) const override { return degree_[user]; }

  void draw(std::uint32_t user, UserEdges& edges) const override {
    static thread_local SmallSet seen;
    const std::uint32_t degree = degree_[user];
    seen.reset(degree);
    edges.item.clear();
    edges.time.clear();
    const std::uint64_t attempts = attempts_for(degree);
    std::array<Catalogue::Pending, kDrawsAtOnce> pending;
    for (std::uint64_t a = 0; a < attempts && edges.item.size() < degree;) {
      const auto count = static_cast<std::uint32_t>(
          std::min({kDrawsAtOnce, attempts - a, degree - edges.item.size()}));
      // As if none of them were drawn before: edge by edge.
      const auto found = static_cast<std::uint32_t>(edges.item.size());
      for (std::uint32_t k = 0; k < count; ++k) {
        if (has_times_ && edges.time.size() == found + k) {
          edges.time.push_back(time_(user, found + k));
        }
        pending[k] = start_draw(user, static_cast<std::uint32_t>(a + k),
                                has_times_ ? edges.time[found + k] : 0);
      }
      for (std::uint32_t k = 0; k < count; ++k) catalogue_->look_up(pending[k]);
      for (std::uint32_t k = 0; k < count; ++k, ++a) {
        const std::uint32_t item = catalogue_->finish(pending[k]);
        if (seen.insert(item)) {
          edges.item.push_back(item);
        } else if (options_.drift > 0) {
          ++a;  // those behind it were drawn at the times of other edges
          break;
        }
      }
    }
    if (has_times_) edges.time.resize(edges.item.size());
  }

  std::unique_ptr<Truth> truth() const override {
    auto truth = std::make_unique<Truth>();
    truth->user_community = user_community_;
    truth->item_community = item_community_;
    truth->item_weight = item_weight_;
    truth->mixing = options_.mixing;
    truth->drift = options_.drift;
    if (options_.drift > 0) {
      truth->first_time = kFirstTime;
      truth->span_seconds = kSpanSeconds;
    }
    truth->attribute_noise = options_.attribute_noise;
    return truth;
  }
  std::vector<std::uint32_t> user_attributes() const override {
    return attributes_of(user_community_, Draw::user_attribute);
  }
  std::vector<std::uint32_t> item_attributes() const override {
    return attributes_of(item_community_, Draw::item_attribute);
  }

 private:
  Catalogue::Pending start_draw(std::uint32_t user, std::uint32_t attempt,
                                std::int64_t time) const {
    const double uniform = item_.uniform(user, attempt);
    if (choice_.uniform(user, attempt) < options_.mixing) {
      return catalogue_->start(0, options_.num_communities, uniform);
    }
    std::uint32_t community = user_community_[user];
    if (options_.drift > 0) community = taste_at(community, time, user, attempt);
    return catalogue_->start(community, community + 1, uniform);
  }

  std::uint32_t taste_at(std::uint32_t community, std::int64_t time, std::uint32_t user,
                         std::uint32_t attempt) const {
    const double moved = options_.drift * static_cast<double>(time - kFirstTime) / kSpanSeconds;
    const double whole = std::floor(moved);
    const bool one_more = shift_.uniform(user, attempt) < moved - whole;
    return static_cast<std::uint32_t>(
        (community + static_cast<std::uint64_t>(whole) + (one_more ? 1 : 0)) %
        options_.num_communities);
  }

  std::vector<std::uint32_t> attributes_of(const std::vector<std::uint32_t>& community,
                                           Draw what) const {
    if (!options_.attribute_noise) return {};
    const Random random = draw_of(options_.seed, what);
    std::vector<std::uint32_t> attribute(community.size());
    parallel_for(community.size(), 4096, [&](std::uint64_t n) {
      const bool is_noise = random.uniform(n, 0) < *options_.attribute_noise;
      attribute[n] = is_noise
                         ? static_cast<std::uint32_t>(random.below(options_.num_communities, n, 1))
                         : community[n];
    });
    return attribute;
  }

  SyntheticOptions options_;
  bool has_times_;
  std::vector<std::uint32_t> user_community_, item_community_;
  std::vector<float> item_weight_;
  std::vector<std::uint32_t> degree_;  // of users
  Random choice_, item_, shift_;
  UniformTimes time_;
  std::optional<Catalogue> catalogue_;
};

}  // namespace

std::unique_ptr<EdgeSource> make_planted(const SyntheticOptions& options) {
  return std::make_unique<PlantedSource>(options);
}

}  // namespace halorec
