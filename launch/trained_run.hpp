// A finished (or interrupted) run, loaded to be asked: its dataset, a shard for each rank of this
// job, whatever number that is, and the scorer that ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/checkpoint.hpp"
#include "engine/embedding_scorer.hpp"
#include "engine/matrix.hpp"
#include "engine/scorer.hpp"
#include "partition/dataset.hpp"
#include "partition/shard.hpp"

namespace halorec {

struct TrainedRun {
  std::filesystem::path folder;
  std::unique_ptr<DatasetFile> dataset;
  std::unique_ptr<Shard> shard;
  Matrix<float> embeddings;   // final rows [num_owned x dim] of owned nodes; empty for baselines
  ColdRows cold;              // of which nodes without interactions they say something
  double log_popularity = 0;  // what popularity counts beside rows (engine/embedding_scorer.hpp)
  bool adds_to_rows = false;  // the scorer adds to their scores what rows do not hold
  std::unique_ptr<Scorer> scorer;
  std::optional<double> cold_places;  // of its lists (engine/cold_places.hpp)
  std::string leave_out = "none";     // of its lists (launch/held_out_lists.hpp)
  std::string model;
  std::uint64_t seed = 0;
  TrainingPart part = TrainingPart::train;
  std::int64_t epoch = 0;  // of the parameters that were loaded; 0 for baselines
  // Root alone: what chose the epoch (--select; none for baselines), and how far training has come.
  std::string selected_on = "none";
  TrainingState state;
};

// Loads the parameters that the run chose (the refit's if it made one, else those of the best
// evaluation, else the newest checkpoint) and propagates them over block-cut shards. Error when the
// folder is no run, has no checkpoint yet, or is damaged. A baseline, of which nothing is stored,
// is fitted now to `baseline_part`. Collective.
TrainedRun load_trained_run(Communicator& communicator, const std::filesystem::path& path,
                            TrainingPart baseline_part = TrainingPart::train_and_validation);

}  // namespace halorec
