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

std::string on_one_line(const Json& json) {
  std::string line = json_line(json);
  line.pop_back();
  return line;
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
  if (events.count("epoch") > 0) add("last epoch", on_one_line(events.at("epoch")));
  if (has_metrics) add("metrics", on_one_line(metrics));
  write_stdout(text);
  std::error_code ignored;
  if (fs::exists(run.dataset(), ignored)) {
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
