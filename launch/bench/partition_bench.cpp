#include "launch/bench/partition_bench.hpp"

#include <fstream>

#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "launch/bench/plot.hpp"
#include "launch/bench/report.hpp"
#include "partition/cut_quality.hpp"
#include "partition/partitioner.hpp"

namespace halorec {
namespace {

// Linux's peak of this process since the last reset; the peak so far where it cannot be reset.
void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5";
}
std::uint64_t current_peak_bytes() {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmHWM:" && in >> kib) return kib << 10;
  }
  return peak_memory_bytes();
}

double epoch_seconds(const CommandContext& context, const DatasetFile& dataset,
                     const PartitionBenchArguments& arguments) {
  Communicator alone(MPI_COMM_SELF);
  Owners owners = Owners::single(
      dataset.num_users(), dataset.num_items(),
      order_rows(alone, dataset, TrainingPart::train_and_validation, context.seed()));
  const Shard shard(alone, dataset, TrainingPart::train_and_validation, std::move(owners));
  StepLoop loop(shard, dataset, arguments.training, context.seed());
  loop.run();
  std::vector<double> seconds;
  for (std::int64_t k = 0; k < arguments.steps; ++k) {
    seconds.push_back(seconds_of([&] { loop.run(); }));
  }
  return summarise(seconds).median * static_cast<double>(loop.steps_per_epoch());
}

}  // namespace

int run_partition_bench(const CommandContext& context, const PartitionBenchArguments& arguments) {
  Report report(context, "halorec bench partition: " + bench_data_name(arguments.bench),
                arguments.bench.html);
  const auto source = open_bench_data(context.communicator, arguments.bench, context.seed());
  context.communicator.on_root([&] {
    Communicator alone(MPI_COMM_SELF);
    const DatasetFile& dataset = source->dataset();
    constexpr TrainingPart kPart = TrainingPart::train_and_validation;
    const double epoch = epoch_seconds(context, source->dataset(), arguments);
    report.say(fmt::format("{} nodes; an epoch on one rank takes {:.2f} s",
                           dataset.num_users() + dataset.num_items(), epoch));
    ReportTable table{"Cuts",
                      {"parts", "method", "cut", "halo", "hybrid", "nodes", "edges", "training",
                       "s", "epochs", "MiB"},
                      {}};
    StackedBars halo{"Vectors a node sends to other ranks, a layer",
                     "vectors",
                     {"hybrid", "more by the plain halo"},
                     {}};
    for (const std::int32_t parts : arguments.parts) {
      for (const std::string& method : arguments.methods) {
        CutOptions options;
        options.method = parse_cut_method(method);
        options.balance = parse_balance(arguments.bench.balance);
        options.num_parts = parts;
        options.seed = context.seed();
        reset_peak_memory();
        Owners owners;
        const double seconds = seconds_of([&] { owners = cut(alone, dataset, kPart, options); });
        const std::uint64_t peak = current_peak_bytes();
        const CutQuality q = measure_cut(alone, dataset, kPart, owners);
        const double hybrid = q.hybrid_vectors_per_node;
        report.record({{"event", "cut"},
                       {"method", method},
                       {"parts", parts},
                       {"cut", q.cut_fraction},
                       {"halo_vectors_per_node", q.halo_vectors_per_node},
                       {"hybrid_vectors_per_node", hybrid},
                       {"node_imbalance", q.node_imbalance},
                       {"edge_imbalance", q.edge_imbalance},
                       {"interaction_imbalance", q.interaction_imbalance},
                       {"empty_parts", q.num_empty_parts},
                       {"seconds", seconds},
                       {"epoch_seconds", epoch},
                       {"epochs", seconds / epoch},
                       {"peak_memory_bytes", peak}});
        table.rows.push_back(
            {std::to_string(parts), method, fmt::format("{:.3f}", q.cut_fraction),
             fmt::format("{:.3f}", q.halo_vectors_per_node), fmt::format("{:.3f}", hybrid),
             fmt::format("{:.3f}", q.node_imbalance), fmt::format("{:.3f}", q.edge_imbalance),
             fmt::format("{:.3f}", q.interaction_imbalance), fmt::format("{:.2f}", seconds),
             fmt::format("{:.2f}", seconds / epoch),
             fmt::format("{:.0f}", static_cast<double>(peak) / (1 << 20))});
        halo.bars.push_back(
            {fmt::format("{} x {}", method, parts), {hybrid, q.halo_vectors_per_node - hybrid}});
      }
    }
    report.table(table);
    report.say(
        "cut: share of edges between parts; halo, hybrid: vectors a node and layer by each "
        "exchange; nodes, edges, "
        "training: largest part over the mean; epochs: seconds of the cut in epochs of training.");
    report.plot(draw(halo),
                "Halo: each node's row once to each other part that reads it. Hybrid: rows or "
                "partial sums, by "
                "a minimum vertex cover for each pair of parts.");
    report.finish();
  });
  return 0;
}

}  // namespace halorec
