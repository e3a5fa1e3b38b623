// halorec bench ...: what the program costs on this machine, one command for each question.
#include "launch/bench/kernel_bench.hpp"
#include "launch/bench/step_bench.hpp"
#include "launch/commands/commands.hpp"
#include "models/registry.hpp"

namespace halorec {
namespace {

void check_trained(const TrainingArguments& training) {
  if (!is_trained_model(training.model)) {
    fail_usage("--model {} makes no steps; allowed: lightgcn, mf", training.model);
  }
  if (training.precision != "single") fail_usage("the benchmarks run --precision single alone");
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

Command bench_step_command() {
  auto arguments = std::make_shared<StepBenchArguments>();
  Command command;
  command.usage = "[DATA] [--steps N] [training options]";
  command.notes =
      "Start it on P ranks with: mpirun -n P halorec bench step DATA. Options of training mean "
      "what "
      "they mean to halorec train; those of selection, schedule and checkpoints are without "
      "effect.";
  OptionTable& options = command.options;
  declare_data_options(options, arguments->bench);
  declare_report_options(options, arguments->bench);
  options.add("steps", arguments->steps, "steps that are measured").range(1, 1'000'000);
  options.add("warm-up", arguments->warm_up, "steps before them").range(0, 1'000'000);
  declare_cut_options(options, arguments->bench);
  declare_training_options(options, arguments->training);
  command.check = [arguments] { check_trained(arguments->training); };
  command.run = [arguments](const CommandContext& context) {
    return run_step_bench(context, *arguments);
  };
  return command;
}

}  // namespace halorec
