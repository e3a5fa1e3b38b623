// What a benchmark may say of repeated measurements: medians with quartiles, and ratios of
// measurements that were taken in turns, so that a machine that grows slower meets all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace halorec {

struct Summary {
  std::int64_t count = 0;
  double median = 0;
  double lower = 0;  // first quartile
  double upper = 0;  // third quartile
  double smallest = 0;
  double largest = 0;

  // The middle half's width over the median: 0.05 reads "within about 2.5 % of it".
  double spread() const { return median == 0 ? 0 : (upper - lower) / median; }
};

// Quartiles are interpolated linearly between order statistics (Hyndman and Fan 1996, type 7).
// Error when there is no value.
Summary summarise(std::vector<double> values);

nlohmann::ordered_json summary_json(const Summary& summary);
Summary summary_of(const nlohmann::ordered_json& json);

// Takes every measurement once a round, each round starting with another one, after `warm_up`
// rounds whose values are dropped. Returns [measurement][round].
std::vector<std::vector<double>> interleave(
    const std::vector<std::function<double()>>& measurements, std::int64_t rounds,
    std::int64_t warm_up);

// Round by round: above[k] / below[k].
std::vector<double> ratios(const std::vector<double>& above, const std::vector<double>& below);

// Seconds that `work` takes.
double seconds_of(const std::function<void()>& work);

}  // namespace halorec
