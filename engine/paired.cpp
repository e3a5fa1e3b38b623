#include "engine/paired.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "comm/check.hpp"
#include "comm/random.hpp"

namespace halorec {
namespace {

constexpr double kTail = 0.025;

Interval interval_of(std::vector<double>& resamples) {
  std::sort(resamples.begin(), resamples.end());
  const auto cut = static_cast<std::ptrdiff_t>(kTail * static_cast<double>(resamples.size()));
  return {resamples[static_cast<std::size_t>(cut)],
          resamples[static_cast<std::size_t>(std::ssize(resamples) - 1 - cut)]};
}

double ratio_less_one(double a, double b) {
  return b > 0 ? a / b - 1 : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::vector<PairedDifference> compare_paired(std::span<const double> first,
                                             std::span<const double> second,
                                             std::size_t num_figures, std::uint64_t seed) {
  HALOREC_ASSERT_LIGHT(num_figures > 0 && first.size() == second.size());
  HALOREC_ASSERT_LIGHT(!first.empty() && first.size() % num_figures == 0);
  const std::size_t num_users = first.size() / num_figures;
  // Sums of each resample, [resamples x 2 num_figures]: first's, then second's.
  const std::size_t width = 2 * num_figures;
  std::vector<double> sums(static_cast<std::size_t>(kNumResamples) * width, 0.0);
  const std::uint64_t start = hash_bytes("paired bootstrap", seed);
#pragma omp parallel for schedule(static)
  for (std::int64_t resample = 0; resample < kNumResamples; ++resample) {
    const std::uint64_t sequence = sequence_bits(start, static_cast<std::uint64_t>(resample));
    double* const sum = sums.data() + static_cast<std::size_t>(resample) * width;
    for (std::size_t draw = 0; draw < num_users; ++draw) {
      const std::size_t user = sequence_bits(sequence, draw) % num_users;
      for (std::size_t f = 0; f < num_figures; ++f) {
        sum[f] += first[user * num_figures + f];
        sum[num_figures + f] += second[user * num_figures + f];
      }
    }
  }
  const auto n = static_cast<double>(num_users);
  std::vector<PairedDifference> result(num_figures);
  std::vector<double> differences, relatives;
  for (std::size_t f = 0; f < num_figures; ++f) {
    PairedDifference& figure = result[f];
    for (std::size_t user = 0; user < num_users; ++user) {
      figure.first += first[user * num_figures + f] / n;
      figure.second += second[user * num_figures + f] / n;
    }
    figure.difference = figure.first - figure.second;
    figure.relative = ratio_less_one(figure.first, figure.second);
    differences.clear();
    relatives.clear();
    bool has_ratio = true;
    for (std::size_t r = 0; r < static_cast<std::size_t>(kNumResamples); ++r) {
      const double a = sums[r * width + f], b = sums[r * width + num_figures + f];
      differences.push_back((a - b) / n);
      relatives.push_back(ratio_less_one(a, b));
      has_ratio = has_ratio && b > 0;
    }
    figure.interval = interval_of(differences);
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    figure.relative_interval = has_ratio ? interval_of(relatives) : Interval{kNone, kNone};
  }
  return result;
}

}  // namespace halorec
