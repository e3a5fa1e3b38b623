// bench exchange: the halo of the real cut on the real ranks: how long it takes alone, how much of
// it hides behind the local product, and what the network between the ranks gives.
#pragma once

#include "launch/bench/bench_data.hpp"

namespace halorec {

struct ExchangeBenchArguments {
  BenchArguments bench;
  std::int64_t dim = 64;
};

// Needs two ranks. Collective. Returns the exit status.
int run_exchange_bench(const CommandContext& context, const ExchangeBenchArguments& arguments);

}  // namespace halorec
