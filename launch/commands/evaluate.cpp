// halorec evaluate: the metrics of a run, or of lists that were made elsewhere.
#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "engine/evaluation.hpp"
#include "launch/commands/commands.hpp"
#include "launch/held_out_lists.hpp"
#include "launch/named_ids.hpp"
#include "launch/output.hpp"
#include "launch/output_file.hpp"
#include "launch/predictions.hpp"
#include "launch/run_folder.hpp"
#include "launch/target_exposure.hpp"
#include "launch/threads.hpp"
#include "launch/trained_run.hpp"
#include "partition/import.hpp"

namespace halorec {
namespace {

using nlohmann::ordered_json;

struct Arguments {
  std::optional<std::filesystem::path> run;
  std::vector<std::int64_t> k = {10, 20, 50};
  std::string split = "test";
  std::optional<std::filesystem::path> per_user;
  std::optional<std::filesystem::path> predictions, data;
  std::optional<std::string> target;
};

Split split_of(const Arguments& arguments) {
  return arguments.split == "test" ? Split::test : Split::validation;
}

// One line for each user: id, held-out items, 1 when cold, each metric at each k. On the root.
class UserFile {
 public:
  UserFile(const std::filesystem::path& path, StringTable ids, std::span<const std::int64_t> ks)
      : file_(path), ids_(std::move(ids)) {
    std::string header = "user,held_out,cold";
    for (const std::int64_t k : ks) {
      for (const std::string_view name : kMetricNames) header += fmt::format(",{}@{}", name, k);
    }
    file_.write(header + "\n");
  }

  void add(const UserFigures& figures) {
    std::string line = fmt::format("{},{},{}", csv_field(ids_[figures.user]), figures.num_held_out,
                                   figures.cold ? 1 : 0);
    for (const MetricValues& at : figures.at) {
      for (const double value : at.values) line += fmt::format(",{}", value);
    }
    file_.write(line + "\n");
  }
  void commit() { file_.commit(); }

