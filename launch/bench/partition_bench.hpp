// bench partition: what each way to cut the graph costs, and what the cut costs each step.
#pragma once

#include "launch/bench/step_figures.hpp"

namespace halorec {

struct PartitionBenchArguments {
  BenchArguments bench;
  TrainingArguments training;  // of the epoch that seconds are compared with
  std::vector<std::int32_t> parts{16, 64};
  std::vector<std::string> methods{"metis", "cluster", "hash", "block"};
  std::int64_t steps = 5;
};

// On rank 0 alone. Collective. Returns the exit status.
int run_partition_bench(const CommandContext& context, const PartitionBenchArguments& arguments);

}  // namespace halorec
