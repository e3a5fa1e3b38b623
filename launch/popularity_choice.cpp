#include "launch/popularity_choice.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "comm/hdf5_file.hpp"
#include "engine/metrics.hpp"
#include "launch/run_folder.hpp"

namespace halorec {
namespace {

using nlohmann::ordered_json;

constexpr std::array kRungs = {0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0};

// Ascending, `start` among them.
std::vector<double> rungs(double start, double temperature) {
  std::vector<double> weights = {start};
  for (const double rung : kRungs) {
    const double weight = rung * temperature;
    // start is temperature x power, rounded as products of other factors are.
    if (std::abs(weight - start) > 1e-9 * temperature) weights.push_back(weight);
  }
  std::sort(weights.begin(), weights.end());
  return weights;
}

}  // namespace

PopularityChoice choose_log_popularity(double start, double temperature,
                                       const std::function<double(double weight)>& value_of) {
  const std::vector<double> weights = rungs(start, temperature);
  const auto begin = std::find(weights.begin(), weights.end(), start) - weights.begin();
  PopularityChoice choice{start, {{start, value_of(start)}}};
  double best = choice.tried.front().value;
  for (const std::ptrdiff_t way : {1, -1}) {
    for (auto at = begin + way; at >= 0 && at < std::ssize(weights); at += way) {
      const double weight = weights[static_cast<std::size_t>(at)];
      const double value = value_of(weight);
      choice.tried.push_back({weight, value});
      if (!is_better(value, best)) break;
      best = value;
      choice.weight = weight;
    }
    if (choice.weight != start) break;
  }
  return choice;
}

void write_popularity_choice(const RunFolder& run, const PopularityChoice& choice,
                             const std::string& metric) {
  ordered_json tried = ordered_json::array();
  for (const auto& [weight, value] : choice.tried) {
    tried.push_back({{"log_popularity", weight}, {metric, value}});
  }
  const ordered_json json{
      {"log_popularity", choice.weight}, {"chosen_on", "validation"}, {"tried", tried}};
  write_text_durably(run.lists(), json.dump(1) + "\n");
}

std::optional<double> read_popularity_choice(const RunFolder& run) {
  const auto weight_in = [](const std::filesystem::path& path) -> std::optional<double> {
    std::ifstream in(path);
    if (!in) return {};
    const auto json = ordered_json::parse(in, nullptr, false);
    const auto weight = json.is_object() ? json.find("log_popularity") : json.end();
    if (weight == json.end() || !weight->is_number()) {
      fail("{} is damaged; train again with --resume, which writes it anew", path.string());
    }
    return weight->get<double>();
  };
  const auto chosen = weight_in(run.lists()), of_result = weight_in(run.metrics());
  if (of_result && chosen != of_result) {
    fail(
        "{} is {}, and without it lists would be others than the run's result is of; train again "
        "with --resume, which writes it anew",
        run.lists().string(), chosen ? "not the run's own" : "missing");
  }
  return chosen;
}

}  // namespace halorec