 private:
  OutputFile file_;
  StringTable ids_;
};

std::vector<std::int64_t> sorted_ks(const Arguments& arguments) {
  const MetricSums sums(arguments.k, 0);
  return {sums.ks().begin(), sums.ks().end()};
}

void add_figures(ordered_json& line, const Evaluation& figures) {
  for (const auto& [name, value] : figures.named_values()) line[name] = value;
  line["users"] = figures.num_users;
  line["warm_users"] = figures.num_warm_users;
  line["cold_users"] = figures.num_cold_users;
  line["held_out"] = figures.num_held_out;
  line["cold_held_out"] = figures.num_cold_held_out;
}

std::string table_of(const Evaluation& figures) {
  std::string text = "            ";
  for (const std::string_view name : kMetricNames) text += fmt::format("{:>10}", name);
  text += "  coverage";
  for (const MetricsAtK& at : figures.at) {
    text += fmt::format("\n  at {:<7}", at.k);
    for (const double value : at.all.values) text += fmt::format("{:>10.4f}", value);
    text += fmt::format("{:>10.4f}", at.coverage);
  }
  if (figures.num_cold_held_out > 0) {
    text += fmt::format(
        "\n{} of {} held-out interactions are of items that were never trained on; without them:",
        figures.num_cold_held_out, figures.num_held_out);
    for (const MetricsAtK& at : figures.at) {
      text += fmt::format("\n  at {:<7}", at.k);
      for (const double value : at.warm.values) text += fmt::format("{:>10.4f}", value);
    }
  }
  if (figures.num_cold_users > 0) {
    text += fmt::format("\n{} users have no training interaction: served by popularity",
                        figures.num_cold_users);
  }
  return text + "\n";
}

// What the run's own result says of its training; of one that is not finished, its checkpoint. Root
// alone.
ordered_json read_training_facts(const TrainedRun& run) {
  const RunFolder folder(run.folder);
  ordered_json facts{{"epochs", run.state.epoch},
                     {"train_seconds", run.state.train_seconds},
                     {"selected_on", run.selected_on},
                     {"finished", false}};
  std::ifstream file(folder.metrics());
  if (!file) return facts;
  facts["finished"] = true;
  const auto stored = ordered_json::parse(file, nullptr, false);
  if (!stored.is_object()) {
    fail("{}: is damaged; train again with --overwrite, or remove it", folder.metrics().string());
  }
  for (const char* name : {"epochs", "train_seconds", "selected_on"}) {
    if (stored.contains(name)) facts[name] = stored[name];
  }
  return facts;
}

void check_split(const TrainedRun& run, Split split) {
  const auto held = run.dataset->num_interactions(split);
  if (held == 0) {
    throw Error(fmt::format("the dataset of run {} has no {} interactions to evaluate on",
                            run.folder.string(), split_name(split)),
                kExitUsage, true);
  }
  if (split == Split::validation && run.part == TrainingPart::train_and_validation) {
    throw Error(fmt::format("run {} has learned from the validation split; only --split test can "
                            "be evaluated",
                            run.folder.string()),
                kExitUsage, true);
  }
}

int evaluate_run(const CommandContext& context, const Arguments& arguments) {
  Communicator& communicator = context.communicator;
  communicator.on_root([&] {
    if (arguments.per_user) check_folder_of(*arguments.per_user, "per-user");
  });
  const Split split = split_of(arguments);
  const TrainedRun run = load_trained_run(communicator, *arguments.run, split);
  check_split(run, split);
  const std::uint32_t target = arguments.target ? find_target(run, *arguments.target) : 0;
  std::unique_ptr<UserFile> users;
  communicator.on_root([&] {
    if (!arguments.per_user) return;
    users = std::make_unique<UserFile>(*arguments.per_user, run.dataset->read_user_ids(),
                                       sorted_ks(arguments));
  });

  const HeldOutLists lists = read_held_out_lists(*run.shard, *run.dataset, split);
  EvaluationQuery query = lists.query(arguments.k);
  if (arguments.per_user) {
    query.per_user = [&](const UserFigures& figures) { users->add(figures); };
  }
  const Catalogue catalogue(*run.shard, *run.dataset);
  const Evaluation figures = evaluate_ranking(*run.scorer, catalogue, query);
  std::optional<Exposure> exposure;
  if (arguments.target) {
    exposure = measure_target(run, catalogue, lists, target, sorted_ks(arguments));
  }

  communicator.on_root([&] {
    if (users) users->commit();
    const ordered_json facts = read_training_facts(run);
    if (context.json()) {
      ordered_json line{{"event", "result"}, {"model", run.model}, {"split", split_name(split)}};
      line.update(facts);
      add_figures(line, figures);
      if (exposure) add_exposure(line, *arguments.target, *exposure);
      line["evaluate_seconds"] = figures.seconds;
      line["ranks"] = communicator.size();
      line["threads"] = context.threads.threads;
      write_stdout(json_line(line));
      return;
    }
    std::string text = fmt::format("{} on the {} split, {} users, {:.2f} s", run.model,
                                   split_name(split), figures.num_users, figures.seconds);
    if (facts.value("selected_on", "") == "test") text += ", epoch chosen on the TEST split";
    if (!facts.value("finished", true) && run.epoch > 0) {
      text += fmt::format("; the run is not finished, these are epoch {}'s parameters", run.epoch);
    }
    write_stdout(text + "\n" + table_of(figures));
    if (exposure) write_stdout(exposure_text(*arguments.target, *exposure));
    if (users) write_stdout(fmt::format("each user in {}\n", arguments.per_user->string()));
  });
  return 0;
}

// Root alone: the whole dataset and the lists are in memory.
void evaluate_predictions(const CommandContext& context, const Arguments& arguments) {
  Dataset data;
  std::error_code ignored;
  if (!std::filesystem::exists(*arguments.data, ignored)) {
    fail("there is no data at {}", arguments.data->string());
  }
  if (is_dataset_file(*arguments.data)) {
    data = DatasetFile(*arguments.data).read_all();
  } else {
    ImportOptions import;
    import.seed = kImportSeed;
    data = import_dataset({*arguments.data}, import);
  }
  const Predictions predictions = read_predictions(*arguments.predictions, data.users, data.items);

  // Warm: seen in training or validation, for which of them the lists' maker learned from is not
  // known. Of a validation evaluation: seen in training.
  const Split split = split_of(arguments);
  std::vector<bool> warm_item(data.items.size(), false), warm_user(data.users.size(), false);
  for (const Split part : {Split::train, Split::validation}) {
    if (part == split) continue;
    for (std::uint64_t e = 0; e < data[part].size(); ++e) {
      warm_item[data[part].item[e]] = true;
      warm_user[data[part].user[e]] = true;
    }
  }
  const Interactions& held_out = data[split];
  if (held_out.size() == 0) {
    fail("{} has no {} interactions to evaluate on", arguments.data->string(), split_name(split));
  }
  MetricSums sums(arguments.k, data.items.size());
  std::unique_ptr<UserFile> users;
  if (arguments.per_user) {
    users = std::make_unique<UserFile>(*arguments.per_user, data.users, sums.ks());
  }
  std::uint64_t num_without_list = 0, num_short = 0;
  std::vector<std::uint32_t> relevant, warm;
  for (std::uint64_t e = 0; e < held_out.size();) {
    const std::uint32_t user = held_out.user[e];
    relevant.clear();
    warm.clear();
    for (; e < held_out.size() && held_out.user[e] == user; ++e) {
      const std::uint32_t item = held_out.item[e];
      if (!relevant.empty() && relevant.back() == item) continue;
      relevant.push_back(item);
      if (warm_item[item]) warm.push_back(item);
    }
    num_without_list += predictions.has_list[user] ? 0 : 1;
    const auto& list = predictions.lists[user];
    num_short += std::ssize(list) < sums.largest_k() ? 1 : 0;
    const auto at = sums.add(list, relevant, warm, !warm_user[user]);
    if (users) {
      users->add({user, static_cast<std::uint32_t>(relevant.size()), !warm_user[user], at});
    }
  }
  Communicator alone(MPI_COMM_SELF);
  const auto num_warm =
      static_cast<std::uint64_t>(std::count(warm_item.begin(), warm_item.end(), true));
  const Evaluation figures = sums.reduce(alone, num_warm);
  if (users) users->commit();
  if (context.json()) {
    ordered_json line{{"event", "result"},
                      {"predictions", arguments.predictions->string()},
                      {"split", split_name(split)}};
    add_figures(line, figures);
    line["lists"] = predictions.num_lists;
    line["users_without_list"] = num_without_list;
    line["short_lists"] = num_short;
    line["unknown_users"] = predictions.num_unknown_users;
    line["unknown_items"] = predictions.num_unknown_items;
    write_stdout(json_line(line));
    return;
  }
  std::string text = fmt::format("{} on the {} split, {} users\n", arguments.predictions->string(),
                                 split_name(split), figures.num_users);
  text += table_of(figures);
  text += fmt::format(
      "{} lists; {} evaluated users have none (all misses), {} lists are shorter than {}; {} users "
      "and {} items of the lists are not in the dataset\n",
      predictions.num_lists, num_without_list, num_short, sums.largest_k(),
      predictions.num_unknown_users, predictions.num_unknown_items);
  write_stdout(text);
}

}  // namespace

Command evaluate_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "RUN [options]   |   --predictions LISTS --data DATA [options]";
  command.notes =
      "Every metric is defined in docs/METRICS.md: over all items that were trained on, training "
      "(and, for test, validation) items left out, means over the users with a held-out item. "
      "LISTS is the output of recommend, or user,item[,score] rows.";
  OptionTable& options = command.options;
  options.group("Evaluate");
  options.add("run", arguments->run, "folder of a training run").value_name("RUN").positional();
  options.add("k", arguments->k, "lengths of lists").value_name("K,K").at_least(1);
  options.add("split", arguments->split, "the held-out interactions to find")
      .choices({"test", "validation"});
  options.add("per-user", arguments->per_user, "write each user's metrics to this CSV file");
  options
      .add("target", arguments->target,
           "also say in how many users' lists this item stands, and how far up")
      .value_name("ITEM");
  options.add("predictions", arguments->predictions, "measure these lists instead of a run")
      .value_name("LISTS");
  options.add("data", arguments->data, "dataset file or raw data that the lists are about")
      .value_name("DATA");
  command.check = [arguments] {
    if (arguments->k.empty()) fail_usage("--k is empty; give lengths of lists, as in --k 10,20");
    if (arguments->predictions.has_value() == arguments->run.has_value()) {
      fail_usage("give {}RUN or --predictions LISTS --data DATA",
                 arguments->run ? "only one of " : "");
    }
    if (arguments->predictions.has_value() != arguments->data.has_value()) {
      fail_usage("--predictions LISTS and --data DATA belong together");
    }
    if (arguments->target && !arguments->run) {
      fail_usage("--target ITEM goes with RUN: lists alone do not say how far down an item stands");
    }
  };
  command.run = [arguments](const CommandContext& context) {
    if (arguments->run) return evaluate_run(context, *arguments);
    context.communicator.on_root([&] { evaluate_predictions(context, *arguments); });
    return 0;
  };
  return command;
}

}  // namespace halorec
