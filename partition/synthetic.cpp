#include "partition/synthetic.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "comm/check.hpp"
#include "comm/random.hpp"
#include "partition/parallel.hpp"
#include "partition/split.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kFirstTime = 1'672'531'200;  // 2023-01-01
constexpr std::uint64_t kTimeSpan = 63'158'400;     // 731 days
constexpr std::uint64_t kUsersPerChunk = 512;
// Draws that a user makes for d distinct items before it gives up: most of these are needed only
// when d comes near the size of the community.
constexpr std::uint64_t kAttemptsPerEdge = 30;
constexpr std::uint64_t kExtraAttempts = 300;
constexpr std::uint64_t kMaxCatalogueShare = 2;  // no user has more than 1/2 of all items

// Steps of the synthetic purpose: one for each kind of draw.
enum Draw : std::uint64_t { kUserOrder, kItemOrder, kRankOrder, kDegree, kChoice, kItem, kTime };

Random draw(std::uint64_t seed, Draw what) {
  return {seed, Purpose::synthetic, what};
}

void check_options(const SyntheticOptions& options) {
  const std::uint64_t users = options.num_users, items = options.num_items;
  if (users == 0 || items < 2) fail_usage("generate: at least one user and two items are needed");
  if (options.num_edges < users) {
    fail_usage("--edges: {} is below one for each of {} users", options.num_edges, users);
  }
  const std::uint64_t most = users * (items / kMaxCatalogueShare);
  if (options.num_edges > most) {
    fail_usage("--edges: {} is more than {}, half of all {} x {} pairs", options.num_edges, most,
               users, items);
  }
  if (options.num_communities == 0 || options.num_communities > items ||
      options.num_communities > users) {
    fail_usage("--communities: {} is not between 1 and the number of users and of items ({})",
               options.num_communities, std::min(users, items));
  }
  if (!(options.mixing >= 0 && options.mixing <= 1)) {
    fail_usage("--mixing: {} is not between 0 and 1", options.mixing);
  }
  if (!(options.item_exponent >= 0 && options.item_exponent <= 3)) {
    fail_usage("--item-exponent: {} is not between 0 and 3", options.item_exponent);
  }
  if (!(options.user_shape > 1)) {
    fail_usage("--user-shape: {} is not above 1", options.user_shape);
  }
  if (options.protocol == "given") {
    fail_usage("--protocol: generated data comes without a split; choose random, leave-last, time");
  }
}

// Equal groups, dealt out in a random order.
std::vector<std::uint32_t> plant(std::uint64_t n, std::uint32_t communities, std::uint64_t seed,
                                 Draw what) {
  const Permutation order(n, seed, Purpose::synthetic, what);
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
  const double cap = static_cast<double>(options.num_items / kMaxCatalogueShare) - 1;
  const Random random = draw(options.seed, kDegree);
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
        u + 1 == n ? options.num_edges - n
                   : std::min(static_cast<std::uint64_t>(running + 0.5), options.num_edges - n);
    degree[u] = static_cast<std::uint32_t>(1 + up_to - given);
    given = up_to;
  }
  return degree;
}

// Items in the order of their communities with running weights: one binary search draws from a
// community or from all.
class Catalogue {
 public:
  Catalogue(const std::vector<std::uint32_t>& community, const std::vector<float>& weight,
            std::uint32_t num_communities)
      : begin_(num_communities + 1, 0), items_(community.size()), before_(community.size() + 1) {
    for (const std::uint32_t c : community) ++begin_[c + 1];
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    std::vector<std::uint64_t> next(begin_.begin(), begin_.end() - 1);
    for (std::uint64_t i = 0; i < community.size(); ++i) {
      items_[next[community[i]]++] = static_cast<std::uint32_t>(i);
    }
    for (std::uint64_t k = 0; k < items_.size(); ++k) {
      before_[k + 1] = before_[k] + static_cast<double>(weight[items_[k]]);
    }
  }

  std::uint32_t draw_from(std::uint32_t community, double uniform) const {
    return draw_between(begin_[community], begin_[community + 1], uniform);
  }
  std::uint32_t draw_from_all(double uniform) const {
    return draw_between(0, items_.size(), uniform);
  }

