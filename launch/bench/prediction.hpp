// What bench scaling --replay and plan have in common: cutting, replaying, predicting, and showing
// the outcome as tables and plots.
#pragma once

#include "launch/bench/replay.hpp"
#include "launch/bench/report.hpp"

namespace halorec {

struct PredictionArguments {
  std::optional<double> latency_us, bandwidth_gb, message_us;  // unset: assumed or measured
  std::optional<double> overlap;    // unset: none within one node, all over a network
  std::int64_t sample = 8;          // shards to run of a cut; 0: all
  std::int64_t ranks_per_node = 1;  // whose shards run side by side as far as cores suffice
};
void declare_prediction_options(OptionTable& options, PredictionArguments& arguments);

// The given numbers, else those measured between this job's ranks if there are two, else assumed
// ones. Collective.
Network choose_network(Communicator& communicator, const PredictionArguments& arguments);

struct Predictions {
  BaseFigures base;
  Network network;
  std::vector<std::string> warnings;
  std::size_t at_once = 1;                       // shards that ran side by side
  ExchangePlan exchange = ExchangePlan::hybrid;  // where not by columns
  std::vector<CutFigures> cuts;                  // by ascending ranks; the first is one rank
  std::vector<StepPrediction> steps;             // of each cut
};

// Cuts the graph for every number of ranks (one is added), runs the shards, predicts. One process.
Predictions make_predictions(const CommandContext& context, const DatasetFile& dataset,
                             const StepBenchArguments& step, const PredictionArguments& arguments,
                             const Network& network, std::vector<std::int64_t> ranks);

// Records, tables and plots of them.
void report_predictions(Report& report, const Predictions& all, std::int32_t threads);

}  // namespace halorec
