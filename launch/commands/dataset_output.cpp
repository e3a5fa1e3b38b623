#include "launch/commands/dataset_output.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "comm/run_log.hpp"
#include "launch/output_file.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;

// 1234567 -> "1,234,567"
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string date(std::int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string degrees(const DegreeSummary& summary) {
  return fmt::format("min {}, median {}, mean {:.1f}, max {}; busiest fifth has {:.0f} %",
                     summary.min, summary.median, summary.mean, grouped(summary.max),
                     100 * summary.top_share);
}

// "attribute, 19 values at 22,050 places; 9,690 of 9,724 items (99.7 %)"
std::string in_words(const SideSummary& summary) {
  const SideColumn& column = summary.column;
  std::string what(side_type_name(column.type));
  switch (column.type) {
    case SideType::attribute:
      what += fmt::format(", {} values at {} places", grouped(column.num_values),
                          grouped(column.num_entries));
      break;
    case SideType::number:
      break;
    case SideType::text:
      what += fmt::format(", {} n-grams in 2 x {} buckets", grouped(column.num_entries),
                          grouped(column.buckets));
      break;
    case SideType::vector:
      what += fmt::format("s of {} numbers", grouped(column.dim));
      break;
    case SideType::link:
      what = fmt::format("{} {}{}", grouped(column.num_entries / (column.directed ? 1 : 2)),
                         column.crosses    ? "links to items"
                         : column.directed ? "directed links"
                                           : "symmetric links",
                         column.times ? " with times" : "");
      break;
  }
  return fmt::format("{}; {} of {} {}s ({:.1f} %)", what, grouped(summary.num_covered),
                     grouped(column.num_nodes), kind_name(column.kind), 100 * summary.coverage());
}

// "rows_read" -> "rows read"; {"validation":3,"test":0} under "cold_users" -> "cold users
// (validation) 3". Zeros are left out.
void append_counts(const nlohmann::ordered_json& json, const std::string& name, std::string& text) {
  if (json.is_number_unsigned()) {
    if (json.get<std::uint64_t>() == 0) return;
    text += fmt::format("    {:<42} {:>12}\n", name, grouped(json.get<std::uint64_t>()));
  } else if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      std::string shown = key;
      std::replace(shown.begin(), shown.end(), '_', ' ');
      append_counts(value, name.empty() ? shown : fmt::format("{} ({})", name, shown), text);
    }
  }
}

}  // namespace

void check_dataset_output(const fs::path& out) {
  std::error_code ignored;
  if (fs::is_directory(out, ignored)) {
    fail_usage("--out {} is a folder; name a file, for example {}/data.h5", out.string(),
               out.string());
  }
  check_folder_of(out, "out");
  if (!fs::exists(out, ignored)) return;
  std::string start(8, '\0');
  std::ifstream(out, std::ios::binary).read(start.data(), 8);
  if (start != "halorec ") {
    fail_usage("--out {} exists and was not written by Halorec; remove it or name another file",
               out.string());
  }
}

std::string describe_dataset(const DatasetSummary& summary, const std::string& name) {
  std::string text = fmt::format("{}: {} users, {} items\n", name, grouped(summary.num_users),
                                 grouped(summary.num_items));
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {:<13} {}\n", label, value);
  };
  line("source", summary.source);
  line("content", summary.content_hash);
  line("protocol", fmt::format("{} (seed {})", summary.protocol.text, summary.protocol.seed));
  for (std::size_t s = 0; s < kNumSplits; ++s) {
    const SplitSummary& split = summary.splits[s];
    std::string value =
        fmt::format("{:>11} interactions, {} users, {} items", grouped(split.interactions),
                    grouped(split.users), grouped(split.items));
    if (split.cold_interactions > 0) {
      value += fmt::format("; cold: {} users, {} items, {} interactions", grouped(split.cold_users),
                           grouped(split.cold_items), grouped(split.cold_interactions));
    }
    line(split_name(static_cast<Split>(s)), value);
  }
  line("density", fmt::format("{:.3g} of all training pairs", summary.density));
  line("users have", degrees(summary.user_degree));
  line("items have", degrees(summary.item_degree));
  if (summary.num_titles > 0) {
    line("titles", fmt::format("of {} items", grouped(summary.num_titles)));
  }
  if (summary.has_times) {
    line("times", fmt::format("{} to {}", date(summary.first_time), date(summary.last_time)));
  }
  if (!summary.behaviors.empty()) {
    std::string names;
    for (const std::string& b : summary.behaviors) names += (names.empty() ? "" : ", ") + b;
    line("behaviors", names);
  }
  for (const SideSummary& side : summary.side) {
    line(fmt::format("{} {}", kind_name(side.column.kind), side.column.name), in_words(side));
  }
  if (summary.num_attribute_values > 0) {
    line("attributes", fmt::format("one of each node, {} values", summary.num_attribute_values));
  }
  if (summary.num_communities > 0) {
    line("planted",
         fmt::format("{} communities, mixing {}{}", summary.num_communities, summary.mixing,
                     summary.drift > 0 ? fmt::format(", drift {}", summary.drift) : ""));
  }
  if (summary.num_fake_interactions > 0) {
    line("fake", fmt::format("{} users, {} training interactions", grouped(summary.num_fake_users),
                             grouped(summary.num_fake_interactions)));
  }
  if (summary.num_thinned_users > 0) {
    line("thinned", fmt::format("{} users", grouped(summary.num_thinned_users)));
  }
  const auto report = nlohmann::ordered_json::parse(summary.report_json, nullptr, false);
  if (report.is_object()) {
    for (const auto& [key, label] :
         {std::pair("columns", "columns"), std::pair("item_features", "item features"),
          std::pair("user_features", "user features")}) {
      if (report.contains(key)) line(label, report[key].get<std::string>());
    }
    // What is cold stands above as it is now, which a perturbation may have changed.
    auto on_the_way = report;
    for (const char* key : {"cold_users", "cold_items", "cold_interactions"}) on_the_way.erase(key);
    std::string counts;
    append_counts(on_the_way, "", counts);
    if (!counts.empty()) text += "  on the way here\n" + counts;
  }
  return text;
}

std::string dataset_line(const DatasetSummary& summary, const std::string& name) {
  nlohmann::ordered_json json{{"event", "dataset"}, {"path", name}};
  json.update(summary_json(summary));
  return json_line(json);
}

}  // namespace halorec
