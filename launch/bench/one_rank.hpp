// The same work on one rank that has the cores of all: what a distributed figure has to beat.
#pragma once

#include <functional>
#include <string>

#include "launch/bench/bench_data.hpp"
#include "launch/bench/bindings.hpp"

namespace halorec {

// --without-one-rank, for graphs that one rank cannot hold.
void declare_one_rank_option(OptionTable& options, BenchArguments& arguments);

struct OneRank {
  JobBindings bindings;  // where it ran
  std::string fault;     // why its figures and the job's must not be compared; empty when they may
  // "one rank x T threads"
  std::string name() const;
};

// Runs `work` on the root alone, as a job of one rank that has the cores and threads of all ranks
// on its host; these sleep. The context that `work` gets speaks for that job. The answer counts on
// the root alone. Collective.
OneRank on_one_rank(const CommandContext& context,
                    const std::function<void(const CommandContext&)>& work);

// "P ranks x T threads" of the job. On the root alone.
std::string job_name(const CommandContext& context);

}  // namespace halorec
