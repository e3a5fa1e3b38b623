#include "launch/bench/scaling_bench.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "comm/communicator.hpp"
#include "launch/bench/bindings.hpp"
#include "launch/bench/child_job.hpp"
#include "launch/bench/given_options.hpp"
#include "launch/bench/plot.hpp"
#include "launch/output.hpp"
#include "launch/threads.hpp"

namespace halorec {
namespace {

struct ScalingJob {
  std::int64_t ranks = 1, threads = 1;
  std::vector<double> seconds;   // the step's median of each round
  nlohmann::ordered_json event;  // of the last round
};

class ScalingBench {
 public:
  ScalingBench(const CommandContext& context, const ScalingBenchArguments& arguments,
               const OptionTable& step_options, Report& report)
      : context_(context), arguments_(arguments), report_(report) {
    words_ =
        given_options(context.options, step_options,
                      {"html", "partition", "threads", "json", "seed", "stall-seconds", "data"});
    words_.insert(words_.end(), {"--seed", std::to_string(context.seed())});
  }

  // Whether the figures may be compared.
  bool run();
  void compare_quality() const;

 private:
  std::vector<ScalingJob> plan_jobs() const;
  ChildJob child(const ScalingJob& job, const std::string& command) const;
  void report_jobs(const std::vector<ScalingJob>& jobs, const std::string& fault) const;

