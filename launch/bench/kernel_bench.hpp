// bench kernel: the sparse product of the data's graph on one process, beside what the machine can
// do: the same rows gathered without arithmetic, a memory stream, multiply-adds in registers.
#pragma once

#include "launch/bench/bench_data.hpp"

namespace halorec {

struct KernelBenchArguments {
  BenchArguments bench;
  std::vector<std::int64_t> dims{32, 64, 128};
  std::vector<std::int32_t> thread_counts;  // empty: one, and all
  std::string targets = "all";              // all | best
  std::int64_t stream_mib = 0;              // of each array of the triad; 0: automatic
};

// Not collective: one rank. Returns the exit status.
int run_kernel_bench(const CommandContext& context, const KernelBenchArguments& arguments);

}  // namespace halorec