 private:
  std::uint32_t draw_between(std::uint64_t first, std::uint64_t last, double uniform) const {
    const double at = before_[first] + uniform * (before_[last] - before_[first]);
    const auto begin = before_.begin() + static_cast<std::ptrdiff_t>(first) + 1;
    const auto end = before_.begin() + static_cast<std::ptrdiff_t>(last);
    return items_[static_cast<std::size_t>(std::upper_bound(begin, end, at) - before_.begin()) - 1];
  }

  std::vector<std::uint64_t> begin_;  // of each community in items_
  std::vector<std::uint32_t> items_;
  std::vector<double> before_;  // weight of all items before position k
};

// A set of items for one user, emptied in O(size): open addressing, stamped.
class SmallSet {
 public:
  void reset(std::uint64_t max_size) {
    const std::uint64_t wanted = std::max<std::uint64_t>(16, std::bit_ceil(max_size * 2));
    if (slots_.size() < wanted) slots_.assign(wanted, {0, 0}), stamp_ = 0;
    if (++stamp_ == 0) slots_.assign(slots_.size(), {0, 0}), stamp_ = 1;
  }
  bool insert(std::uint32_t item) {
    const std::uint64_t mask = slots_.size() - 1;
    std::uint64_t slot = (item * 0x9E3779B97F4A7C15ULL >> 20) & mask;
    for (; slots_[slot].stamp == stamp_; slot = (slot + 1) & mask) {
      if (slots_[slot].item == item) return false;
    }
    slots_[slot] = {item, stamp_};
    return true;
  }

 private:
  struct Slot {
    std::uint32_t item, stamp;
  };
  std::vector<Slot> slots_;
  std::uint32_t stamp_ = 0;
};

StringTable number_names(char letter, std::uint64_t n) {
  StringTable names;
  names.offsets.reserve(n + 1);
  for (std::uint64_t i = 0; i < n; ++i) names.push_back(fmt::format("{}{}", letter, i));
  return names;
}

// Fills events with every user's distinct items; returns the number of edges that found no place.
std::uint64_t draw_edges(const SyntheticOptions& options, const Truth& truth,
                         const std::vector<std::uint32_t>& degree, EventTable& events) {
  const Catalogue catalogue(truth.item_community, truth.item_weight, options.num_communities);
  const Random choice = draw(options.seed, kChoice), item_draw = draw(options.seed, kItem),
               time_draw = draw(options.seed, kTime);
  std::vector<std::uint64_t> begin(degree.size() + 1, 0);
  for (std::size_t u = 0; u < degree.size(); ++u) begin[u + 1] = begin[u] + degree[u];
  events.user.resize(begin.back());
  events.item.resize(begin.back());
  events.time.resize(begin.back());
  std::vector<std::uint32_t> placed(degree.size());
  parallel_for(degree.size(), kUsersPerChunk, [&](std::uint64_t u) {
    static thread_local SmallSet seen;
    seen.reset(degree[u]);
    const std::uint64_t attempts = degree[u] * kAttemptsPerEdge + kExtraAttempts;
    std::uint32_t found = 0;
    for (std::uint64_t a = 0; a < attempts && found < degree[u]; ++a) {
      const auto attempt = static_cast<std::uint32_t>(a);
      const double uniform = item_draw.uniform(u, attempt);
      const std::uint32_t item = choice.uniform(u, attempt) < options.mixing
                                     ? catalogue.draw_from_all(uniform)
                                     : catalogue.draw_from(truth.user_community[u], uniform);
      if (!seen.insert(item)) continue;
      const std::uint64_t at = begin[u] + found;
      events.user[at] = static_cast<std::uint32_t>(u);
      events.item[at] = item;
      events.time[at] =
          kFirstTime + static_cast<std::int64_t>(time_draw.below(kTimeSpan, u, found));
      ++found;
    }
    placed[u] = found;
  });
  // Close the gaps of users who found fewer.
  std::uint64_t size = 0;
  for (std::size_t u = 0; u < degree.size(); ++u) {
    for (std::uint64_t k = begin[u]; k < begin[u] + placed[u]; ++k, ++size) {
      events.user[size] = events.user[k];
      events.item[size] = events.item[k];
      events.time[size] = events.time[k];
    }
  }
  events.user.resize(size);
  events.item.resize(size);
  events.time.resize(size);
  return begin.back() - size;
}

