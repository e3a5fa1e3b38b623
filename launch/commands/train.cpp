// halorec train: raw interactions or a dataset file to a run with its result.
#include <chrono>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/hdf5_file.hpp"
#include "comm/run_log.hpp"
#include "comm/watchdog.hpp"
#include "engine/embedding_scorer.hpp"
#include "engine/evaluation.hpp"
#include "engine/trainer.hpp"
#include "launch/commands/commands.hpp"
#include "launch/content_options.hpp"
#include "launch/exchange_choice.hpp"
#include "launch/held_out_lists.hpp"
#include "launch/list_options.hpp"
#include "launch/loss_option.hpp"
#include "launch/open_run.hpp"
#include "launch/output.hpp"
#include "launch/popularity_choice.hpp"
#include "launch/progress.hpp"
#include "launch/run_folder.hpp"
#include "launch/side_options.hpp"
#include "launch/start_event.hpp"
#include "launch/training_checks.hpp"
#include "launch/training_graphs.hpp"
#include "launch/training_options.hpp"
#include "launch/training_result.hpp"
#include "launch/training_shard.hpp"
#include "models/baselines/baselines.hpp"
#include "models/registry.hpp"
#include "partition/partitioner.hpp"

namespace halorec {
namespace {

using nlohmann::ordered_json;

struct Arguments {
  RunRequest request;
  TrainingCutArguments cut;
  TrainingArguments training;
  ContentArguments content;
};

// Lengths of lists whose metrics a result has.
const std::vector<std::int64_t> kListLengths = {10, 20, 50};

class TrainCommand {
 public:
  TrainCommand(const CommandContext& context, Arguments& arguments)
      : context_(context),
        communicator_(context.communicator),
        arguments_(arguments),
        training_(arguments.training),
        folder_(arguments.request.run) {}

  int run();

 private:
  bool is_root() const { return communicator_.is_root(); }
  void say(const std::string& line) const;
  Shard make_shard(TrainingPart part, RowOrder* order = nullptr) {
    return make_training_shard(context_, arguments_.cut, *dataset_, part, order, log_);
  }
  bool runs_by_columns(const Shard& shard);
  Evaluation test_of(Scorer& scorer, const Catalogue& catalogue, const Shard& shard);
  int run_baseline();
  template <typename T>
  int run_trained();
  template <typename T>
  TrainingEnd train_phase(bool refit, std::int64_t num_epochs, TrainingState& state,
                          Evaluation* test);
  // What was learned of several half-lives, if the model mixes them.
  template <typename T>
  void note_mixture(Model<T>& model);
  // What popularity counts in lists of the chosen epoch's rows. Collective.
  void choose_popularity(const Evaluate& evaluate, MatrixView<const float> rows,
                         RowScorers& scorers);
  int stopped(const TrainingState& state);
  void write_result(const Evaluation& test, const TrainingState& state, bool refit);

