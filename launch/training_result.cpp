#include "launch/training_result.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace halorec {

using nlohmann::ordered_json;

namespace {

ordered_json figure(const TrainingResult& result, double value) {
  return result.test.num_users > 0 ? ordered_json(value) : ordered_json(nullptr);
}

}  // namespace

ordered_json result_event(const TrainingResult& result) {
  const Evaluation& test = result.test;
  ordered_json event{{"event", "result"},
                     {"recall@20", figure(result, test.value(Metric::recall, 20))},
                     {"ndcg@20", figure(result, test.value(Metric::ndcg, 20))},
                     {"epochs", result.state.epoch},
                     {"train_seconds", result.state.train_seconds},
                     {"ranks", result.peak_memory_bytes.size()},
                     {"threads", result.threads},
                     {"selected_on", result.selected_on}};
  if (result.state.best_epoch > 0) event["best_epoch"] = result.state.best_epoch;
  if (result.refit) event["refit"] = true;
  if (result.log_popularity) event["log_popularity"] = *result.log_popularity;
  return event;
}

std::string result_file(const TrainingResult& result) {
  const Evaluation& test = result.test;
  ordered_json all = result_event(result);
  all.erase("event");
  all["model"] = result.model;
  all["peak_memory_bytes"] = result.peak_memory_bytes;
  all["users"] = test.num_users;
  all["cold_users"] = test.num_cold_users;
  all["held_out"] = test.num_held_out;
  all["cold_held_out"] = test.num_cold_held_out;
  for (const auto& [name, value] : test.named_values()) all[name] = figure(result, value);
  return all.dump(1) + "\n";
}

std::string result_table(const TrainingResult& result) {
  const Evaluation& test = result.test;
  if (test.num_users == 0) return "the dataset has no test interactions: nothing to measure\n";
  std::string text = fmt::format("{} on the test split, {} users", result.model, test.num_users);
  if (result.selected_on == "test") text += ", epoch chosen on the TEST split";
  text += "\n          ";
  for (const std::string_view name : kMetricNames) text += fmt::format("{:>10}", name);
  for (const MetricsAtK& at : test.at) {
    text += fmt::format("\n  at {:<6}", at.k);
    for (const double value : at.all.values) text += fmt::format("{:>10.4f}", value);
  }
  return text + "\n";
}

}  // namespace halorec
