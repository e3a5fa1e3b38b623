#include "engine/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace halorec {
namespace {

// What a hit at rank r = 0, 1, ... is worth to DCG: 1 / log2(r + 2).
double discount(std::int64_t r) {
  return 1.0 / std::log2(static_cast<double>(r) + 2.0);
}

}  // namespace

MetricValues measure_list(std::span<const std::uint32_t> list,
                          std::span<const std::uint32_t> relevant, std::int64_t k) {
  HALOREC_ASSERT_LIGHT(k >= 1 && !relevant.empty());
  HALOREC_ASSERT_HEAVY(std::is_sorted(relevant.begin(), relevant.end()));
  double hits = 0, gain = 0, precisions = 0, first_hit = 0;
  for (std::int64_t r = 0; r < std::min(k, std::ssize(list)); ++r) {
    const std::uint32_t item = list[static_cast<std::size_t>(r)];
    if (!std::binary_search(relevant.begin(), relevant.end(), item)) continue;
    hits += 1;
    gain += discount(r);
    precisions += hits / static_cast<double>(r + 1);
    if (first_hit == 0) first_hit = 1.0 / static_cast<double>(r + 1);
  }
  const std::int64_t best_hits = std::min(k, std::ssize(relevant));
  double ideal = 0;
  for (std::int64_t r = 0; r < best_hits; ++r) ideal += discount(r);

  MetricValues values;
  values[Metric::recall] = hits / static_cast<double>(relevant.size());
  values[Metric::precision] = hits / static_cast<double>(k);
  values[Metric::ndcg] = gain / ideal;
  values[Metric::hit_rate] = hits > 0 ? 1 : 0;
  values[Metric::mrr] = first_hit;
  values[Metric::map] = precisions / static_cast<double>(best_hits);
  return values;
}

double Evaluation::value(Metric metric, std::int64_t k) const {
  for (const MetricsAtK& figures : at) {
    if (figures.k == k) return figures.all[metric];
  }
  std::string known;
  for (const MetricsAtK& figures : at)
    known += fmt::format("{}{}", known.empty() ? "" : ", ", figures.k);
  fail("no metrics were computed for lists of {}; computed: {}", k, known);
}

std::vector<std::pair<std::string, double>> Evaluation::named_values() const {
  std::vector<std::pair<std::string, double>> named;
  const auto add = [&](const char* prefix, MetricValues MetricsAtK::*means) {
    for (const MetricsAtK& figures : at) {
      for (std::size_t m = 0; m < kNumMetrics; ++m) {
        named.emplace_back(fmt::format("{}{}@{}", prefix, kMetricNames[m], figures.k),
                           (figures.*means).values[m]);
      }
    }
  };
  add("", &MetricsAtK::all);
  add("warm_", &MetricsAtK::warm);
  if (num_cold_held_out > 0) add("cold_", &MetricsAtK::cold);
  if (num_cold_users > 0) {
    add("warm_user_", &MetricsAtK::warm_user);
    add("cold_user_", &MetricsAtK::cold_user);
  }
  for (const MetricsAtK& figures : at) {
    named.emplace_back(fmt::format("coverage@{}", figures.k), figures.coverage);
  }
  return named;
}

MetricSums::MetricSums(std::span<const std::int64_t> ks, std::uint64_t num_items)
    : ks_(ks.begin(), ks.end()), num_items_(num_items) {
  HALOREC_ASSERT_LIGHT(!ks_.empty());
  std::sort(ks_.begin(), ks_.end());
  ks_.erase(std::unique(ks_.begin(), ks_.end()), ks_.end());
  HALOREC_ASSERT_LIGHT(ks_.front() >= 1);
  for (auto& sums : sums_) sums.resize(ks_.size());
  for (auto& values : of_user_) values.resize(ks_.size());
  shown_before_.assign(ks_.size() * num_items, 0);
}

