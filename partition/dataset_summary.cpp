#include "partition/dataset_summary.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;

DegreeSummary summarize_degrees(std::vector<std::uint64_t> degrees) {
  std::erase(degrees, 0U);
  DegreeSummary summary;
  if (degrees.empty()) return summary;
  std::sort(degrees.begin(), degrees.end(), std::greater<>());
  const std::uint64_t sum = std::accumulate(degrees.begin(), degrees.end(), std::uint64_t{0});
  const auto fifth = static_cast<std::ptrdiff_t>((degrees.size() + 4) / 5);
  const std::uint64_t top =
      std::accumulate(degrees.begin(), degrees.begin() + fifth, std::uint64_t{0});
  summary.min = degrees.back();
  summary.median = degrees[degrees.size() / 2];
  summary.max = degrees.front();
  summary.mean = static_cast<double>(sum) / static_cast<double>(degrees.size());
  summary.top_share = static_cast<double>(top) / static_cast<double>(sum);
  return summary;
}

std::uint64_t count_positive(const std::vector<std::uint64_t>& degrees) {
  return static_cast<std::uint64_t>(
      std::count_if(degrees.begin(), degrees.end(), [](std::uint64_t d) { return d > 0; }));
}

Json degrees_json(const DegreeSummary& degrees) {
  return {{"min", degrees.min},
          {"median", degrees.median},
          {"mean", degrees.mean},
          {"max", degrees.max},
          {"top_fifth_share", degrees.top_share}};
}

}  // namespace

DatasetSummary summarize(const Dataset& dataset) {
  DatasetSummary summary;
  summary.num_users = dataset.users.size();
  summary.num_items = dataset.items.size();
  for (std::uint64_t i = 0; i < dataset.titles.size(); ++i) {
    if (!dataset.titles[i].empty()) ++summary.num_titles;
  }
  std::vector<std::uint64_t> train_users, train_items;
  bool any_time = false;
  for (std::size_t s = 0; s < kNumSplits; ++s) {
    const Interactions& part = dataset.splits[s];
    std::vector<std::uint64_t> users(dataset.users.size(), 0), items(dataset.items.size(), 0);
    for (std::uint64_t k = 0; k < part.size(); ++k) {
      ++users[part.user[k]];
      ++items[part.item[k]];
    }
    SplitSummary& split = summary.splits[s];
    split.interactions = part.size();
    split.users = count_positive(users);
    split.items = count_positive(items);
    for (const std::int64_t time : part.time) {
      summary.first_time = any_time ? std::min(summary.first_time, time) : time;
      summary.last_time = any_time ? std::max(summary.last_time, time) : time;
      any_time = true;
    }
    if (s == 0) {
      train_users = std::move(users);
      train_items = std::move(items);
      continue;
    }
    for (std::uint64_t u = 0; u < users.size(); ++u) {
      if (users[u] > 0 && train_users[u] == 0) ++split.cold_users;
    }
    for (std::uint64_t i = 0; i < items.size(); ++i) {
      if (items[i] > 0 && train_items[i] == 0) ++split.cold_items;
    }
    for (std::uint64_t k = 0; k < part.size(); ++k) {
      if (train_users[part.user[k]] == 0 || train_items[part.item[k]] == 0) {
        ++split.cold_interactions;
      }
    }
  }
  summary.has_times = any_time;
  const SplitSummary& train = summary.splits[0];
  summary.density = static_cast<double>(train.interactions) /
                    (static_cast<double>(train.users) * static_cast<double>(train.items));
  summary.user_degree = summarize_degrees(std::move(train_users));
  summary.item_degree = summarize_degrees(std::move(train_items));
  if (dataset.truth) {
    for (const std::uint32_t c : dataset.truth->item_community) {
      summary.num_communities = std::max<std::uint64_t>(summary.num_communities, c + 1);
    }
  }
  return summary;
}

Json summary_json(const Dataset& dataset, const DatasetSummary& summary) {
  Json json;
  json["content_hash"] = content_hash(dataset);
  json["source"] = dataset.source;
  json["protocol"] = {{"name", dataset.protocol.name},
                      {"seed", dataset.protocol.seed},
                      {"keep_repeats", dataset.protocol.keep_repeats},
                      {"text", dataset.protocol.text}};
  json["users"] = summary.num_users;
  json["items"] = summary.num_items;
  json["titles"] = summary.num_titles;
  json["behaviors"] = dataset.behaviors;
  for (std::size_t s = 0; s < kNumSplits; ++s) {
    const SplitSummary& split = summary.splits[s];
    Json& part = json[std::string(split_name(static_cast<Split>(s)))];
    part = {{"interactions", split.interactions}, {"users", split.users}, {"items", split.items}};
    if (s == 0) continue;
    part["cold_users"] = split.cold_users;
    part["cold_items"] = split.cold_items;
    part["cold_interactions"] = split.cold_interactions;
  }
  json["density"] = summary.density;
  json["user_degree"] = degrees_json(summary.user_degree);
  json["item_degree"] = degrees_json(summary.item_degree);
  if (summary.has_times)
    json["times"] = {{"first", summary.first_time}, {"last", summary.last_time}};
  if (summary.num_communities > 0) {
    json["planted"] = {{"communities", summary.num_communities}, {"mixing", dataset.truth->mixing}};
  }
  json["report"] = Json::parse(dataset.report_json, nullptr, false);
  return json;
}

}  // namespace halorec
