// Where the ranks of a job stood, and whether figures of such jobs may stand side by side.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace halorec {

struct ThreadPlan;

struct JobBindings {
  std::vector<std::int64_t> threads;             // by rank
  std::vector<std::vector<std::int64_t>> cores;  // by rank
  std::vector<std::int64_t> hosts;               // by rank, numbered; empty: all on one
};

// This job's. On the root alone.
JobBindings bindings_of(const ThreadPlan& threads);
// Those of the job that said this "step" event.
JobBindings bindings_of(const nlohmann::ordered_json& step);

// Why figures of these jobs must not be compared: a rank with more threads than cores, jobs with
// more threads than cores, ranks with different numbers of cores, jobs on different cores. Empty
// when they may.
std::string binding_fault(const std::vector<JobBindings>& jobs);

}  // namespace halorec