UserMetrics MetricSums::add(std::span<const std::uint32_t> list,
                            std::span<const std::uint32_t> relevant,
                            std::span<const std::uint32_t> warm_relevant, bool cold_user) {
  cold_relevant_.clear();
  std::set_difference(relevant.begin(), relevant.end(), warm_relevant.begin(), warm_relevant.end(),
                      std::back_inserter(cold_relevant_));
  ++counts_.num_users;
  counts_.num_cold_users += cold_user ? 1 : 0;
  counts_.num_warm_users += warm_relevant.empty() ? 0 : 1;
  counts_.num_users_of_cold += cold_relevant_.empty() ? 0 : 1;
  counts_.num_held_out += relevant.size();
  counts_.num_cold_held_out += cold_relevant_.size();
  const auto add_to = [](MetricValues& sums, const MetricValues& values) {
    for (std::size_t m = 0; m < kNumMetrics; ++m) sums.values[m] += values.values[m];
  };
  const auto measure = [&](std::size_t j, std::span<const std::uint32_t> some) {
    return some.size() == relevant.size() ? of_user_[kAll][j] : measure_list(list, some, ks_[j]);
  };
  for (std::size_t j = 0; j < ks_.size(); ++j) {
    of_user_[kAll][j] = measure_list(list, relevant, ks_[j]);
    add_to(sums_[kAll][j], of_user_[kAll][j]);
    add_to(sums_[cold_user ? kColdUser : kWarmUser][j], of_user_[kAll][j]);
    if (!warm_relevant.empty()) {
      of_user_[kWarm][j] = measure(j, warm_relevant);
      add_to(sums_[kWarm][j], of_user_[kWarm][j]);
    }
    if (!cold_relevant_.empty()) {
      of_user_[kCold][j] = measure(j, cold_relevant_);
      add_to(sums_[kCold][j], of_user_[kCold][j]);
    }
    const std::size_t length = std::min(list.size(), static_cast<std::size_t>(ks_[j]));
    for (std::size_t r = 0; r < length; ++r) {
      if (list[r] < num_items_) shown_before_[j * num_items_ + list[r]] = 1;
    }
  }
  UserMetrics metrics{of_user_[kAll], {}, {}};
  if (!warm_relevant.empty()) metrics.warm = of_user_[kWarm];
  if (!cold_relevant_.empty()) metrics.cold = of_user_[kCold];
  return metrics;
}

Evaluation MetricSums::reduce(Communicator& communicator, std::uint64_t num_candidates) {
  std::vector<double> sums;
  for (std::size_t j = 0; j < ks_.size(); ++j) {
    for (const auto& of_group : sums_) {
      sums.insert(sums.end(), of_group[j].values.begin(), of_group[j].values.end());
    }
  }
  communicator.sum(std::span<double>(sums));
  std::array<std::uint64_t, 6> counts = {counts_.num_users,         counts_.num_warm_users,
                                         counts_.num_users_of_cold, counts_.num_cold_users,
                                         counts_.num_held_out,      counts_.num_cold_held_out};
  communicator.sum(std::span<std::uint64_t>(counts));
  communicator.sum(std::span<std::uint32_t>(shown_before_));

  Evaluation result;
  result.num_users = counts[0];
  result.num_warm_users = counts[1];
  result.num_users_of_cold = counts[2];
  result.num_cold_users = counts[3];
  result.num_held_out = counts[4];
  result.num_cold_held_out = counts[5];
  const auto mean = [](double sum, std::uint64_t n) {
    return n == 0 ? 0.0 : sum / static_cast<double>(n);
  };
  auto next = sums.begin();
  const auto take_means = [&](MetricValues& means, std::uint64_t n) {
    for (double& value : means.values) value = mean(*next++, n);
  };
  for (std::size_t j = 0; j < ks_.size(); ++j) {
    MetricsAtK figures;
    figures.k = ks_[j];
    take_means(figures.all, result.num_users);
    take_means(figures.warm, result.num_warm_users);
    take_means(figures.cold, result.num_users_of_cold);
    take_means(figures.warm_user, result.num_users - result.num_cold_users);
    take_means(figures.cold_user, result.num_cold_users);
    const auto begin = shown_before_.begin() + static_cast<std::ptrdiff_t>(j * num_items_);
    const auto never = std::count(begin, begin + static_cast<std::ptrdiff_t>(num_items_), 0u);
    figures.coverage =
        mean(static_cast<double>(num_items_) - static_cast<double>(never), num_candidates);
    result.at.push_back(figures);
  }
  return result;
}

}  // namespace halorec
