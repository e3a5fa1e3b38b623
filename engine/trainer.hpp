// The loop around the steps: epochs, evaluations, early stopping, checkpoints, and stopping in
// order when asked to. One trainer serves the selection run and the refit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/run_log.hpp"
#include "engine/checkpoint.hpp"
#include "engine/model.hpp"
#include "engine/training_step.hpp"

namespace halorec {

enum class Schedule : std::uint8_t { constant, linear, cosine };

struct TrainerOptions {
  LossOptions loss;
  OptimizerOptions optimizer;
  Schedule schedule = Schedule::constant;
  std::int64_t schedule_epochs = 0;  // where linear and cosine reach zero
  std::int64_t num_epochs = 40;
  std::int64_t batch_size = 2048;  // positives a step, all ranks together
  std::uint64_t seed = 0;
  std::int64_t evaluate_every = 1;   // epochs
  std::int64_t patience = 0;         // evaluations without a better one before stopping; 0: never
  std::string metric = "recall@20";  // what "better" means
  std::int64_t log_every = 0;        // steps; 0: no step events
  std::int64_t checkpoint_epochs = 1;
  std::int64_t checkpoint_steps = 0;  // 0: at epochs only
};

// Metrics by name of the given final rows [num_owned x dim]. Collective.
using Evaluate = std::function<std::map<std::string, double>(MatrixView<const float>)>;

// For a person who watches; called on the root after every step.
struct TrainingProgress {
  std::int64_t epoch = 0;  // the one that runs, from 1
  std::int64_t num_epochs = 0;
  double fraction = 0;  // of all epochs
  double loss = 0;
  double edges_per_second = 0;  // training interactions
};
using ShowProgress = std::function<void(const TrainingProgress&)>;

// After every epoch, on the root.
struct EpochReport {
  std::int64_t epoch = 0;
  double loss = 0;
  double seconds = 0;
  std::map<std::string, double> metrics;  // when evaluated
  // The loss's terms before their weights, and the penalty ("l2"), in the order of kLossNames.
  std::vector<std::pair<std::string, double>> terms;
};
using ShowEpoch = std::function<void(const EpochReport&)>;

enum class TrainingEnd : std::uint8_t { finished, stopped_on_request };

template <typename T>
class Trainer {
 public:
  // `evaluate` may be empty: then no selection, the last epoch is the result. Collective.
  Trainer(const Shard& shard, Model<T>& model, const TrainerOptions& options,
          CheckpointStore& checkpoints, RunLog& log, Evaluate evaluate, ShowProgress show_progress,
          ShowEpoch show_epoch);

  // Continues from the newest checkpoint if there is one. Collective.
  bool resume();
  // Trains until finished or asked to stop; a checkpoint of the end is committed. Collective.
  TrainingEnd run();
  // Loads the parameters that the evaluations chose (no-op when the last epoch is the result).
  // Collective.
  void load_best();
  // Final rows of owned nodes, in float. Collective.
  Matrix<float> final_rows();

  const TrainingState& state() const { return state_; }
  std::int64_t steps_per_epoch() const { return sampler_.steps_per_epoch(); }

 private:
  void run_epoch();
  void evaluate_epoch(double epoch_loss);
  void add_terms(std::span<const double> terms, double batch_size);
  std::vector<std::pair<std::string, double>> epoch_terms() const;
  double learning_rate() const;
  double step_once();
  void save();

  const Shard* shard_;
  Model<T>* model_;
  TrainerOptions options_;
  CheckpointStore* checkpoints_;
  RunLog* log_;
  Evaluate evaluate_;
  ShowProgress show_progress_;
  ShowEpoch show_epoch_;
  PhaseTimers timers_;
  Optimizer<T> optimizer_;
  Sampler sampler_;
  TrainingStep<T> step_;
  TrainingState state_;
  bool stop_ = false;
  std::uint64_t saved_step_ = ~std::uint64_t{0};
};

// Final rows [num_owned x dim] of a model as it stands, in float. Collective.
template <typename T>
Matrix<float> final_rows_of(Model<T>& model, std::int64_t num_owned);

}  // namespace halorec
