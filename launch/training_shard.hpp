// The shard that a training phase runs on: owners from a file, the cache or a cut, what the log and
// people are told of it, and stopping while there is nothing to save yet.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "comm/run_log.hpp"
#include "launch/commands/commands.hpp"
#include "partition/shard.hpp"

namespace halorec {

struct TrainingCutArguments {
  std::optional<std::filesystem::path> partition;
  std::string method = "auto";
  std::string balance = "both";
  std::optional<double> memory_gib;
};
void declare_cut_options(OptionTable& options, TrainingCutArguments& arguments);

// `order`, where wanted, receives the order of rows. Error (on every rank) where no training
// interaction is left, or, with status 75, when asked to stop on the way. Collective.
Shard make_training_shard(const CommandContext& context, const TrainingCutArguments& arguments,
                          const DatasetFile& dataset, TrainingPart part, RowOrder* order,
                          RunLog& log);

// Before a training there is nothing to save: what was read and cut so far stands in the run's
// folder and the cache. Error with status 75, on every rank, when asked to stop. Collective.
void stop_before_training(Communicator& communicator, RunLog& log);

}  // namespace halorec
