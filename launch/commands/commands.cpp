#include "launch/commands/commands.hpp"

#include <vector>

namespace halorec {

// One line for each command: its declaration here, its place in the table below.
Command import_command();
Command generate_command();
Command perturb_command();
Command describe_command();
Command partition_command();
Command train_command();
Command evaluate_command();
Command recommend_command();
Command similar_command();
Command export_command();
Command bench_kernel_command();
Command bench_step_command();
Command bench_partition_command();
Command bench_exchange_command();
Command bench_scaling_command();
Command plan_command();

std::span<const CommandEntry> command_table() {
  static const std::vector<CommandEntry> table{
      {"import", "turns raw interactions into a dataset file", import_command},
      {"generate", "makes a synthetic graph, or expands a dataset", generate_command},
      {"perturb", "adds fake edges or fake users to a dataset's training part", perturb_command},
      {"describe", "says what a dataset or a run holds", describe_command},
      {"partition", "cuts a dataset's graph into parts and says what the cut costs",
       partition_command},
      {"train", "trains a model over all ranks and tests it", train_command},
      {"evaluate", "measures a run, or lists made elsewhere, on held-out interactions",
       evaluate_command},
      {"recommend", "lists the best items for users, or for a history of items", recommend_command},
      {"similar", "names the items nearest to one item", similar_command},
      {"export", "writes the final rows under the caller's ids, for use elsewhere", export_command},
      {"bench kernel", "times the sparse product beside what the machine can do",
       bench_kernel_command},
      {"bench step", "times training steps, phase by phase", bench_step_command},
      {"bench partition", "cuts by each method: halo, balance, time", bench_partition_command},
      {"bench exchange", "times the halo exchange over this job's ranks", bench_exchange_command},
      {"bench scaling", "compares numbers of ranks on the same cores, and by replay on more",
       bench_scaling_command},
      {"plan", "predicts training on many ranks: time, memory, where it stops", plan_command},
  };
  return table;
}

}  // namespace halorec
