// --exchange: whether layers run by halo or by columns, and the whole graph that columns need. One
// rule for train, bench and plan.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "comm/communicator.hpp"
#include "engine/column_propagation.hpp"
#include "launch/training_options.hpp"

namespace halorec {

struct ExchangeChoice {
  bool columns = false;
  std::optional<ExchangeCost> cost;  // where auto had to compare
};

// Collective; the same on every rank.
ExchangeChoice choose_exchange(const TrainingArguments& training, const Shard& shard);
// What it will be on so many ranks, `ranks_on_host` of them on each host like this one, by a cut
// that sends `hybrid_vectors` by node and layer. Not collective.
ExchangeChoice foresee_exchange(const TrainingArguments& training, const BipartiteGraph& graph,
                                std::int64_t num_ranks, std::int64_t ranks_on_host,
                                double hybrid_vectors);

// {"event":"exchange",...} of a log; of a choice that compared costs.
nlohmann::ordered_json exchange_event(const ExchangeChoice& choice);
// What to tell of --wire: that it is idle, since columns travel in full, or that it is lossy. Empty
// when nothing.
std::string wire_warning(const TrainingArguments& training, const ExchangeChoice& choice);

// All nodes and edges on this rank alone. Not collective.
class WholeGraph {
 public:
  // Rows in this order.
  WholeGraph(const DatasetFile& dataset, TrainingPart part, RowOrder order);
  const Shard& shard() const { return shard_; }

 private:
  Communicator alone_;
  Shard shard_;
};

}  // namespace halorec
