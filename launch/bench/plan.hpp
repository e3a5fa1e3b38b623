// plan: what training this data on many ranks would take, before anybody waits in a queue for it.
#pragma once

#include "launch/bench/prediction.hpp"

namespace halorec {

struct PlanArguments {
  StepBenchArguments step;
  PredictionArguments prediction;
  std::vector<std::int64_t> ranks{8, 64, 512};
  std::optional<double> memory_gib;  // of a rank
  double efficiency = 0.5;           // that the best choice must reach
  std::optional<std::filesystem::path> slurm;
};

// The script that trains on the given ranks, by way of launch/slurm/train.sbatch. `options`: words
// for halorec train.
std::string slurm_script(const PlanArguments& arguments, const StepPrediction& choice,
                         std::int64_t threads, const std::vector<std::string>& options);

// The numbers of ranks whose memory fits.
std::vector<StepPrediction> fitting(const std::vector<StepPrediction>& steps,
                                    const std::optional<double>& memory_gib);

// Rank 0 works, the others help to measure the network. Collective. Returns the exit status.
int run_plan(const CommandContext& context, const PlanArguments& arguments);

}  // namespace halorec
