#include "engine/metrics.hpp"

#include <algorithm>
#include <cmath>

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
  for (const char* prefix : {"", "warm_"}) {
    for (const MetricsAtK& figures : at) {
      const MetricValues& means = *prefix == '\0' ? figures.all : figures.warm;
      for (std::size_t m = 0; m < kNumMetrics; ++m) {
        named.emplace_back(fmt::format("{}{}@{}", prefix, kMetricNames[m], figures.k),
                           means.values[m]);
      }
    }
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
  all_.resize(ks_.size());
  warm_.resize(ks_.size());
  of_user_.resize(ks_.size());
  shown_before_.assign(ks_.size() * num_items, 0);
}

std::span<const MetricValues> MetricSums::add(std::span<const std::uint32_t> list,
                                              std::span<const std::uint32_t> relevant,
                                              std::span<const std::uint32_t> warm_relevant,
                                              bool cold_user) {
  ++counts_.num_users;
  counts_.num_cold_users += cold_user ? 1 : 0;
  counts_.num_warm_users += warm_relevant.empty() ? 0 : 1;
  counts_.num_held_out += relevant.size();
  counts_.num_cold_held_out += relevant.size() - warm_relevant.size();
  const auto add_to = [](MetricValues& sums, const MetricValues& values) {
    for (std::size_t m = 0; m < kNumMetrics; ++m) sums.values[m] += values.values[m];
  };
  for (std::size_t j = 0; j < ks_.size(); ++j) {
    of_user_[j] = measure_list(list, relevant, ks_[j]);
    add_to(all_[j], of_user_[j]);
    if (warm_relevant.size() == relevant.size()) {
      add_to(warm_[j], of_user_[j]);
    } else if (!warm_relevant.empty()) {
      add_to(warm_[j], measure_list(list, warm_relevant, ks_[j]));
    }
    const std::size_t length = std::min(list.size(), static_cast<std::size_t>(ks_[j]));
    for (std::size_t r = 0; r < length; ++r) {
      if (list[r] < num_items_) shown_before_[j * num_items_ + list[r]] = 1;
    }
  }
  return of_user_;
}

Evaluation MetricSums::reduce(Communicator& communicator, std::uint64_t num_candidates) {
  std::vector<double> sums;
  for (std::size_t j = 0; j < ks_.size(); ++j) {
    sums.insert(sums.end(), all_[j].values.begin(), all_[j].values.end());
    sums.insert(sums.end(), warm_[j].values.begin(), warm_[j].values.end());
  }
  communicator.sum(std::span<double>(sums));
  std::array<std::uint64_t, 5> counts = {counts_.num_users, counts_.num_warm_users,
                                         counts_.num_cold_users, counts_.num_held_out,
                                         counts_.num_cold_held_out};
  communicator.sum(std::span<std::uint64_t>(counts));
  communicator.sum(std::span<std::uint32_t>(shown_before_));

  Evaluation result;
  result.num_users = counts[0];
  result.num_warm_users = counts[1];
  result.num_cold_users = counts[2];
  result.num_held_out = counts[3];
  result.num_cold_held_out = counts[4];
  const auto mean = [](double sum, std::uint64_t n) {
    return n == 0 ? 0.0 : sum / static_cast<double>(n);
  };
  auto next = sums.begin();
  for (std::size_t j = 0; j < ks_.size(); ++j) {
    MetricsAtK figures;
    figures.k = ks_[j];
    for (double& value : figures.all.values) value = mean(*next++, result.num_users);
    for (double& value : figures.warm.values) value = mean(*next++, result.num_warm_users);
    const auto begin = shown_before_.begin() + static_cast<std::ptrdiff_t>(j * num_items_);
    const auto never = std::count(begin, begin + static_cast<std::ptrdiff_t>(num_items_), 0u);
    figures.coverage =
        mean(static_cast<double>(num_items_) - static_cast<double>(never), num_candidates);
    result.at.push_back(figures);
  }
  return result;
}

}  // namespace halorec
