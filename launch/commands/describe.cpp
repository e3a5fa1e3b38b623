// halorec describe: what a dataset holds, or where a run stands.
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/dataset_output.hpp"
#include "launch/output.hpp"
#include "launch/run_folder.hpp"
#include "partition/import.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json read_json(const fs::path& path) {
  std::ifstream in(path);
  return in ? Json::parse(in, nullptr, false) : Json();
}

// The last event of each kind in the run's log; lines that a killed run left unfinished are passed
// over.
std::map<std::string, Json> last_events(const fs::path& log) {
  std::map<std::string, Json> events;
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("event") && json["event"].is_string()) {
      // The name first: the right side of an assignment is evaluated before the left one.
      const auto kind = json["event"].get<std::string>();
      events[kind] = std::move(json);
    }
  }
  return events;
}

// "epoch 3, loss 3.49, recall@20 0.182": an event's numbers and words, of the ranking metrics two;
// the rest and what is nested stays in the file.
std::string in_words(const Json& event) {
  std::string words;
  for (const auto& [name, value] : event.items()) {
    if (name == "event" || name == "time" || value.is_structured()) continue;
    if (name.find('@') != std::string::npos && name != "recall@20" && name != "ndcg@20") continue;
    const std::string text = value.is_number_float() ? fmt::format("{:.4g}", value.get<double>())
                             : value.is_string()     ? value.get<std::string>()
                                                     : value.dump();
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", name, text);
  }
  return words;
}

// Whether the run still stands on the data it was made from.
std::string_view dataset_state(const RunFolder& run, const RunConfig& config) {
  std::error_code ignored;
  if (!fs::exists(run.dataset(), ignored)) return "missing";
  return DatasetFile(run.dataset(), false).content_hash() == config.dataset_hash ? "present"
                                                                                 : "another";
}

std::vector<std::string> committed_checkpoints(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && name.starts_with("step-") && !name.ends_with(".tmp") &&
        !name.ends_with(".old")) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

void describe_run(const RunFolder& run, bool json) {
  const RunConfig config = read_run_config(run);
  const auto events = last_events(run.log());
  const std::vector<std::string> checkpoints = committed_checkpoints(run.checkpoints(false));
  const std::vector<std::string> refit = committed_checkpoints(run.checkpoints(true));
  const Json metrics = read_json(run.metrics());
  const bool has_metrics = metrics.is_object();
  if (json) {
    Json line{{"event", "run"},
              {"path", run.path().string()},
              {"source", config.source},
              {"content_hash", config.dataset_hash},
              {"options", config.options},
              {"checkpoints", checkpoints},
              {"refit_checkpoints", refit},
              {"dataset", dataset_state(run, config)},
              {"finished", has_metrics}};
    if (events.count("epoch") > 0) line["last_epoch"] = events.at("epoch");
    if (has_metrics) line["metrics"] = metrics;
    write_stdout(json_line(line));
    return;
  }
  std::string text = fmt::format("{}: a run, {}\n", run.path().string(),
                                 has_metrics ? "finished" : "not finished (train --resume)");
  const auto add = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {:<13} {}\n", label, value);
  };
  add("source", config.source);
  add("content", config.dataset_hash);
  std::string options;
  for (const auto& [name, value] : config.options) {
    if (!value.empty()) options += fmt::format("{}{}={}", options.empty() ? "" : " ", name, value);
  }
  add("options", options);
  std::string names;
  for (const std::string& name : checkpoints) names += (names.empty() ? "" : ", ") + name;
  add("checkpoints", names.empty() ? "none" : names);
  if (!refit.empty()) add("refit", refit.back());
  if (events.count("epoch") > 0) add("last epoch", in_words(events.at("epoch")));
  if (has_metrics) add("metrics", in_words(metrics));
  write_stdout(text);
  const std::string_view state = dataset_state(run, config);
  if (state == "another") {
    write_stdout(fmt::format("  {} is NOT the dataset that the run was made from\n",
                             run.dataset().string()));
  }
  if (state == "missing") {
    write_stdout(fmt::format("  {} is MISSING: put it back from a copy\n", run.dataset().string()));
  } else {
    write_stdout(describe_dataset(summarize(DatasetFile(run.dataset())), run.dataset().string()));
  }
}

int run_describe(const CommandContext& context, const fs::path& path) {
  context.communicator.on_root([&] {
    const RunFolder run(path);
    if (run.is_run()) return describe_run(run, context.json());
    DatasetSummary summary;
    if (is_dataset_file(path)) {
      summary = summarize(DatasetFile(path));
    } else {
      ImportOptions options;
      options.seed = context.seed();
      summary = summarize(import_dataset({path}, options));
    }
    write_stdout(context.json() ? dataset_line(summary, path.string())
                                : describe_dataset(summary, path.string()));
  });
  return 0;
}

}  // namespace

Command describe_command() {
  auto path = std::make_shared<fs::path>();
  Command command;
  command.usage = "DATA | RUN [--json]";
  command.notes =
      "Reads a dataset file, a folder or file of raw data (imported in memory as `halorec import` "
      "would with its defaults), or a run folder. A dataset file is verified in full on the way.";
  command.options.group("What");
  command.options.add("data", *path, "dataset file, raw data, or run folder")
      .value_name("DATA|RUN")
      .positional()
      .required();
  command.run = [path](const CommandContext& context) { return run_describe(context, *path); };
  return command;
}

}  // namespace halorec
