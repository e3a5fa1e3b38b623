#include "launch/bench/plan.hpp"

#include <algorithm>
#include <cmath>

#include "comm/communicator.hpp"
#include "launch/bench/given_options.hpp"
#include "launch/output_file.hpp"
#include "launch/threads.hpp"

namespace halorec {

std::vector<StepPrediction> fitting(const std::vector<StepPrediction>& steps,
                                    const std::optional<double>& memory_gib) {
  std::vector<StepPrediction> result;
  for (const StepPrediction& p : steps) {
    if (!memory_gib || p.memory.peak() <= *memory_gib * static_cast<double>(1 << 30)) {
      result.push_back(p);
    }
  }
  return result;
}

namespace {

// In quotes that no character of it ends.
std::string shell_word(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace

std::string slurm_script(const PlanArguments& arguments, const StepPrediction& choice,
                         std::int64_t threads, const std::vector<std::string>& options) {
  const std::int64_t on_node = std::min(arguments.prediction.ranks_per_node, choice.ranks);
  const std::int64_t nodes = (choice.ranks + on_node - 1) / on_node;
  // A quarter more: what Slurm counts besides. The cut is rank 0's, before there are shards.
  const double node_bytes =
      std::max(choice.memory.peak() * static_cast<double>(on_node), choice.cut_bytes);
  const double node_mib = 1.25 * node_bytes / static_cast<double>(1 << 20);
  std::string words;
  for (const std::string& option : options) words += " " + shell_word(option);
  // The script is submitted from the repository, wherever this is.
  const std::string data = arguments.step.bench.data
                               ? std::filesystem::absolute(*arguments.step.bench.data).string()
                               : "DATA";
  return fmt::format(
      R"(#!/usr/bin/env bash
# Written by halorec plan for {ranks} ranks of {threads} threads: {seconds:.4f} s a step predicted, {efficiency:.0f} %
# efficiency, {memory:.0f} MiB a rank. Submit from the repository: sbatch THIS_FILE RUN
#SBATCH --job-name=halorec
#SBATCH --nodes={nodes}
#SBATCH --ntasks={ranks}
#SBATCH --ntasks-per-node={on_node}
#SBATCH --cpus-per-task={threads}
#SBATCH --mem={node_mib:.0f}M
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
#SBATCH --output=halorec-%j.log
set -euo pipefail
exec bash "${{HALOREC_SLURM:-${{SLURM_SUBMIT_DIR:-.}}/launch/slurm}}/train.sbatch" \
  {data} "${{1:-runs/plan}}"{words}
)",
      fmt::arg("ranks", choice.ranks), fmt::arg("threads", threads),
      fmt::arg("seconds", choice.seconds()), fmt::arg("efficiency", 100 * choice.efficiency),
      fmt::arg("memory", choice.memory.peak() / (1 << 20)), fmt::arg("nodes", nodes),
      fmt::arg("on_node", on_node), fmt::arg("node_mib", std::ceil(node_mib)),
      fmt::arg("data", shell_word(data)), fmt::arg("words", words));
}

int run_plan(const CommandContext& context, const PlanArguments& arguments) {
  Report report(context, "halorec plan: " + bench_data_name(arguments.step.bench),
                arguments.step.bench.html);
  const Network network = choose_network(context.communicator, arguments.prediction);
  context.communicator.on_root([&] {
    Communicator alone(MPI_COMM_SELF);
    const auto source = open_bench_data(alone, arguments.step.bench, context.seed());
    const Predictions all = make_predictions(context, source->dataset(), arguments.step,
                                             arguments.prediction, network, arguments.ranks);
    const std::int32_t threads = context.threads.threads;
    report_predictions(report, all, threads);

    const auto possible = fitting(all.steps, arguments.memory_gib);
    if (possible.empty()) {
      report.record({{"event", "plan"}, {"fits", false}});
      report.finish();
      fail("no number of ranks fits into {} GiB a rank; name more --ranks or a smaller --dim",
           *arguments.memory_gib);
    }
    const ScalingVerdict verdict = judge(possible, arguments.efficiency);
    report.record({{"event", "plan"},
                   {"fits", true},
                   {"best_ranks", verdict.best_ranks},
                   {"fastest_ranks", verdict.fastest_ranks},
                   {"limit", verdict.limit},
                   {"efficiency_floor", arguments.efficiency}});
    report.say(fmt::format(
        "best choice: {} rank{} ({} is fastest); beyond, {} costs most of what a perfect division "
        "would save",
        verdict.best_ranks, verdict.best_ranks == 1 ? "" : "s", verdict.fastest_ranks,
        verdict.limit.empty() ? "nothing" : verdict.limit));
    if (arguments.slurm) {
      const auto choice =
          std::find_if(possible.begin(), possible.end(),
                       [&](const StepPrediction& p) { return p.ranks == verdict.best_ranks; });
      auto options = given_training_options(context);
      for (const auto& [name, value] : context.options.values()) {
        if (!context.options.given(name) || (name != "method" && name != "balance")) continue;
        options.insert(options.end(), {"--" + name, value});
      }
      OutputFile file(*arguments.slurm);
      file.write(slurm_script(arguments, *choice, threads, options));
      file.commit();
      report.say(fmt::format("written to {}", arguments.slurm->string()));
    }
    report.finish();
  });
  return 0;
}

}  // namespace halorec
