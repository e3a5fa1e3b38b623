// halorec partition: cuts a dataset's training graph and says what the cut costs.
#include <chrono>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "launch/commands/commands.hpp"
#include "launch/cut_cache.hpp"
#include "launch/find_owners.hpp"
#include "launch/output.hpp"
#include "launch/output_file.hpp"
#include "launch/run_folder.hpp"
#include "partition/cut_quality.hpp"
#include "partition/dataset.hpp"
#include "partition/partitioner.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::filesystem::path data;
  std::int32_t parts = 0;
  std::string method = "auto";
  std::string balance = "both";
  std::optional<double> memory_gib;
  std::string graph = "train";  // what train learns from by default
  std::optional<std::int32_t> ranks_per_host;
  std::optional<std::filesystem::path> out;
};

// Before METIS starts, so that whoever watches memory knows.
void say_choice(const CommandContext& context, const MethodChoice& choice) {
  if (context.json()) {
    write_stdout(json_line({{"event", "cut"},
                            {"method", cut_method_name(choice.method)},
                            {"metis_memory_bytes", choice.metis_bytes},
                            {"memory_limit_bytes", choice.limit_bytes}}));
  } else {
    write_stdout(fmt::format("cutting by {}: {}\n", cut_method_name(choice.method), choice.reason));
  }
  flush_stdout();
}

// What train makes of this cut with `ranks_per_host` ranks on each host, by rank. Collective.
Placement place_on_hosts(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                         const Owners& owners, std::int32_t ranks_per_host) {
  std::vector<std::int32_t> hosts(static_cast<std::size_t>(owners.num_parts));
  for (std::int32_t r = 0; r < owners.num_parts; ++r) {
    hosts[static_cast<std::size_t>(r)] = r / ranks_per_host;
  }
  return place_parts(measure_traffic(communicator, dataset, part, owners), hosts);
}