  const CommandContext& context_;
  Communicator& communicator_;
  Arguments& arguments_;
  TrainingArguments& training_;
  RunFolder folder_;
  RunLock lock_;
  RunLog log_;
  std::unique_ptr<DatasetFile> dataset_;
  std::string dataset_hash_;
  std::optional<double> log_popularity_;  // that was chosen
};

void TrainCommand::say(const std::string& line) const {
  if (is_root() && !context_.json()) write_stdout(line + "\n");
}

int TrainCommand::run() {
  watchdog::set_advice(
      fmt::format("go on with the same command and --resume --run {}", folder_.path().string()));
  watchdog::catch_stop_signals();
  arguments_.request.check = [&](const DatasetFile& dataset) {
    check_model(training_);
    check_data(training_, dataset);
    check_content(training_, arguments_.content, dataset);
    if (arguments_.cut.partition) load_owners(*arguments_.cut.partition, dataset.content_hash());
  };
  OpenRun opened = open_run(communicator_, arguments_.request, context_.options);
  communicator_.together([&] { check_model(training_); });  // with what the run itself has
  dataset_ = std::move(opened.dataset);
  lock_ = std::move(opened.lock);
  dataset_hash_ = dataset_->content_hash();
  communicator_.together([&] {
    if (is_root()) log_ = RunLog(folder_.log(), context_.json());
  });
  if (is_root()) log_.note(start_event(context_.options, context_.threads, dataset_hash_));
  if (is_root()) warn_of_options_without_effect(training_, context_.options);
  if (const std::string warning = scores_warning(training_, communicator_);
      is_root() && !warning.empty()) {
    warn(warning);
  }
  stop_before_training(communicator_, log_);
  if (!is_trained_model(training_.model)) return run_baseline();
  return training_.precision == "double" ? run_trained<double>() : run_trained<float>();
}

bool TrainCommand::runs_by_columns(const Shard& shard) {
  const ExchangeChoice choice = choose_exchange(training_, shard);
  if (choice.cost) log_.note(exchange_event(choice));
  if (const std::string warning = wire_warning(training_, choice); is_root() && !warning.empty()) {
    warn(warning);
  }
  return choice.columns;
}

Evaluation TrainCommand::test_of(Scorer& scorer, const Catalogue& catalogue, const Shard& shard) {
  const HeldOutLists lists =
      read_held_out_lists(shard, *dataset_, Split::test, arguments_.content.leave_out);
  return evaluate_ranking(scorer, catalogue, lists.query(kListLengths));
}

int TrainCommand::run_baseline() {
  const Shard shard = make_shard(TrainingPart::train_and_validation);
  const auto start = std::chrono::steady_clock::now();
  const auto scorer = make_baseline(
      training_.model, shard, *dataset_, context_.seed(),
      baseline_options(training_, arguments_.content, TrainingPart::train_and_validation));
  TrainingState state;
  state.train_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Catalogue catalogue =
      make_catalogue(shard, *dataset_, served_candidates(*scorer), arguments_.content.cold_places);
  write_result(test_of(*scorer, catalogue, shard), state, false);
  return 0;
}

template <typename T>
TrainingEnd TrainCommand::train_phase(bool refit, std::int64_t num_epochs, TrainingState& state,
                                      Evaluation* test) {
  const TrainingPart part = training_part(training_, refit);
  RowOrder order;
  const Shard shard = make_shard(part, &order);
  ModelOptions of_model = model_options(training_, context_.seed());
  std::optional<WholeGraph> whole;
  if (runs_by_columns(shard)) {
    of_model.whole_graph = &whole.emplace(*dataset_, part, std::move(order)).shard();
  }
  const TrainingGraphs graphs(training_, shard, *dataset_, part);
  const SideInputs side = read_side_inputs(training_, shard, *dataset_, graphs.ageing());
  if (!side.empty()) of_model.side = &side;
  graphs.give(of_model);
  const auto model = make_model<T>(training_.model, shard, of_model);
  TrainerOptions options = trainer_options(training_, context_.seed(), shard.num_edges());
  options.num_epochs = num_epochs;
  std::optional<EdgeWeights> weights;
  if (options.loss.terms.has(LossKind::rating)) {
    options.loss.edge_weights = &weights.emplace(shard, *dataset_, part);
    check_weights(*weights);
  }
  CheckpointStore checkpoints(folder_.checkpoints(refit),
                              checkpoint_identity(training_, context_.seed(), dataset_hash_, part));

  RowScorers scorers(training_, arguments_.content, shard, *dataset_, part, cold_rows(side));
  if (log_popularity_) scorers.set_log_popularity(*log_popularity_);
  const Catalogue catalogue =
      make_catalogue(shard, *dataset_, scorers.candidates(), arguments_.content.cold_places);
  Evaluate choose;
  if (!refit && training_.select != "none") {
    const Split split = training_.select == "test" ? Split::test : Split::validation;
    choose = [&,
              lists = read_held_out_lists(shard, *dataset_, split, arguments_.content.leave_out)](
                 MatrixView<const float> rows) {
      const auto scorer = scorers.make(rows);
      const Evaluation e = evaluate_ranking(*scorer, catalogue, lists.query({20}));
      return std::map<std::string, double>{{"recall@20", e.value(Metric::recall, 20)},
                                           {"ndcg@20", e.value(Metric::ndcg, 20)}};
    };
  }
  ProgressLine line(is_root() && !context_.json() && watched_by_person());
  const ShowProgress show = [&](const TrainingProgress& progress) { line.update(progress); };
  // Terms before their weights, where there are several.
  const bool blends = num_terms(options.loss.terms) > 1;
  const ShowEpoch show_epoch = [&](const EpochReport& r) {
    if (is_root() && !context_.json()) line.print(epoch_text(r, blends));
  };

  Trainer<T> trainer(shard, *model, options, checkpoints, log_, choose,
                     is_root() ? show : ShowProgress{}, is_root() ? show_epoch : ShowEpoch{});
  log_.note({{"event", "plan"},
             {"refit", refit},
             {"batch", options.batch_size},
             {"negatives", options.loss.num_negatives},
             {"loss_weights", weights_by_name(options.loss.terms)},
             {"steps_per_epoch", trainer.steps_per_epoch()},
             {"fanout", training_.fanout},
             {"propagations_per_epoch", 2 * num_message_layers(training_) *
                                            of_model.perturbation.num_passes() *
                                            trainer.steps_per_epoch()},
             {"training_part", training_part_name(part)}});
  if (arguments_.request.resume && trainer.resume()) {
    log_.note({{"event", "resume"}, {"step", trainer.state().step}});
    say(fmt::format("going on from step {} (epoch {})", trainer.state().step,
                    trainer.state().epoch));
  }
  const TrainingEnd end = trainer.run();
  state = trainer.state();
  const bool chooses = choose && chooses_log_popularity(training_);
  if (end != TrainingEnd::finished || (test == nullptr && !chooses)) return end;
  trainer.load_best();
  const Matrix<float> rows = trainer.final_rows();
  if (chooses) choose_popularity(choose, rows.view(), scorers);
  if (test != nullptr) {
    note_mixture<T>(*model);
    const auto scorer = scorers.make(rows.view());
    *test = test_of(*scorer, catalogue, shard);
  }
  return end;
}

void TrainCommand::choose_popularity(const Evaluate& evaluate, MatrixView<const float> rows,
                                     RowScorers& scorers) {
  const PopularityChoice choice =
      choose_log_popularity(log_popularity(training_), training_.temperature, [&](double weight) {
        scorers.set_log_popularity(weight);
        return evaluate(rows).at(training_.metric);
      });
  log_popularity_ = choice.weight;
  scorers.set_log_popularity(choice.weight);
  communicator_.on_root([&] { write_popularity_choice(folder_, choice, training_.metric); });
  const double chosen = choice.weight;
  log_.note({{"event", "lists"}, {"log_popularity", chosen}, {"tried", choice.tried.size()}});
  say(fmt::format("validation chose --log-popularity {:.4g} ({} tried)", chosen,
                  choice.tried.size()));
}

template <typename T>
void TrainCommand::note_mixture(Model<T>& model) {
  const auto mixture = learned_mixture(model, training_.half_life);
  if (mixture.empty()) return;
  ordered_json shares;
  std::string text;
  for (const auto& [half_life, share] : mixture) {
    shares[half_life] = share;
    text += fmt::format("{}{} {:.3f}", text.empty() ? "" : ", ", half_life, share);
  }
  log_.note({{"event", "mixture"}, {"half_lives", shares}});
  say("learned mixture of half-lives: " + text);
}

template <typename T>
int TrainCommand::run_trained() {
  TrainingState state;
  Evaluation test;
  const bool refit = training_.refit && training_.select == "validation";
  if (train_phase<T>(false, training_.epochs, state, refit ? nullptr : &test) !=
      TrainingEnd::finished) {
    return stopped(state);
  }
  if (refit) {
    say(fmt::format("validation chose epoch {}; training on everything for as long",
                    state.best_epoch));
    TrainingState again;
    if (train_phase<T>(true, state.best_epoch, again, &test) != TrainingEnd::finished) {
      return stopped(again);
    }
    again.best_epoch = state.best_epoch;
    again.train_seconds += state.train_seconds;
    state = again;
  }
  write_result(test, state, refit);
  return 0;
}

int TrainCommand::stopped(const TrainingState& state) {
  log_.note({{"event", "stopped"}, {"step", state.step}});
  if (is_root()) {
    std::fputs(fmt::format("halorec: stopped on request, checkpoint of step {} committed; go on "
                           "with --resume\n",
                           state.step)
                   .c_str(),
               stderr);
  }
  return kExitStopped;
}

void TrainCommand::write_result(const Evaluation& test, const TrainingState& state, bool refit) {
  TrainingResult result{test, state};
  result.model = training_.model;
  result.refit = refit;
  if (is_trained_model(training_.model)) result.selected_on = training_.select;
  result.log_popularity = log_popularity_;
  result.threads = context_.threads.threads;
  result.peak_memory_bytes = communicator_.all_gather(peak_memory_bytes());
  communicator_.on_root([&] {
    log_.event(result_event(result));
    write_text_durably(folder_.metrics(), result_file(result));
    if (!context_.json()) write_stdout(result_table(result));
    if (const std::error_code error = log_.stdout_error()) {
      fail("cannot write to standard output: {}; the run is finished, its result stands in {}",
           error.message(), folder_.metrics().string());
    }
  });
}

}  // namespace

Command train_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "DATA --run RUN [options]";
  command.notes =
      "Start it on P ranks with: mpirun -n P halorec train DATA --run RUN. SIGUSR1 or SIGTERM "
      "stops it after the step with a checkpoint (exit status 75); the same command with "
      "--resume goes on, on any number of ranks.";
  OptionTable& options = command.options;
  options.group("Run");
  options
      .add("data", arguments->request.data,
           "dataset file, or a folder or file of raw data (imported with the defaults of halorec "
           "import); may be left out with --resume")
      .value_name("DATA")
      .positional();
  options.add("run", arguments->request.run, "folder of the run").value_name("RUN").required();
  options.add("resume", arguments->request.resume,
              "go on from the newest checkpoint; start afresh where there is none");
  options.add("overwrite", arguments->request.overwrite,
              "remove the run that is there and start again");
  declare_cut_options(options, arguments->cut);
  declare_training_options(options, arguments->training);
  declare_content_options(options, arguments->content);
  command.check = [arguments] {
    check_training_options(arguments->training);
    if (arguments->request.resume && arguments->request.overwrite) {
      fail_usage("--resume and --overwrite exclude each other: go on, or start again");
    }
    if (arguments->training.refit && arguments->training.select != "validation") {
      fail_usage("--refit goes with --select validation: test and none train on everything anyway");
    }
    // A run that goes on has options of its own: they are checked together.
    if (!arguments->request.resume) check_model(arguments->training);
  };
  command.run = [arguments](const CommandContext& context) {
    return TrainCommand(context, *arguments).run();
  };
  return command;
}

}  // namespace halorec
