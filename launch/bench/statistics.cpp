#include "launch/bench/statistics.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"

namespace halorec {
namespace {

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Summary summarise(std::vector<double> values) {
  if (values.empty()) fail("nothing was measured");
  std::sort(values.begin(), values.end());
  return {static_cast<std::int64_t>(values.size()),
          quantile(values, 0.5),
          quantile(values, 0.25),
          quantile(values, 0.75),
          values.front(),
          values.back()};
}

nlohmann::ordered_json summary_json(const Summary& summary) {
  return {{"median", summary.median},     {"lower", summary.lower},     {"upper", summary.upper},
          {"smallest", summary.smallest}, {"largest", summary.largest}, {"count", summary.count}};
}

Summary summary_of(const nlohmann::ordered_json& json) {
  Summary summary;
  json.at("count").get_to(summary.count);
  json.at("median").get_to(summary.median);
  json.at("lower").get_to(summary.lower);
  json.at("upper").get_to(summary.upper);
  json.at("smallest").get_to(summary.smallest);
  json.at("largest").get_to(summary.largest);
  return summary;
}

std::vector<std::vector<double>> interleave(
    const std::vector<std::function<double()>>& measurements, std::int64_t rounds,
    std::int64_t warm_up) {
  std::vector<std::vector<double>> values(measurements.size());
  for (std::int64_t round = -warm_up; round < rounds; ++round) {
    for (std::size_t k = 0; k < measurements.size(); ++k) {
      const std::size_t turn =
          (k + static_cast<std::size_t>(round + warm_up)) % measurements.size();
      const double value = measurements[turn]();
      if (round >= 0) values[turn].push_back(value);
    }
  }
  return values;
}

std::vector<double> ratios(const std::vector<double>& above, const std::vector<double>& below) {
  HALOREC_ASSERT_LIGHT(above.size() == below.size());
  std::vector<double> result(above.size());
  for (std::size_t k = 0; k < above.size(); ++k) result[k] = above[k] / below[k];
  return result;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace halorec
