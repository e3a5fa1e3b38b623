#include "partition/dataset_summary.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kRowsAtATime = std::uint64_t{1} << 20;

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

// Takes the splits in order, each in slices.
class Summarizer {
 public:
  Summarizer(std::uint64_t num_users, std::uint64_t num_items) {
    summary_.num_users = num_users;
    summary_.num_items = num_items;
    train_users_.assign(num_users, 0);
    train_items_.assign(num_items, 0);
  }

  void add(Split split, const Interactions& slice) {
    begin(split);
    SplitSummary& counts = summary_.splits[static_cast<std::size_t>(split)];
    counts.interactions += slice.size();
    for (std::uint64_t k = 0; k < slice.size(); ++k) {
      const std::uint32_t user = slice.user[k], item = slice.item[k];
      if (split == Split::train) {
        ++train_users_[user];
        ++train_items_[item];
      } else {
        seen_user_[user] = seen_item_[item] = 1;
        if (train_users_[user] == 0 || train_items_[item] == 0) ++counts.cold_interactions;
      }
    }
    for (const std::int64_t time : slice.time) {
      const bool first = !summary_.has_times;
      summary_.first_time = first ? time : std::min(summary_.first_time, time);
      summary_.last_time = first ? time : std::max(summary_.last_time, time);
      summary_.has_times = true;
    }
  }

  void add_truth(const Truth& truth) {
    for (const std::uint32_t c : truth.item_community) {
      summary_.num_communities = std::max<std::uint64_t>(summary_.num_communities, c + 1);
    }
    summary_.mixing = truth.mixing;
    summary_.drift = truth.drift;
  }
  void add_perturbation(const DatasetPerturbation& perturbation) {
    summary_.num_fake_users = perturbation.fake_users.size();
    summary_.num_fake_interactions = perturbation.pair_user.size();
    summary_.num_thinned_users = perturbation.thinned_users.size();
    summary_.perturbations_json = perturbation.steps_json;
  }
  void add_attributes(const std::vector<std::uint32_t>& values) {
    for (const std::uint32_t value : values) {
      summary_.num_attribute_values =
          std::max<std::uint64_t>(summary_.num_attribute_values, value + std::uint64_t{1});
    }
  }
  void add_titles(const StringTable& titles) {
    for (std::uint64_t i = 0; i < titles.size(); ++i) {
      if (!titles[i].empty()) ++summary_.num_titles;
    }
  }

  DatasetSummary finish() {
    end();
    SplitSummary& train = summary_.splits[0];
    train.users = count_positive(train_users_);
    train.items = count_positive(train_items_);
    summary_.density = static_cast<double>(train.interactions) /
                       (static_cast<double>(train.users) * static_cast<double>(train.items));
    summary_.user_degree = summarize_degrees(std::move(train_users_));
    summary_.item_degree = summarize_degrees(std::move(train_items_));
    return std::move(summary_);
  }

 private:
  void begin(Split split) {
    if (split == split_) return;
    end();
    split_ = split;
    seen_user_.assign(summary_.num_users, 0);
    seen_item_.assign(summary_.num_items, 0);
  }
  // Counts the nodes of the split that is complete.
  void end() {
    if (split_ == Split::train) return;
    SplitSummary& counts = summary_.splits[static_cast<std::size_t>(split_)];
    for (std::uint64_t u = 0; u < seen_user_.size(); ++u) {
      counts.users += seen_user_[u];
      if (seen_user_[u] != 0 && train_users_[u] == 0) ++counts.cold_users;
    }
    for (std::uint64_t i = 0; i < seen_item_.size(); ++i) {
      counts.items += seen_item_[i];
      if (seen_item_[i] != 0 && train_items_[i] == 0) ++counts.cold_items;
    }
  }

  DatasetSummary summary_;
  Split split_ = Split::train;
  std::vector<std::uint64_t> train_users_, train_items_;  // degrees
  std::vector<std::uint8_t> seen_user_, seen_item_;       // of the held-out split at hand
};

}  // namespace

DatasetSummary summarize(const Dataset& dataset) {
  Summarizer summarizer(dataset.users.size(), dataset.items.size());
  for (int s = 0; s < kNumSplits; ++s) {
    summarizer.add(static_cast<Split>(s), dataset[static_cast<Split>(s)]);
  }
  summarizer.add_titles(dataset.titles);
  summarizer.add_attributes(dataset.user_attribute);
  summarizer.add_attributes(dataset.item_attribute);
  if (dataset.truth) summarizer.add_truth(*dataset.truth);
  if (dataset.perturbation) summarizer.add_perturbation(*dataset.perturbation);
  DatasetSummary summary = summarizer.finish();
  summary.content_hash = content_hash(dataset);
  summary.source = dataset.source;
  summary.report_json = dataset.report_json;
  summary.protocol = dataset.protocol;
  summary.behaviors = dataset.behaviors;
  summary.side = summarize_side(dataset.side);
  return summary;
}

DatasetSummary summarize(const DatasetFile& dataset) {
  Summarizer summarizer(dataset.num_users(), dataset.num_items());
  for (int s = 0; s < kNumSplits; ++s) {
    const Split split = static_cast<Split>(s);
    const std::uint64_t count = dataset.num_interactions(split);
    for (std::uint64_t first = 0; first < count; first += kRowsAtATime) {
      summarizer.add(split,
                     dataset.read(split, first, std::min(kRowsAtATime, count - first), true));
    }
  }
  summarizer.add_titles(dataset.read_titles());
  summarizer.add_attributes(dataset.read_user_attributes());
  summarizer.add_attributes(dataset.read_item_attributes());
  if (dataset.has_truth()) summarizer.add_truth(dataset.read_truth());
  summarizer.add_perturbation(dataset.read_perturbation());
  DatasetSummary summary = summarizer.finish();
  summary.content_hash = dataset.content_hash();
  summary.source = dataset.source();
  summary.report_json = dataset.report_json();
  summary.protocol = dataset.protocol();
  summary.behaviors = dataset.behaviors();
  summary.side = summarize_side(dataset.side_info());
  return summary;
}

Json summary_json(const DatasetSummary& summary) {
  Json json;
  json["content_hash"] = summary.content_hash;
  json["source"] = summary.source;
  json["protocol"] = {{"name", summary.protocol.name},
                      {"seed", summary.protocol.seed},
                      {"keep_repeats", summary.protocol.keep_repeats},
                      {"text", summary.protocol.text}};
  json["users"] = summary.num_users;
  json["items"] = summary.num_items;
  json["titles"] = summary.num_titles;
  json["behaviors"] = summary.behaviors;
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
  if (!summary.side.empty()) json["side_info"] = side_summary_json(summary.side);
  if (summary.num_attribute_values > 0) json["attribute_values"] = summary.num_attribute_values;
  if (summary.num_communities > 0) {
    json["planted"] = {{"communities", summary.num_communities}, {"mixing", summary.mixing}};
    if (summary.drift > 0) json["planted"]["drift"] = summary.drift;
  }
  if (summary.num_fake_interactions > 0) {
    json["fake"] = {{"users", summary.num_fake_users},
                    {"interactions", summary.num_fake_interactions},
                    {"steps", Json::parse(summary.perturbations_json, nullptr, false)}};
  }
  if (summary.num_thinned_users > 0) {
    json["thinned"] = {{"users", summary.num_thinned_users},
                       {"steps", Json::parse(summary.perturbations_json, nullptr, false)}};
  }
  json["report"] = Json::parse(summary.report_json, nullptr, false);
  return json;
}

}  // namespace halorec