template <typename T>
std::vector<T> pick(const std::vector<T>& values, const std::vector<std::uint32_t>& origin) {
  std::vector<T> picked(origin.size());
  for (std::size_t k = 0; k < origin.size(); ++k) picked[k] = values[origin[k]];
  return picked;
}

}  // namespace

Dataset generate_dataset(const SyntheticOptions& options) {
  check_options(options);
  Truth truth;
  truth.mixing = options.mixing;
  truth.user_community =
      plant(options.num_users, options.num_communities, options.seed, kUserOrder);
  truth.item_community =
      plant(options.num_items, options.num_communities, options.seed, kItemOrder);
  const Permutation ranks(options.num_items, options.seed, Purpose::synthetic, kRankOrder);
  truth.item_weight.resize(options.num_items);
  parallel_for(options.num_items, 4096, [&](std::uint64_t i) {
    truth.item_weight[i] =
        static_cast<float>(std::pow(static_cast<double>(ranks(i) + 1), -options.item_exponent));
  });

  EventTable events;
  const std::uint64_t missing = draw_edges(options, truth, draw_degrees(options), events);
  events.users = number_names('u', options.num_users);
  events.items = number_names('i', options.num_items);
  const std::uint64_t placed = events.size();

  SplitOptions split;
  split.protocol = options.protocol;
  split.seed = options.seed;
  split.keep_repeats = options.keep_repeats;
  SplitCounts counts;
  std::vector<std::uint32_t> user_origin, item_origin;
  Dataset dataset = split_events(std::move(events), split, counts, &user_origin, &item_origin);
  dataset.truth = std::make_unique<Truth>();
  dataset.truth->user_community = pick(truth.user_community, user_origin);
  dataset.truth->item_community = pick(truth.item_community, item_origin);
  dataset.truth->item_weight = pick(truth.item_weight, item_origin);
  dataset.truth->mixing = options.mixing;

  dataset.source = fmt::format(
      "generate --users {} --items {} --edges {} --communities {} --mixing {} --item-exponent {} "
      "--user-shape {} --seed {} --protocol {}",
      options.num_users, options.num_items, options.num_edges, options.num_communities,
      options.mixing, options.item_exponent, options.user_shape, options.seed, options.protocol);
  nlohmann::ordered_json report;
  report["format"] = "synthetic";
  report["edges_asked"] = options.num_edges;
  report["edges_placed"] = placed;
  report["edges_not_placed"] = missing;
  report["users_without_edges"] = options.num_users - dataset.users.size();
  report["items_without_edges"] = options.num_items - dataset.items.size();
  report["cold_users"] = {{"validation", counts.cold_users[1]}, {"test", counts.cold_users[2]}};
  report["cold_items"] = {{"validation", counts.cold_items[1]}, {"test", counts.cold_items[2]}};
  report["cold_interactions"] = {{"validation", counts.cold_interactions[1]},
                                 {"test", counts.cold_interactions[2]}};
  dataset.report_json = report.dump();
  return dataset;
}

TruthScore::TruthScore(Truth truth) : truth_(std::move(truth)) {
  for (std::size_t i = 0; i < truth_.item_weight.size(); ++i) {
    const std::uint32_t community = truth_.item_community[i];
    if (community >= community_weight_.size()) community_weight_.resize(community + 1, 0);
    community_weight_[community] += static_cast<double>(truth_.item_weight[i]);
    total_weight_ += static_cast<double>(truth_.item_weight[i]);
  }
}

double TruthScore::operator()(std::uint32_t user, std::uint32_t item) const {
  const std::uint32_t community = truth_.item_community[item];
  double share = truth_.mixing / total_weight_;
  if (community == truth_.user_community[user]) {
    share += (1 - truth_.mixing) / community_weight_[community];
  }
  return std::log(static_cast<double>(truth_.item_weight[item]) * share);
}

}  // namespace halorec
