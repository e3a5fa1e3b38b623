// bench step: where a training step's time goes, how far it is from the floor that the mathematics
// sets, and the same on one rank with the cores of all.
#pragma once

#include "launch/bench/step_figures.hpp"

namespace halorec {

// step_options: declared as for bench step; those of them that were given are passed on to the
// process that runs the same on one rank. Collective. Returns the exit status.
int run_step_bench(const CommandContext& context, const StepBenchArguments& arguments,
                   const OptionTable& step_options);

}  // namespace halorec
