#include "launch/exchange_choice.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/run_log.hpp"
#include "launch/side_options.hpp"

namespace halorec {
namespace {

// What is decided without comparing: columns or not; nothing when auto has to look.
// everywhere: asked on all ranks.
std::optional<bool> settled(const TrainingArguments& training, std::int64_t num_ranks,
                            bool everywhere) {
  if (training.model != "lightgcn" || num_ranks == 1) return false;
  if (training.exchange == "columns" && num_ranks > training.dim) {
    throw Error(fmt::format("--exchange columns gives each rank some of the --dim {} columns, and "
                            "there are {} ranks; use {} ranks at most, or --exchange hybrid",
                            training.dim, num_ranks, training.dim),
                kExitUsage, everywhere);
  }
  if (training.exchange != "auto") return training.exchange == "columns";
  if (perturbation(training, 0).any() || has_side_inputs(training) || weighs_edges(training) ||
      !training.fanout.empty()) {
    return false;  // by rows alone
  }
  return std::nullopt;
}

ExchangeChoice cheaper(const ExchangeCost& cost) {
  return {cost.column_bytes < cost.hybrid_bytes, cost};
}

}  // namespace

ExchangeChoice choose_exchange(const TrainingArguments& training, const Shard& shard) {
  if (const auto columns = settled(training, shard.communicator().size(), true))
    return {*columns, {}};
  if (!columns_may_pay(shard, training.dim, training.layers)) return {};
  return cheaper(exchange_cost(shard, training.layers, training.dim));
}

ExchangeChoice foresee_exchange(const TrainingArguments& training, const BipartiteGraph& graph,
                                std::int64_t num_ranks, std::int64_t ranks_on_host,
                                double hybrid_vectors) {
  if (const auto columns = settled(training, num_ranks, false)) return {*columns, {}};
  const double memory = static_cast<double>(host_memory_bytes()) /
                        static_cast<double>(std::min(num_ranks, ranks_on_host));
  if (!columns_may_pay(graph.num_edges(), num_ranks, memory, training.dim, training.layers)) {
    return {};
  }
  ExchangeSizes sizes;
  sizes.num_nodes = static_cast<double>(graph.num_users()) + static_cast<double>(graph.num_items);
  sizes.num_edges = static_cast<double>(graph.num_edges());
  sizes.num_ranks = num_ranks;
  sizes.num_layers = training.layers;
  sizes.dim = training.dim;
  sizes.hybrid_vectors = hybrid_vectors;
  return cheaper(exchange_cost(sizes));
}

nlohmann::ordered_json exchange_event(const ExchangeChoice& choice) {
  const ExchangeCost& cost = choice.cost.value();
  return {{"event", "exchange"},
          {"plan", choice.columns ? "columns" : "hybrid"},
          {"hybrid_vectors_per_node", cost.hybrid_vectors},
          {"column_vectors_per_node", cost.column_vectors},
          {"hybrid_bytes_per_rank", cost.hybrid_bytes},
          {"column_bytes_per_rank", cost.column_bytes}};
}

std::string wire_warning(const TrainingArguments& training, const ExchangeChoice& choice) {
  if (!choice.columns) {
    if (training.wire != "int8") return {};
    return "--wire int8 is lossy: what crosses ranks is rounded to 1/127 of the largest number of "
           "its row, and losses differ a little from those of --wire fp32";
  }
  if (training.wire == "fp32") return {};
  return fmt::format(
      "--wire {} is without effect: layers run by columns (--exchange {}), which travel in full; "
      "--exchange hybrid rounds",
      training.wire, training.exchange);
}

WholeGraph::WholeGraph(const DatasetFile& dataset, TrainingPart part, RowOrder order)
    : alone_(MPI_COMM_SELF),
      shard_(alone_, dataset, part,
             Owners::single(dataset.num_users(), dataset.num_items(), std::move(order))) {}

}  // namespace halorec
