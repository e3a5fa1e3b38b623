// halorec plan: what training on many ranks would take.
#include "launch/bench/plan.hpp"

#include "launch/commands/commands.hpp"
#include "launch/loss_option.hpp"
#include "launch/training_checks.hpp"

namespace halorec {

Command plan_command() {
  auto arguments = std::make_shared<PlanArguments>();
  arguments->step.steps = 10;
  arguments->step.bench.repetitions = 7;
  Command command;
  command.usage = "DATA --ranks P,P [--network-latency US --network-bandwidth GB] [options]";
  command.notes =
      "Cuts the graph for each number of ranks, runs the real shards of each cut on this machine, "
      "each with --threads threads (the threads a rank will have), and adds what a network costs. "
      "Shards run alone, or as many side by side as --ranks-per-node says and this machine's cores "
      "allow. The network is the given one, or is measured between the ranks of "
      "mpirun -n 2 --host A,B halorec plan DATA, or is assumed. A step is the sum of its phases, "
      "each as long as on the slowest rank: products x max(pack + max(local, halo) + cross), the "
      "update, the loss, the batch's rows, and sums over ranks. Where --exchange runs layers by "
      "columns (auto: as train would, with a host like this one for each rank), the product is the "
      "whole graph's at a rank's share of the columns. Memory is the largest rank's, in its "
      "largest phase; the cut on rank 0 comes before, and METIS's is an upper estimate.";
  OptionTable& options = command.options;
  declare_data_options(options, arguments->step.bench);
  options.group("Plan");
  options.add("ranks", arguments->ranks, "numbers of ranks").value_name("P,P").range(1, 1 << 16);
  options
      .add("memory", arguments->memory_gib,
           "GiB that a rank may use; more ranks where it needs more")
      .above(0);
  options.add("efficiency", arguments->efficiency, "that the best choice must reach").range(0, 1);
  options.add("slurm", arguments->slurm, "write the Slurm script of the best choice")
      .value_name("FILE");
  options
      .add("ranks-per-node", arguments->prediction.ranks_per_node,
           "that share a node and its memory, in the replay and in that script")
      .range(1, 4096);
  declare_prediction_options(options, arguments->prediction);
  declare_report_options(options, arguments->step.bench);
  options.add("steps", arguments->step.steps, "steps that are measured on one rank")
      .range(1, 1'000'000);
  options.add("warm-up", arguments->step.warm_up, "steps before them").range(0, 1'000'000);
  options.group("Partition");
  options.add("method", arguments->step.bench.method, "how to cut the graph")
      .choices({"auto", "metis", "cluster", "hash", "block"});
  options
      .add("balance", arguments->step.bench.balance,
           "what metis and cluster keep equal: edges, or edges and nodes (both)")
      .choices({"edges", "both"});
  declare_training_options(options, arguments->step.training);
  command.check = [arguments] {
    check_foretold(arguments->step.training, "halorec plan");
    check_model(arguments->step.training);
    check_training_options(arguments->step.training);
    if (parse_loss_terms(arguments->step.training.loss).has(LossKind::rating)) {
      fail_usage("plan reads no weights of interactions: --loss without rating");
    }
  };
  command.run = [arguments](const CommandContext& context) {
    return run_plan(context, *arguments);
  };
  return command;
}

}  // namespace halorec
