// Checkpoints: a folder for each, written by all ranks, committed by one rename.
//
//   checkpoints/step-000000400/rank-00000.h5 ...   every rank's rows with their global ids
//                             /manifest.json       state, identity, size and digest of each file
//
// Rank files are sealed and fsynced inside "step-N.tmp"; then the manifest is written, the folder
// fsynced and renamed, and its parent fsynced. Killed at any instant, the last committed folder is
// whole. Any number of ranks can read what any other number wrote: rows are found by global id.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/optimizer.hpp"
#include "partition/shard.hpp"

namespace halorec {

// Where a run stands: everything besides parameters that the next step depends on. All sampling is
// keyed by counters, so no generator has a state.
struct TrainingState {
  std::uint64_t step = 0;          // updates made
  std::int64_t epoch = 0;          // epochs completed
  std::int64_t step_in_epoch = 0;  // steps of the next epoch already made
  double epoch_loss_sum = 0;       // sum of batch loss x batch size over those steps
  std::map<std::string, double> epoch_term_sums = {};  // the same of each term, before its weight
  double epoch_seconds = 0;
  double train_seconds = 0;
  double best_metric = -1;  // of the evaluations so far; -1: none yet
  std::int64_t best_epoch = 0;
  std::uint64_t best_step = 0;
  std::int64_t evaluations_since_best = 0;
  bool finished = false;  // last epoch reached or stopped early
};

class CheckpointStore {
 public:
  // `identity`: what a checkpoint must agree with to be continued (dataset hash, training part,
  // model and its sizes); one line, compared as a whole, named in the error.
  CheckpointStore(std::filesystem::path folder, std::string identity);

  // Step of the newest committed checkpoint, if any. Reads the folder; not collective.
  std::optional<std::uint64_t> latest_step() const;

  // Writes and commits the checkpoint of state.step, then removes all but the newest two and
  // state.best_step, and what killed saves left. Collective.
  template <typename T>
  void save(const Shard& shard, const std::vector<Parameter<T>*>& parameters,
            const TrainingState& state);

  // Fills values and, with `with_moments`, optimizer moments. Verifies sizes and digests before
  // HDF5 opens a file; Error when anything is missing, altered, or of another identity. Collective.
  template <typename T>
  TrainingState load(const Shard& shard, std::uint64_t step,
                     const std::vector<Parameter<T>*>& parameters, bool with_moments) const;

  // The state alone. Not collective.
  TrainingState read_state(std::uint64_t step) const;

 private:
  std::filesystem::path step_folder(std::uint64_t step) const;
  std::vector<std::uint64_t> committed_steps() const;

  std::filesystem::path folder_;
  std::string identity_;
};

}  // namespace halorec
