// Ranking metrics. docs/METRICS.md defines each one with its edge cases; this is the arithmetic:
// one list against one user's held-out items, and the means over users.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"

namespace halorec {

enum class Metric : std::uint8_t { recall, precision, ndcg, hit_rate, mrr, map };
inline constexpr std::size_t kNumMetrics = 6;
inline constexpr std::array<std::string_view, kNumMetrics> kMetricNames = {
    "recall", "precision", "ndcg", "hit_rate", "mrr", "map"};

struct MetricValues {
  std::array<double, kNumMetrics> values{};
  double& operator[](Metric m) { return values[static_cast<std::size_t>(m)]; }
  double operator[](Metric m) const { return values[static_cast<std::size_t>(m)]; }
};

// The metrics of one list, best item first, cut at k. `relevant`: the held-out items, ascending and
// distinct, at least one. Items of `list` are distinct; it may be shorter than k.
MetricValues measure_list(std::span<const std::uint32_t> list,
                          std::span<const std::uint32_t> relevant, std::int64_t k);

// Whether a metric is better than another beyond rounding: the last bits of sums over users differ
// between numbers of ranks, and what is chosen by them must not.
inline bool is_better(double value, double best) {
  return value > best + 1e-9;
}

// One length of list. Means over users with a held-out item; of `warm` and `cold` over those with
// such a held-out item.
struct MetricsAtK {
  std::int64_t k = 0;
  MetricValues all;
  MetricValues warm;       // held-out items seen in training alone
  MetricValues cold;       // the others alone
  MetricValues warm_user;  // users with a training interaction alone
  MetricValues cold_user;  // the others alone
  double coverage = 0;     // items that stand in some list / items that could
};

// A split's figures. The same on every rank.
struct Evaluation {
  std::vector<MetricsAtK> at;           // by ascending k
  std::uint64_t num_users = 0;          // with a held-out item
  std::uint64_t num_warm_users = 0;     // with a held-out item that was seen in training
  std::uint64_t num_users_of_cold = 0;  // with a held-out item that was not
  std::uint64_t num_cold_users = 0;     // among num_users: no interaction in training
  std::uint64_t num_held_out = 0;       // held-out interactions
  std::uint64_t num_cold_held_out = 0;  // among them: of items never seen in training
  double seconds = 0;

  // Error when k was not evaluated.
  double value(Metric metric, std::int64_t k) const;
  // ("recall@20", .183) ..., then ("warm_recall@20", ...); where there are cold items or users also
  // cold_, or warm_user_ and cold_user_; last ("coverage@20", ...).
  std::vector<std::pair<std::string, double>> named_values() const;
};

// One user's metrics at each k.
struct UserMetrics {
  std::span<const MetricValues> all;
  std::span<const MetricValues> warm, cold;  // empty where no such item is held out
};

// Sums users' metrics, in double, in the order of the calls, and ranks' sums in a fixed order.
class MetricSums {
 public:
  // `ks`: lengths of lists, each at least 1; sorted and made distinct here.
  MetricSums(std::span<const std::int64_t> ks, std::uint64_t num_items);

  std::span<const std::int64_t> ks() const { return ks_; }
  std::int64_t largest_k() const { return ks_.back(); }

  // One user. An index of num_items or more in `list` is an unknown item: a miss. `warm_relevant`:
  // those of `relevant` (not empty) that were seen in training. What is returned is valid until the
  // next call.
  UserMetrics add(std::span<const std::uint32_t> list, std::span<const std::uint32_t> relevant,
                  std::span<const std::uint32_t> warm_relevant, bool cold_user);

  // The means over all ranks' users. `num_candidates`: items that may stand in a list. Collective;
  // once.
  Evaluation reduce(Communicator& communicator, std::uint64_t num_candidates);

 private:
  // What is summed of a user, in the order of MetricsAtK.
  enum Group : std::size_t { kAll, kWarm, kCold, kWarmUser, kColdUser, kNumGroups };

  std::vector<std::int64_t> ks_;
  std::array<std::vector<MetricValues>, kNumGroups> sums_;  // [k]
  std::array<std::vector<MetricValues>, 3> of_user_;        // all, warm, cold: [k]
  std::vector<std::uint32_t> cold_relevant_;
  std::vector<std::uint32_t> shown_before_;  // [k][item]: 1 where the item stands in some list
  std::uint64_t num_items_;
  Evaluation counts_;
};

}  // namespace halorec