int run(const CommandContext& context, const Arguments& arguments) {
  context.communicator.on_root([&] {
    if (!arguments.out) return;
    check_folder_of(*arguments.out, "out");
    check_replaceable(*arguments.out, "out", "halorec partition", "a partition");
  });
  CutOptions options;
  options.balance = parse_balance(arguments.balance);
  options.num_parts = arguments.parts;
  options.seed = context.seed();
  const TrainingPart part =
      arguments.graph == "train" ? TrainingPart::train : TrainingPart::train_and_validation;

  const DataSource data(context.communicator, arguments.data);
  const DatasetFile& dataset = data.dataset();
  const MethodChoice choice =
      choose_method(context.communicator, dataset, part, parse_cut_method(arguments.method),
                    arguments.memory_gib);
  options.method = choice.method;
  options.memory_bytes = choice.limit_bytes;
  context.communicator.on_root_briefly([&] { say_choice(context, choice); });
  const auto start = std::chrono::steady_clock::now();
  Owners owners = cut(context.communicator, dataset, part, options);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto ordering = std::chrono::steady_clock::now();
  options.order_rows = true;
  owners.order = order_rows(context.communicator, dataset, part, options.seed);
  const double order_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - ordering).count();
  const CutQuality quality = measure_cut(context.communicator, dataset, part, owners);
  std::optional<Placement> placement;
  if (arguments.ranks_per_host) {
    placement =
        place_on_hosts(context.communicator, dataset, part, owners, *arguments.ranks_per_host);
  }
  const auto per_node = [&](std::uint64_t vectors) {
    return static_cast<double>(vectors) /
           static_cast<double>(dataset.num_users() + dataset.num_items());
  };
  // Of all of the command: the cut, the order of rows, and counting what the cut costs.
  const std::uint64_t peak = context.communicator.sum(peak_memory_bytes());
  context.communicator.on_root([&] {
    CutCache(default_cache(), dataset.content_hash(), part, options).save(owners);
    if (arguments.out) {
      save_owners(owners, cut_key(dataset.content_hash(), training_part_name(part), options),
                  dataset.content_hash(), *arguments.out);
    }
    const double peak_mib = static_cast<double>(peak) / (1 << 20);
    if (context.json()) {
      nlohmann::ordered_json line{{"event", "partition"},
                                  {"method", cut_method_name(options.method)},
                                  {"parts", arguments.parts},
                                  {"nodes", dataset.num_users() + dataset.num_items()},
                                  {"edges", quality.num_edges},
                                  {"cut", quality.cut_fraction},
                                  {"halo_vectors_per_node", quality.halo_vectors_per_node},
                                  {"hybrid_vectors_per_node", quality.hybrid_vectors_per_node},
                                  {"node_imbalance", quality.node_imbalance},
                                  {"edge_imbalance", quality.edge_imbalance},
                                  {"interaction_imbalance", quality.interaction_imbalance},
                                  {"empty_parts", quality.num_empty_parts},
                                  {"seconds", seconds},
                                  {"row_order_seconds", order_seconds},
                                  {"peak_memory_bytes", peak},
                                  {"ranks", context.communicator.size()}};
      if (placement) {
        line["hosts"] = placement->num_hosts;
        line["between_hosts_as_cut_per_node"] = per_node(placement->between_hosts_as_cut);
        line["between_hosts_per_node"] = per_node(placement->between_hosts);
      }
      write_stdout(json_line(line));
      return;
    }
    write_stdout(fmt::format(
        "{} nodes, {} edges cut into {} parts by {} in {:.2f} s on {} rank{}, peak memory {:.0f} "
        "MiB\n"
        "  cut                      {:.3f} of the edges\n"
        "  halo                     {:.3f} vectors a node and layer\n"
        "  halo, hybrid             {:.3f}  (rows or partial sums, whichever are fewer)\n"
        "  imbalance of nodes       {:.3f}\n"
        "  imbalance of edges       {:.3f}\n"
        "  imbalance of training    {:.3f}  (interactions of owned users)\n"
        "  order of rows            found in {:.2f} s\n",
        dataset.num_users() + dataset.num_items(), quality.num_edges, arguments.parts,
        cut_method_name(options.method), seconds, context.communicator.size(),
        context.communicator.size() == 1 ? "" : "s", peak_mib, quality.cut_fraction,
        quality.halo_vectors_per_node, quality.hybrid_vectors_per_node, quality.node_imbalance,
        quality.edge_imbalance, quality.interaction_imbalance, order_seconds));
    if (placement) {
      write_stdout(fmt::format("  hybrid between hosts     {:.3f}  ({:.3f} as cut; {} hosts)\n",
                               per_node(placement->between_hosts),
                               per_node(placement->between_hosts_as_cut), placement->num_hosts));
    }
    if (quality.num_empty_parts > 0) {
      write_stdout(fmt::format("  {} parts are empty: there are fewer nodes than parts\n",
                               quality.num_empty_parts));
    }
    if (arguments.out) write_stdout(fmt::format("written to {}\n", arguments.out->string()));
  });
  return 0;
}

}  // namespace

Command partition_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "DATA --parts K [options]";
  command.notes =
      "metis, hash and block work on rank 0; all ranks that mpirun started share the work and the "
      "memory of cluster, with the same answer on any number of them. auto takes metis where its "
      "memory suffices and cluster elsewhere. `halorec train --partition FILE` uses the file when "
      "it is started on K ranks. The cut is kept in the cache too, where train on K ranks finds "
      "it "
      "when method, balance, seed and graph are the same; partition itself always cuts anew, so "
      "that seconds and memory are those of a cut.";
  OptionTable& options = command.options;
  options.group("Partition");
  options.add("data", arguments->data, "dataset file, or a folder or file of raw data")
      .value_name("DATA")
      .positional()
      .required();
  options.add("parts", arguments->parts, "number of parts: the ranks of the job")
      .range(1, 1 << 16)
      .required();
  options.add("method", arguments->method, "how to cut")
      .choices({"auto", "metis", "cluster", "hash", "block"});
  options
      .add("balance", arguments->balance,
           "what metis and cluster keep equal: edges, or edges and nodes (both)")
      .choices({"edges", "both"});
  options
      .add("memory-limit", arguments->memory_gib,
           "GiB on rank 0 within which auto takes METIS, and cluster's coarsest graph stays (auto: "
           "nine tenths of what is available)")
      .or_word("auto")
      .above(0);
  options
      .add("graph", arguments->graph,
           "the interactions that count: train+validation (train --select test|none, --refit) or "
           "train (train --select validation)")
      .choices({"train", "train+validation"});
  options
      .add(
          "ranks-per-host", arguments->ranks_per_host,
          "also say how many vectors will travel between hosts: train on K ranks places parts that "
          "exchange much on one host")
      .range(1, 1 << 16);
  options.add("out", arguments->out, "write the owners to this file").value_name("PARTS.h5");
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
