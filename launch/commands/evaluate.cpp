// halorec evaluate: the metrics of a run, or of lists that were made elsewhere.
#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "engine/evaluation.hpp"
#include "launch/commands/commands.hpp"
#include "launch/content_options.hpp"
#include "launch/evaluation_output.hpp"
#include "launch/held_out_lists.hpp"
#include "launch/named_ids.hpp"
#include "launch/output.hpp"
#include "launch/output_file.hpp"
#include "launch/paired_runs.hpp"
#include "launch/predictions.hpp"
#include "launch/run_folder.hpp"
#include "launch/target_exposure.hpp"
#include "launch/threads.hpp"
#include "launch/trained_run.hpp"
#include "launch/user_group.hpp"
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
  std::string candidates = "auto";
  std::string users = "all";
  std::optional<std::filesystem::path> against;
  std::optional<double> cold_places;
  std::optional<std::string> leave_out;
};

Split split_of(const Arguments& arguments) {
  return arguments.split == "test" ? Split::test : Split::validation;
}

std::vector<std::int64_t> sorted_ks(const Arguments& arguments) {
  const MetricSums sums(arguments.k, 0);
  return {sums.ks().begin(), sums.ks().end()};
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

Candidates candidates_for(const TrainedRun& run, const Arguments& arguments) {
  if (arguments.candidates == "auto") return served_candidates(*run.scorer);
  const Candidates candidates = arguments.candidates == "all"    ? Candidates::all
                                : arguments.candidates == "warm" ? Candidates::warm
                                                                 : Candidates::cold;
  if (candidates != Candidates::warm && !run.scorer->serves_cold_items() &&
      run.shard->communicator().is_root()) {
    warn(
        fmt::format("--candidates {}: {} knows nothing of items that were never trained on, where "
                    "they stand in its lists says nothing",
                    arguments.candidates, run.model));
  }
  return candidates;
}

// What one run's lists come to. Collective.
struct Measured {
  Evaluation figures;
  std::uint64_t num_candidates = 0;
  bool ranks_cold = false;
  std::optional<Exposure> exposure;
};

Measured measure(const TrainedRun& run, const Arguments& arguments,
                 const std::function<void(const UserFigures&)>& per_user) {
  const HeldOutLists lists =
      read_held_out_lists(*run.shard, *run.dataset, split_of(arguments),
                          arguments.leave_out ? *arguments.leave_out : run.leave_out);
  const Candidates candidates = candidates_for(run, arguments);
  const Catalogue catalogue =
      make_catalogue(*run.shard, *run.dataset, candidates,
                     arguments.cold_places ? arguments.cold_places : run.cold_places);
  const std::vector<bool> users = users_of_group(run, arguments.users);
  EvaluationQuery query = lists.query(arguments.k);
  query.per_user = per_user;
  query.only_users = &users;
  if (arguments.candidates != "auto") query.held_out_items = candidates;
  Measured measured;
  measured.figures = evaluate_ranking(*run.scorer, catalogue, query);
  measured.num_candidates = catalogue.num_items();
  measured.ranks_cold = candidates != Candidates::warm;
  if (measured.figures.num_users == 0) {
    throw Error(fmt::format("nobody has a held-out {} item that is asked for (--candidates {}, "
                            "--users {})",
                            split_name(split_of(arguments)), arguments.candidates, arguments.users),
                kExitUsage, true);
  }
  if (arguments.target) {
    const std::uint32_t target = find_target(run, *arguments.target);
    measured.exposure = measure_target(run, catalogue, lists, target, sorted_ks(arguments));
  }
  return measured;
}

std::string headline(const TrainedRun& run, const Arguments& arguments, const Measured& measured,
                     const ordered_json& facts) {
  std::string text =
      fmt::format("{} on the {} split, {} users, {:.2f} s", run.model, arguments.split,
                  measured.figures.num_users, measured.figures.seconds);
  if (arguments.users != "all") text += fmt::format(", {} users alone", arguments.users);
  if (arguments.candidates != "auto") {
    text += fmt::format(", {} candidates: {} items", arguments.candidates, measured.num_candidates);
  }
  if (facts.value("selected_on", "") == "test") text += ", epoch chosen on the TEST split";
  if (!facts.value("finished", true) && run.epoch > 0) {
    text += fmt::format("; the run is not finished, these are epoch {}'s parameters", run.epoch);
  }
  return text + "\n";
}

int evaluate_run(const CommandContext& context, const Arguments& arguments) {
  Communicator& communicator = context.communicator;
  communicator.on_root([&] {
    if (arguments.per_user) check_folder_of(*arguments.per_user, "per-user");
  });
  const RunPair loaded =
      load_runs(communicator, *arguments.run, arguments.against, split_of(arguments));
  const TrainedRun& run = loaded.run;
  const std::optional<TrainedRun>& other = loaded.other;
  check_split(run, split_of(arguments));
  if (arguments.target) find_target(run, *arguments.target);  // before the work, not after it
  std::unique_ptr<UserFile> users;
  communicator.on_root([&] {
    if (!arguments.per_user) return;
    users = std::make_unique<UserFile>(*arguments.per_user, run.dataset->read_user_ids(),
                                       sorted_ks(arguments));
  });
  PairedRuns pairs(sorted_ks(arguments));
  std::function<void(const UserFigures&)> per_user;
  if (arguments.per_user || other) {
    per_user = [&](const UserFigures& figures) {
      if (users) users->add(figures);
      if (other) pairs.add(true, figures);
    };
  }
  const Measured measured = measure(run, arguments, per_user);
  if (other) {
    measure(*other, arguments, [&](const UserFigures& figures) { pairs.add(false, figures); });
  }

  communicator.on_root([&] {
    if (users) users->commit();
    const ordered_json facts = read_training_facts(run);
    const auto parts = other ? pairs.compare(context.seed()) : std::vector<PairedRuns::Part>();
    if (context.json()) {
      ordered_json line{{"event", "result"}, {"model", run.model}, {"split", arguments.split}};
      line.update(facts);
      add_figures(line, measured.figures);
      line["candidates"] = arguments.candidates;
      line["candidate_items"] = measured.num_candidates;
      line["of_users"] = arguments.users;
      if (measured.exposure) add_exposure(line, *arguments.target, *measured.exposure);
      if (other) {
        line["against"] = {{"run", arguments.against->string()},
                           {"model", other->model},
                           {"figures", pairs.json(parts)}};
      }
      line["evaluate_seconds"] = measured.figures.seconds;
      line["ranks"] = communicator.size();
      line["threads"] = context.threads.threads;
      write_stdout(json_line(line));
      return;
    }
    write_stdout(headline(run, arguments, measured, facts) +
                 figures_table(measured.figures, measured.ranks_cold));
    if (measured.exposure) write_stdout(exposure_text(*arguments.target, *measured.exposure));
    if (other) {
      write_stdout(fmt::format("against {} ({}), user by user\n", arguments.against->string(),
                               other->model) +
                   pairs.text(parts));
    }
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
    const UserMetrics at = sums.add(list, relevant, warm, !warm_user[user]);
    if (users) {
      users->add({user, static_cast<std::uint32_t>(relevant.size()),
                  static_cast<std::uint32_t>(relevant.size() - warm.size()), !warm_user[user], at});
    }
  }
  Communicator alone(MPI_COMM_SELF);
  // Lists with an item without interactions were made of all of them.
  const bool lists_cold =
      std::any_of(predictions.lists.begin(), predictions.lists.end(), [&](const auto& list) {
        return std::any_of(list.begin(), list.end(),
                           [&](std::uint32_t item) { return !warm_item[item]; });
      });
  const auto num_candidates = static_cast<std::uint64_t>(
      lists_cold ? std::ssize(warm_item) : std::count(warm_item.begin(), warm_item.end(), true));
  const Evaluation figures = sums.reduce(alone, num_candidates);
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
  text += figures_table(figures, true);
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
      "Every metric is defined in docs/METRICS.md: over all items that the model knows something "
      "of, training (and, for test, validation) items left out, means over the users with a "
      "held-out item. LISTS is the output of recommend, or user,item[,score] rows.";
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
  options
      .add("candidates", arguments->candidates,
           "items that are ranked, and held-out items that are asked for: those with a training "
           "interaction (warm), those without (cold), or all; auto: lists hold what the model can "
           "serve, and every held-out item is asked for")
      .choices({"auto", "all", "cold", "warm"});
  options
      .add("users", arguments->users,
           "users who are asked about: with a training interaction (warm), without (cold), those "
           "that perturb --thin-users drew (thinned), or the users it did not draw (others)")
      .choices(kUserGroups);
  options
      .add("against", arguments->against,
           "another run on the same data: also the difference of each metric, paired by user, "
           "with a 95 % bootstrap interval")
      .value_name("RUN");
  declare_cold_places(options, arguments->cold_places, "as each run was trained");
  declare_leave_out(options, arguments->leave_out);
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
    if (!arguments->run && (arguments->against || arguments->cold_places || arguments->leave_out ||
                            arguments->candidates != "auto" || arguments->users != "all")) {
      fail_usage(
          "--against, --candidates, --cold-places, --leave-out and --users go with RUN, not with "
          "lists made "
          "elsewhere");
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