  const CommandContext& context_;
  const ScalingBenchArguments& arguments_;
  Report& report_;
  std::vector<std::string> words_;
};

// All cores are dealt to the ranks of every job; one rank has them all.
std::vector<ScalingJob> ScalingBench::plan_jobs() const {
  const std::int64_t cores = context_.threads.threads;
  std::vector<std::int64_t> ranks = arguments_.ranks;
  ranks.push_back(1);
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  std::vector<ScalingJob> jobs;
  jobs.reserve(ranks.size());
  for (const std::int64_t count : ranks) {
    jobs.push_back({count, std::max<std::int64_t>(1, cores / count), {}, {}});
  }
  return jobs;
}

ChildJob ScalingBench::child(const ScalingJob& job, const std::string& command) const {
  ChildJob child;
  child.ranks = job.ranks;
  child.threads = job.threads;
  std::istringstream words(arguments_.launcher);
  for (std::string word; words >> word;) child.launcher.push_back(word);
  if (child.launcher.empty()) {
    child.launcher = default_launcher(job.ranks, job.threads, context_.threads.threads);
  }
  std::istringstream names(command);
  for (std::string word; names >> word;) child.arguments.push_back(word);
  if (arguments_.step.bench.data) child.arguments.push_back(arguments_.step.bench.data->string());
  return child;
}

std::string cores_text(const nlohmann::ordered_json& event) {
  std::string text;
  for (const auto& cores : event.at("cores")) {
    text += text.empty() ? "" : " | ";
    for (std::size_t k = 0; k < cores.size(); ++k) {
      text += (k == 0 ? "" : ",") + std::to_string(cores[k].get<std::int64_t>());
    }
  }
  return text;
}

bool ScalingBench::run() {
  auto jobs = plan_jobs();
  std::vector<std::function<double()>> measurements;
  measurements.reserve(jobs.size());
  for (ScalingJob& job : jobs) {
    measurements.emplace_back([&] {
      ChildJob c = child(job, "bench step");
      c.arguments.insert(c.arguments.end(), words_.begin(), words_.end());
      c.arguments.emplace_back("--without-one-rank");
      job.event = event_of(run_child_job(c), "step");
      return job.event.at("step_seconds").at("median").get<double>();
    });
  }
  const auto seconds = interleave(measurements, arguments_.rounds, 0);
  std::vector<JobBindings> bindings;
  for (std::size_t k = 0; k < jobs.size(); ++k) {
    jobs[k].seconds = seconds[k];
    bindings.push_back(bindings_of(jobs[k].event));
  }
  const std::string fault = binding_fault(bindings);
  report_jobs(jobs, fault);
  return fault.empty();
}

void ScalingBench::report_jobs(const std::vector<ScalingJob>& jobs,
                               const std::string& fault) const {
  ReportTable table{"Strong scaling over the same cores",
                    {"ranks", "threads", "cores", "step ms", "middle half", "of one rank",
                     "wait ms", "MB/step (all)", "messages", "MiB/rank"},
                    {}};
  LinePlot plot{"Strong scaling over the same cores", "ranks", "step, ms", true, false, {}};
  PlotSeries measured{"measured, with the middle half", {}, PlotSeries::Look::line_and_marks};
  StackedBars bars{"Where a step's time goes", "ms", {}, {}};
  for (const auto& [name, value] : jobs.front().event.at("phases").items()) {
    bars.parts.push_back(name);
  }
  for (const ScalingJob& job : jobs) {
    const Summary s = summarise(job.seconds);
    const Summary relative = summarise(ratios(jobs.front().seconds, job.seconds));
    const auto& event = job.event;
    nlohmann::ordered_json record{
        {"event", "scaling"},
        {"ranks", job.ranks},
        {"threads", job.threads},
        {"cores", event.at("cores")},
        {"step_seconds", summary_json(s)},
        {"best_single_rank_seconds", summarise(jobs.front().seconds).median},
        {"phases", event.at("phases")},
        {"mean_seconds", event.at("mean_seconds")},
        {"wait_seconds", event.at("wait_seconds")},
        {"bytes_sent", event.at("bytes_sent")},
        {"messages_sent", event.at("messages_sent")},
        {"layer_bytes", event.at("layer_bytes")},
        {"layer_messages", event.at("layer_messages")},
        {"training_loss", event.at("training_loss")},
        {"peak_memory_bytes", event.at("peak_memory_bytes")}};
    record["speed_of_one_rank"] =
        fault.empty() ? summary_json(relative) : nlohmann::ordered_json(nullptr);
    report_.record(record);
    const auto memory = event.at("peak_memory_bytes").get<std::vector<double>>();
    table.rows.push_back(
        {std::to_string(job.ranks), std::to_string(job.threads), cores_text(event),
         fmt::format("{:.3f}", s.median * 1e3),
         fmt::format("{:.3f} .. {:.3f}", s.lower * 1e3, s.upper * 1e3),
         fault.empty() ? fmt::format("{:.2f}", relative.median) : "not compared",
         fmt::format("{:.3f}", event.at("wait_seconds").get<double>() * 1e3),
         fmt::format("{:.3f}", event.at("bytes_sent").get<double>() / 1e6),
         fmt::format("{:.0f}", event.at("messages_sent").get<double>()),
         fmt::format("{:.0f}", *std::max_element(memory.begin(), memory.end()) / (1 << 20))});
    plot.x_ticks.push_back(static_cast<double>(job.ranks));
    measured.points.push_back(
        {static_cast<double>(job.ranks), s.median * 1e3, s.lower * 1e3, s.upper * 1e3});
    bars.bars.push_back({fmt::format("{} x {} threads", job.ranks, job.threads), {}});
    for (const std::string& part : bars.parts) {
      bars.bars.back().values.push_back(std::max(0.0, event.at("phases").value(part, 0.0)) * 1e3);
    }
  }
  plot.series.push_back(measured);
  report_.table(table);
  report_.say(
      "of one rank: speed as a share of the best single rank's on the same cores (threads alone, "
      "no "
      "messages), round by round; above 1 is faster.");
  if (!fault.empty()) {
    report_.say("not compared: " + fault + "; give each rank its own cores (--launcher)");
  }
  report_.plot(draw(plot), "Every job has all the cores; one rank uses them as threads.");
  report_.plot(draw(bars), "Mean over steps and ranks of the last round.");
}

// Trains as long on one rank and on the most; the lists' quality must not depend on it.
void ScalingBench::compare_quality() const {
  struct Removed {
    std::string folder;
    ~Removed() {
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
    }
  };
  if (!arguments_.step.bench.data) fail_usage("--quality-epochs needs DATA with a test split");
  std::string folder = (std::filesystem::temp_directory_path() / "halorec-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) fail("cannot make a temporary folder {}", folder);
  const Removed removed{folder};
  const auto jobs = plan_jobs();
  ReportTable table{fmt::format("Quality after {} epochs", arguments_.quality_epochs),
                    {"ranks", "recall@20", "ndcg@20", "recall / one rank's"},
                    {}};
  double first = 0;
  for (const ScalingJob* job : {&jobs.front(), &jobs.back()}) {
    ChildJob c = child(*job, "train");
    const auto training = given_training_options(context_);
    c.arguments.insert(c.arguments.end(), training.begin(), training.end());
    const auto epochs = std::to_string(arguments_.quality_epochs);
    for (const std::string& name : {std::string("epochs"), std::string("select")}) {
      if (context_.options.given(name)) fail_usage("--quality-epochs sets --{} itself", name);
    }
    c.arguments.insert(c.arguments.end(), {"--epochs", epochs, "--select", "none", "--run",
                                           folder + "/" + std::to_string(job->ranks)});
    const auto events = run_child_job(c);
    const auto& result = event_of(events, "result");
    const double recall = result.at("recall@20").get<double>();
    if (job == &jobs.front()) first = recall;
    report_.record({{"event", "quality"},
                    {"ranks", job->ranks},
                    {"epochs", arguments_.quality_epochs},
                    {"recall@20", recall},
                    {"ndcg@20", result.at("ndcg@20")},
                    {"recall_of_one_rank", first}});
    table.rows.push_back({std::to_string(job->ranks), fmt::format("{:.5f}", recall),
                          fmt::format("{:.5f}", result.at("ndcg@20").get<double>()),
                          fmt::format("{:.4f}", first > 0 ? recall / first : 0)});
    if (jobs.size() == 1) break;
  }
  report_.table(table);
}

}  // namespace

int run_scaling_bench(const CommandContext& context, const ScalingBenchArguments& arguments,
                      const OptionTable& step_options) {
  if (started_by_launcher()) {
    fail_usage("bench scaling starts mpirun itself: start it without");
  }
  Report report(context, "halorec bench scaling: " + bench_data_name(arguments.step.bench),
                arguments.step.bench.html);
  ScalingBench bench(context, arguments, step_options, report);
  const bool comparable = bench.run();
  if (arguments.quality_epochs > 0) bench.compare_quality();
  if (!arguments.replay.empty()) {
    Communicator alone(MPI_COMM_SELF);
    const auto source = open_bench_data(alone, arguments.step.bench, context.seed());
    const Network network = choose_network(context.communicator, arguments.prediction);
    report_predictions(report,
                       make_predictions(context, source->dataset(), arguments.step,
                                        arguments.prediction, network, arguments.replay),
                       context.threads.threads);
  }
  report.finish();
  if (!comparable) warn("the jobs' bindings forbid to compare them");
  return comparable ? 0 : kExitFailure;
}

}  // namespace halorec
