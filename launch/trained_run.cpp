#include "launch/trained_run.hpp"

#include <algorithm>

#include "engine/checkpoint.hpp"
#include "engine/trainer.hpp"
#include "launch/content_options.hpp"
#include "launch/find_owners.hpp"
#include "launch/list_options.hpp"
#include "launch/popularity_choice.hpp"
#include "launch/run_folder.hpp"
#include "launch/side_options.hpp"
#include "launch/training_graphs.hpp"
#include "launch/training_options.hpp"
#include "models/baselines/baselines.hpp"
#include "models/registry.hpp"

namespace halorec {
namespace {

// The options of the run, back in their variables.
TrainingArguments read_arguments(const RunConfig& config, std::uint64_t& seed,
                                 ContentArguments& content) {
  TrainingArguments arguments;
  OptionTable table;
  declare_training_options(table, arguments);
  declare_content_options(table, content);
  table.add("seed", seed, "");
  for (const auto& [name, value] : config.options) {
    // Empty: a list without entries, or a value that was left open, as they start.
    if (table.has(name) && !value.empty()) table.find(name).assign({value});
  }
  return arguments;
}

template <typename T>
void load_rows(TrainedRun& run, const TrainingArguments& arguments, CheckpointStore& checkpoints,
               bool refit) {
  Communicator& communicator = run.shard->communicator();
  std::uint64_t step = 0;
  communicator.on_root([&] {
    const auto latest = checkpoints.latest_step();
    if (!latest) {
      fail("run {} has no checkpoint yet; train on with --resume", run.folder.string());
    }
    const TrainingState state = checkpoints.read_state(*latest);
    run.state = state;
    run.selected_on = arguments.select;
    step = !refit && state.best_epoch > 0 ? state.best_step : *latest;
  });
  step = communicator.broadcast(step);
  const TrainingGraphs graphs(arguments, *run.shard, *run.dataset, run.part);
  const SideInputs side = read_side_inputs(arguments, *run.shard, *run.dataset, graphs.ageing());
  ModelOptions options = model_options(arguments, run.seed);
  if (!side.empty()) options.side = &side;
  run.cold = cold_rows(side);
  graphs.give(options);
  const auto model = make_model<T>(run.model, *run.shard, options);
  run.epoch = checkpoints.load<T>(*run.shard, step, model->parameters(), false).epoch;
  run.embeddings = final_rows_of(*model, run.shard->num_owned());
}

}  // namespace

TrainedRun load_trained_run(Communicator& communicator, const std::filesystem::path& path,
                            TrainingPart baseline_part) {
  const RunFolder folder(path);
  RunConfig config;
  communicator.together([&] { config = read_run_config(folder); });
  TrainedRun run;
  run.folder = path;
  ContentArguments content;
  const TrainingArguments arguments = read_arguments(config, run.seed, content);
  run.model = arguments.model;
  run.cold_places = content.cold_places;
  run.leave_out = content.leave_out;
  communicator.together([&] {
    run.dataset = std::make_unique<DatasetFile>(folder.dataset(), communicator.is_root());
    if (run.dataset->content_hash() != config.dataset_hash) {
      fail(
          "{} is not the dataset that run {} was made from (content hash {}, expected {}); "
          "restore it, or train again with --overwrite",
          folder.dataset().string(), path.string(), run.dataset->content_hash(),
          config.dataset_hash);
    }
  });

  // The refit's parameters once it has finished, those of the selection until then.
  bool refit = false;
  communicator.on_root([&] {
    const CheckpointStore checkpoints(folder.checkpoints(true), "");
    const auto latest = checkpoints.latest_step();
    refit = arguments.refit && latest && checkpoints.read_state(*latest).finished;
  });
  refit = communicator.broadcast(static_cast<std::int32_t>(refit)) != 0;
  run.part = is_trained_model(run.model) ? training_part(arguments, refit) : baseline_part;

  OwnersRequest owners;
  owners.cut.method = CutMethod::block;
  owners.part = run.part;
  run.shard = std::make_unique<Shard>(communicator, *run.dataset, run.part,
                                      find_owners(communicator, *run.dataset, owners).owners);
  if (!is_trained_model(run.model)) {
    run.scorer = make_baseline(run.model, *run.shard, *run.dataset, run.seed,
                               baseline_options(arguments, content, run.part));
    return run;
  }
  CheckpointStore checkpoints(
      folder.checkpoints(refit),
      checkpoint_identity(arguments, run.seed, config.dataset_hash, run.part));
  if (arguments.precision == "double") {
    load_rows<double>(run, arguments, checkpoints, refit);
  } else {
    load_rows<float>(run, arguments, checkpoints, refit);
  }
  RowScorers scorers(arguments, content, *run.shard, *run.dataset, run.part, run.cold);
  if (chooses_log_popularity(arguments)) {
    std::optional<double> chosen;
    communicator.together([&] { chosen = read_popularity_choice(folder); });
    if (chosen) scorers.set_log_popularity(*chosen);
  }
  run.adds_to_rows = scorers.add_to_rows();
  run.log_popularity = scorers.log_popularity(run.embeddings.view());
  run.scorer = scorers.make(run.embeddings.view());
  return run;
}

}  // namespace halorec
