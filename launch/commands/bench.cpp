// halorec bench ...: what the program costs on this machine, one command for each question.
#include <fmt/format.h>

#include "launch/bench/exchange_bench.hpp"
#include "launch/bench/kernel_bench.hpp"
#include "launch/bench/one_rank.hpp"
#include "launch/bench/partition_bench.hpp"
#include "launch/bench/scaling_bench.hpp"
#include "launch/bench/step_bench.hpp"
#include "launch/commands/commands.hpp"
#include "launch/loss_option.hpp"
#include "launch/training_checks.hpp"
#include "models/registry.hpp"

namespace halorec {
namespace {

void check_trained(const TrainingArguments& training) {
  if (!is_trained_model(training.model)) {
    fail_usage("--model {} makes no steps; allowed: {}", training.model,
               fmt::join(trained_model_names(), ", "));
  }
  check_model(training);
  if (training.precision != "single") fail_usage("the benchmarks run --precision single alone");
  check_training_options(training);
  if (parse_loss_terms(training.loss).has(LossKind::rating)) {
    fail_usage("the benchmarks read no weights of interactions: --loss without rating");
  }
}

}  // namespace

Command bench_kernel_command() {
  auto arguments = std::make_shared<KernelBenchArguments>();
  Command command;
  command.usage = "[DATA] [--dim D,D] [options]";
  command.notes =
      "One process. GB/s counts the rows of x that the product reads, 4 dim bytes an edge. Its "
      "roof "
      "is the rate at which the same rows are loaded without arithmetic, measured in turns with "
      "the product; STREAM's triad and multiply-adds in registers stand beside it.";
  OptionTable& options = command.options;
  declare_data_options(options, arguments->bench);
  options.group("Kernel");
  options.add("dim", arguments->dims, "widths of x, multiples of 16")
      .value_name("D,D")
      .range(16, 4096);
  options.add("thread-counts", arguments->thread_counts, "threads (default: one, and --threads)")
      .value_name("T,T")
      .range(1, 4096);
  options.add("simd", arguments->targets, "SIMD targets: each that the machine has, or the best")
      .choices({"all", "best"});
  options
      .add("stream-mib", arguments->stream_mib,
           "size of each of the triad's arrays; 0: four times the last cache, at most 512")
      .range(0, 1 << 20);
  declare_report_options(options, arguments->bench);
  command.check = [arguments] {
    for (const auto dim : arguments->dims) {
      if (dim % 16 != 0) fail_usage("--dim takes multiples of 16 here, not {}", dim);
    }
  };
  command.run = [arguments](const CommandContext& context) {
    return run_kernel_bench(context, *arguments);
  };
  return command;
}

namespace {

// Options of bench step, which bench scaling passes on.
void declare_step_options(OptionTable& options, StepBenchArguments& arguments) {
  declare_data_options(options, arguments.bench);
  declare_report_options(options, arguments.bench);
  options.add("steps", arguments.steps, "steps that are measured").range(1, 1'000'000);
  options.add("warm-up", arguments.warm_up, "steps before them").range(0, 1'000'000);
  declare_cut_options(options, arguments.bench);
  declare_training_options(options, arguments.training);
}

}  // namespace

Command bench_step_command() {
  auto arguments = std::make_shared<StepBenchArguments>();
  auto step_options = std::make_shared<OptionTable>();
  auto unused = std::make_shared<StepBenchArguments>();
  declare_step_options(*step_options, *unused);
  Command command;
  command.usage = "[DATA] [--steps N] [training options]";
  command.notes =
      "Start it on P ranks with: mpirun -n P halorec bench step DATA. Options of training mean "
      "what "
      "they mean to halorec train; those of selection, schedule and checkpoints are without "
      "effect.";
  declare_step_options(command.options, *arguments);
  command.options.group("Measuring");
  declare_one_rank_option(command.options, arguments->bench);
  command.check = [arguments] { check_trained(arguments->training); };
  command.run = [arguments, step_options, unused](const CommandContext& context) {
    return run_step_bench(context, *arguments, *step_options);
  };
  return command;
}

Command bench_partition_command() {
  auto arguments = std::make_shared<PartitionBenchArguments>();
  Command command;
  command.usage = "[DATA] [--parts K,K] [--methods NAME,NAME] [options]";
  command.notes =
      "Cuts on rank 0. The cut's seconds are also given in epochs of training on one rank.";
  OptionTable& options = command.options;
  declare_data_options(options, arguments->bench);
  options.group("Cuts");
  options.add("parts", arguments->parts, "numbers of parts").value_name("K,K").range(1, 1 << 16);
  options.add("methods", arguments->methods, "how to cut")
      .value_name("NAME,NAME")
      .choices({"metis", "cluster", "hash", "block"});
  options
      .add("balance", arguments->bench.balance,
           "what metis and cluster keep equal: edges, or edges and nodes (both)")
      .choices({"edges", "both"});
  options.group("Measuring");
  options.add("steps", arguments->steps, "steps that an epoch's time is taken from")
      .range(1, 1'000'000);
  options.add("html", arguments->bench.html, "also write a page with plots that needs no network")
      .value_name("FILE.html");
  declare_training_options(options, arguments->training);
  command.check = [arguments] { check_trained(arguments->training); };
  command.run = [arguments](const CommandContext& context) {
    return run_partition_bench(context, *arguments);
  };
  return command;
}

Command bench_exchange_command() {
  auto arguments = std::make_shared<ExchangeBenchArguments>();
  Command command;
  command.usage = "[DATA] [options]";
  command.notes = "Start it on P >= 2 ranks with: mpirun -n P halorec bench exchange DATA.";
  OptionTable& options = command.options;
  declare_data_options(options, arguments->bench);
  options.group("Exchange");
  options.add("dim", arguments->dim, "numbers in a row").range(1, 4096);
  declare_cut_options(options, arguments->bench);
  declare_report_options(options, arguments->bench);
  declare_one_rank_option(options, arguments->bench);
  command.run = [arguments](const CommandContext& context) {
    return run_exchange_bench(context, *arguments);
  };
  return command;
}

Command bench_scaling_command() {
  auto arguments = std::make_shared<ScalingBenchArguments>();
  auto step_options = std::make_shared<OptionTable>();
  auto unused = std::make_shared<StepBenchArguments>();
  declare_step_options(*step_options, *unused);
  Command command;
  command.usage = "[DATA] [--ranks P,P] [--replay K,K] [training options]";
  command.notes =
      "Started without mpirun: it starts mpirun itself, a job for each number of ranks and round, "
      "in turns, all on the same cores: --threads of them (default: all), dealt to the ranks. One "
      "rank with all cores as threads stands beside every figure. Figures of jobs whose ranks have "
      "more threads than cores, or different cores, are not compared (exit status 1). --replay "
      "runs the real shards of larger cuts one after the other, each alone with --threads "
      "threads; the network alone is modelled, see halorec plan.";
  OptionTable& options = command.options;
  options.group("Jobs");
  options.add("ranks", arguments->ranks, "numbers of ranks").value_name("P,P").range(1, 1 << 16);
  options.add("rounds", arguments->rounds, "jobs of each number of ranks").range(1, 1000);
  options
      .add("quality-epochs", arguments->quality_epochs,
           "then train as many epochs on one rank and on the most, and compare Recall@20; 0: not")
      .at_least(0);
  options
      .add("launcher", arguments->launcher,
           "what starts ranks, up to -n P (default: mpirun, one set of cores for each rank)")
      .value_name("WORDS");
  options.add("replay", arguments->replay, "numbers of ranks that this machine does not have")
      .value_name("K,K")
      .range(1, 1 << 16);
  declare_prediction_options(options, arguments->prediction);
  declare_step_options(options, arguments->step);
  command.check = [arguments] {
    check_trained(arguments->step.training);
    if (!arguments->replay.empty()) check_foretold(arguments->step.training, "--replay");
  };
  command.run = [arguments, step_options, unused](const CommandContext& context) {
    return run_scaling_bench(context, *arguments, *step_options);
  };
  return command;
}

}  // namespace halorec
