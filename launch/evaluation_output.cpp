#include "launch/evaluation_output.hpp"

#include <nlohmann/json.hpp>

#include "launch/named_ids.hpp"

namespace halorec {

using nlohmann::ordered_json;

void add_figures(ordered_json& line, const Evaluation& figures) {
  for (const auto& [name, value] : figures.named_values()) line[name] = value;
  line["users"] = figures.num_users;
  line["warm_users"] = figures.num_warm_users;
  line["users_of_cold"] = figures.num_users_of_cold;
  line["cold_users"] = figures.num_cold_users;
  line["held_out"] = figures.num_held_out;
  line["cold_held_out"] = figures.num_cold_held_out;
}

std::string figures_table(const Evaluation& figures, bool ranks_cold) {
  const auto row = [](const MetricsAtK& at, const MetricValues& means) {
    std::string line = fmt::format("\n  at {:<7}", at.k);
    for (const double value : means.values) line += fmt::format("{:>10.4f}", value);
    return line;
  };
  std::string text = "            ";
  for (const std::string_view name : kMetricNames) text += fmt::format("{:>10}", name);
  text += "  coverage";
  for (const MetricsAtK& at : figures.at) {
    text += row(at, at.all) + fmt::format("{:>10.4f}", at.coverage);
  }
  const auto part = [&](const std::string& heading, MetricValues MetricsAtK::*means) {
    text += "\n" + heading;
    for (const MetricsAtK& at : figures.at) text += row(at, at.*means);
  };
  if (figures.num_cold_held_out > 0) {
    text += fmt::format("\n{} of {} held-out interactions are of cold items (never trained on){}",
                        figures.num_cold_held_out, figures.num_held_out,
                        ranks_cold ? "" : ", which stand in no list");
    const bool both = figures.num_cold_held_out < figures.num_held_out;
    if (both) {
      part(fmt::format("warm items alone, {} users:", figures.num_warm_users), &MetricsAtK::warm);
    }
    if (both && ranks_cold) {
      part(fmt::format("cold items alone, {} users:", figures.num_users_of_cold),
           &MetricsAtK::cold);
    }
  }
  if (figures.num_cold_users > 0) {
    const std::uint64_t num_warm = figures.num_users - figures.num_cold_users;
    text += fmt::format("\n{} users are cold (no training interaction)", figures.num_cold_users);
    if (num_warm > 0) {
      part(fmt::format("warm users alone, {}:", num_warm), &MetricsAtK::warm_user);
      part("cold users alone:", &MetricsAtK::cold_user);
    }
  }
  return text + "\n";
}

UserFile::UserFile(const std::filesystem::path& path, StringTable ids,
                   std::span<const std::int64_t> ks)
    : file_(path), ids_(std::move(ids)), num_columns_(ks.size() * kNumMetrics) {
  const auto names = [&](std::string_view prefix) {
    std::string text;
    for (const std::int64_t k : ks) {
      for (const std::string_view name : kMetricNames) {
        text += fmt::format(",{}{}@{}", prefix, name, k);
      }
    }
    return text;
  };
  file_.write("user,held_out,cold" + names("") + ",cold_held_out" + names("warm_") +
              names("cold_") + "\n");
}

void UserFile::add(const UserFigures& figures) {
  const auto values = [&](std::span<const MetricValues> at) {
    std::string text;
    for (const MetricValues& of_k : at) {
      for (const double value : of_k.values) text += fmt::format(",{}", value);
    }
    return at.empty() ? std::string(num_columns_, ',') : text;
  };
  file_.write(fmt::format("{},{},{}", csv_field(ids_[figures.user]), figures.num_held_out,
                          figures.cold ? 1 : 0) +
              values(figures.at.all) + fmt::format(",{}", figures.num_cold_held_out) +
              values(figures.at.warm) + values(figures.at.cold) + "\n");
}

}  // namespace halorec
