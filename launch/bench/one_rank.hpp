// The same work on one rank that has the cores of all: what a distributed figure has to beat.
#pragma once

#include <string>
#include <vector>

#include "launch/bench/bench_data.hpp"
#include "launch/bench/bindings.hpp"
#include "launch/bench/report.hpp"
#include "launch/bench/statistics.hpp"

namespace halorec {

// --without-one-rank, for graphs that one rank cannot hold.
void declare_one_rank_option(OptionTable& options, BenchArguments& arguments);

struct OneRank {
  JobBindings bindings;  // where it ran
  std::string fault;     // why its figures and the job's must not be compared; empty when they may
  bool comparable() const { return fault.empty(); }
  Summary step_seconds, product_seconds;
  double training_loss = 0;
  // "one rank x T threads"
  std::string name() const;
};

// bench step with these options and the caller's data, in a process of its own that has the cores
// of all ranks, and their threads as far as each has a core; the ranks sleep. Warns of what must
// not be compared. On the root; nothing elsewhere, and nothing with a warning where the ranks stand
// on several hosts, whose cores no rank can have, or when that process fails. Collective.
std::optional<OneRank> measure_one_rank(const CommandContext& context,
                                        const BenchArguments& arguments,
                                        const std::vector<std::string>& options, Report& report);

// What both benchmarks say of it: event "one-rank", to which they add their figures.
nlohmann::ordered_json one_rank_record(const OneRank& one);
// "P ranks x T threads" of the job. On the root alone.
std::string job_name(const CommandContext& context);

}  // namespace halorec
