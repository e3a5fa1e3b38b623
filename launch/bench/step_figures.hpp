// Training steps through the real TrainingStep, and what they take: phases, products, messages,
// memory.
#pragma once

#include <map>
#include <memory>

#include "engine/training_step.hpp"
#include "launch/bench/bench_data.hpp"
#include "launch/bench/statistics.hpp"
#include "launch/side_options.hpp"
#include "launch/training_graphs.hpp"
#include "launch/training_options.hpp"

namespace halorec {

struct StepBenchArguments {
  BenchArguments bench;
  TrainingArguments training;
  std::int64_t steps = 20;
  std::int64_t warm_up = 3;
};

// The loop of the trainer without epochs' ends, checkpoints and evaluations.
class StepLoop {
 public:
  // shard: of `dataset`'s training and validation. whole_graph: given, layers run by columns;
  // outlives this. Collective.
  StepLoop(const Shard& shard, const DatasetFile& dataset, const TrainingArguments& training,
           std::uint64_t seed, const Shard* whole_graph = nullptr);

  // One step, update included; the global loss. Collective.
  double run();
  PhaseTimers& timers() { return timers_; }
  // Parts of "forward" and "backward": local edges, cross edges, exchange.
  PhaseTimers& propagation_timers() { return propagation_timers_; }
  std::int64_t batch_size() const { return sampler_.batch_size(); }
  std::int64_t steps_per_epoch() const { return sampler_.steps_per_epoch(); }
  // The distinct rows that the loss of the next step reads, over all ranks. Collective.
  struct BatchRows {
    double rows = 0;
    double nonzeros = 0;  // in these rows of the adjacency, as a share of all
  };
  BatchRows rows_of_batch();

 private:
  Batch next_batch();

  const Shard* shard_;
  TrainerOptions options_;
  PhaseTimers timers_, propagation_timers_;
  TrainingGraphs graphs_;
  SideInputs side_;
  std::unique_ptr<Model<float>> model_;
  Optimizer<float> optimizer_;
  Sampler sampler_;
  TrainingStep<float> step_;
  std::uint64_t num_steps_ = 0;
  std::uint64_t epoch_ = 0;
  std::int64_t step_in_epoch_ = 0;
};

// What was measured; the same on every rank unless said otherwise. Seconds are those of a step.
struct StepFigures {
  Summary seconds;                            // of the slowest rank of each step
  double mean_seconds = 0;                    // the phases below, and the rest, sum to it
  std::map<std::string, double> phases;       // mean over steps and ranks
  std::map<std::string, double> propagation;  // within forward and backward, likewise
  // The phases in the order of a step, and at the end "other": what no timer covers.
  std::vector<std::pair<std::string, double>> ordered_phases() const;
  double wait_seconds = 0;         // inside calls that wait for other ranks; mean over ranks
  double bytes = 0, messages = 0;  // sent, all ranks together
  double layer_bytes = 0, layer_messages = 0;  // of one product
  Summary product_seconds;                     // one product of all rows, exchange included
  Summary gather_seconds;                      // of the rows one product reads, without arithmetic
  std::int64_t products = 0;                   // layers, forward and backward
  double batch_rows = 0;                       // distinct, that a batch reads
  double batch_nonzeros = 0;                   // share of the nonzeros that stand in those rows
  double floor_products = 0;
  double floor_seconds = 0;
  std::int64_t batch = 0, steps_per_epoch = 0;
  double nonzeros = 0;
  std::vector<std::uint64_t> peak_memory_bytes;  // by rank
  double last_loss = 0;
};

// As above. Collective.
StepFigures measure_steps(const Shard& shard, const DatasetFile& dataset,
                          const StepBenchArguments& arguments, std::uint64_t seed,
                          const Shard* whole_graph = nullptr);

}  // namespace halorec
