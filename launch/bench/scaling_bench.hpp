// bench scaling: the same training on several numbers of ranks over the same cores, each a job of
// its own, in turns; and, by replay, on numbers of ranks that this machine does not have.
#pragma once

#include "launch/bench/prediction.hpp"

namespace halorec {

struct ScalingBenchArguments {
  StepBenchArguments step;
  PredictionArguments prediction;
  std::vector<std::int64_t> ranks{1, 2};
  std::vector<std::int64_t> replay;
  std::int64_t rounds = 3;
  std::int64_t quality_epochs = 0;
  std::string launcher;
};

// Started by hand, without mpirun. Returns the exit status: 1 when the bindings forbid to compare.
int run_scaling_bench(const CommandContext& context, const ScalingBenchArguments& arguments,
                      const OptionTable& step_options);

}  // namespace halorec
