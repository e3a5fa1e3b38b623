#include "launch/paired_runs.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "models/registry.hpp"

namespace halorec {
namespace {

constexpr std::array<const char*, 3> kPrefixes = {"", "warm_", "cold_"};

}  // namespace

RunPair load_runs(Communicator& communicator, const std::filesystem::path& run,
                  const std::optional<std::filesystem::path>& against, Split split) {
  const TrainingPart part =
      split == Split::validation ? TrainingPart::train : TrainingPart::train_and_validation;
  RunPair pair{load_trained_run(communicator, run, part), {}};
  if (!against) return pair;
  pair.other = load_trained_run(communicator, *against, pair.run.part);
  if (pair.run.part != pair.other->part && !is_trained_model(pair.run.model)) {
    pair.run = load_trained_run(communicator, run, pair.other->part);
  }
  const std::string& hash = pair.run.dataset->content_hash();
  const std::string& other_hash = pair.other->dataset->content_hash();
  if (hash != other_hash) {
    throw Error(fmt::format("--against: runs {} and {} are of different datasets ({} and {})",
                            run.string(), against->string(), hash, other_hash),
                kExitUsage, true);
  }
  if (pair.run.part != pair.other->part) {
    throw Error(fmt::format("--against: run {} has learned from {}, run {} from {}; train one of "
                            "them again with the other's --select and --refit",
                            run.string(), training_part_name(pair.run.part), against->string(),
                            training_part_name(pair.other->part)),
                kExitUsage, true);
  }
  return pair;
}

void PairedRuns::add(bool is_first, const UserFigures& figures) {
  const std::array<std::span<const MetricValues>, 3> parts = {figures.at.all, figures.at.warm,
                                                              figures.at.cold};
  for (std::size_t p = 0; p < parts.size(); ++p) {
    std::vector<double>& values = figures_[p][is_first ? 0 : 1];
    for (const MetricValues& at : parts[p]) {
      values.insert(values.end(), at.values.begin(), at.values.end());
    }
  }
}

std::vector<PairedRuns::Part> PairedRuns::compare(std::uint64_t seed) const {
  const std::size_t num_figures = ks_.size() * kNumMetrics;
  std::vector<Part> parts;
  const bool has_cold = !figures_[2][0].empty();
  for (std::size_t p = 0; p < figures_.size(); ++p) {
    const auto& [first, second] = figures_[p];
    HALOREC_ASSERT_LIGHT(first.size() == second.size());
    if (first.empty() || (p > 0 && !has_cold)) continue;
    parts.push_back({kPrefixes[p], first.size() / num_figures,
                     compare_paired(first, second, num_figures, seed)});
  }
  return parts;
}

std::string PairedRuns::name_of(const Part& part, std::size_t figure) const {
  return fmt::format("{}{}@{}", part.prefix, kMetricNames[figure % kNumMetrics],
                     ks_[figure / kNumMetrics]);
}

nlohmann::ordered_json PairedRuns::json(std::span<const Part> parts) const {
  nlohmann::ordered_json json;
  for (const Part& part : parts) {
    for (std::size_t f = 0; f < part.figures.size(); ++f) {
      const PairedDifference& figure = part.figures[f];
      json[name_of(part, f)] = {{"this", figure.first},
                                {"other", figure.second},
                                {"users", part.num_users},
                                {"difference", figure.difference},
                                {"low", figure.interval.low},
                                {"high", figure.interval.high},
                                {"relative", figure.relative},  // null where there is none
                                {"relative_low", figure.relative_interval.low},
                                {"relative_high", figure.relative_interval.high},
                                {"too_small", part.num_users < kFewestUsers}};
    }
  }
  return json;
}

std::string PairedRuns::text(std::span<const Part> parts) const {
  std::string text = fmt::format("  {:<18}{:>8}{:>8}{:>9}   {:<28}{}\n", "", "users", "this",
                                 "other", "difference [95 % interval]", "relative");
  for (const Part& part : parts) {
    for (std::size_t f = 0; f < part.figures.size(); ++f) {
      const auto metric = static_cast<Metric>(f % kNumMetrics);
      if (metric != Metric::recall && metric != Metric::ndcg) continue;
      const PairedDifference& figure = part.figures[f];
      text += fmt::format("  {:<18}{:>8}{:>8.4f}{:>9.4f}   {:+.4f} [{:+.4f}, {:+.4f}]",
                          name_of(part, f), part.num_users, figure.first, figure.second,
                          figure.difference, figure.interval.low, figure.interval.high);
      if (!std::isnan(figure.relative_interval.low)) {
        text +=
            fmt::format("  {:+.1f} % [{:+.1f}, {:+.1f}]", 100 * figure.relative,
                        100 * figure.relative_interval.low, 100 * figure.relative_interval.high);
      }
      text += "\n";
    }
    if (part.num_users < kFewestUsers) {
      text += fmt::format("  {} users are too small a comparison for claims (fewer than {})\n",
                          part.num_users, kFewestUsers);
    }
  }
  return text;
}

}  // namespace halorec
