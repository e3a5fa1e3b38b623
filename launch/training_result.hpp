// What a run came to: the result event, metrics.json, and the table for people.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint.hpp"
#include "engine/evaluation.hpp"

namespace halorec {

struct TrainingResult {
  const Evaluation& test;
  const TrainingState& state;
  std::string model{};
  std::string selected_on = "none";
  bool refit = false;
  std::optional<double> log_popularity{};  // chosen after training
  std::int32_t threads = 0;
  std::vector<std::uint64_t> peak_memory_bytes{};  // by rank
};

// {"event":"result",...}. Without test interactions its figures are null, rather than zero.
nlohmann::ordered_json result_event(const TrainingResult& result);
// The text of metrics.json: the event's members, memory, counts, and every metric.
std::string result_file(const TrainingResult& result);
// Metrics by list length, with their heading.
std::string result_table(const TrainingResult& result);

}  // namespace halorec
