// From measured parts to a step on many ranks: plain arithmetic, so that every prediction can be
// followed by hand. The ranks meet at each product, so a step's time is a sum over phases of the
// slowest rank's:
//   products x max over ranks (pack + max(local, halo) + cross)  + max update + rest + gather + sum
// By columns, products are those of the whole graph at a rank's share of the columns, and halo is
// what it takes to transpose all rows twice and the loss's rows twice, with nothing to hide behind.
// Else halo is the network's time for the rows of one product, hidden behind the local product as
// far as `overlap` says. Of a step's products the last forward and the first backward one compute
// and exchange the rows alone that the loss reads; their share of a whole product's time is what
// the step on one rank was measured to take, of its bytes that of the nonzeros in those rows,
// counted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "comm/wire_format.hpp"
#include "engine/propagation.hpp"
#include "launch/bench/network.hpp"
#include "partition/cut_quality.hpp"
#include "partition/partitioner.hpp"

namespace halorec {

// One rank of a cut: counted, and measured alone or beside others of its host.
struct PartFigures {
  std::int32_t part = 0;
  std::int64_t owned = 0, ghosts = 0, nonzeros = 0, cross_nonzeros = 0, interactions = 0;
  std::int64_t exchanged_rows = 0, messages = 0;  // each way, of one product of all rows
  std::int64_t buffer_rows = 0;                   // that the exchange holds
  bool replayed = true;                           // whether the following were measured
  double pack_seconds = 0;                        // and of adding what arrives
  double local_seconds = 0, cross_seconds = 0, update_seconds = 0;
  double product_seconds() const { return pack_seconds + local_seconds + cross_seconds; }
};

// The whole graph at the widest rank's share of the columns (engine/column_propagation.hpp): the
// same on every rank.
struct ColumnFigures {
  std::int64_t columns = 0;
  double product_seconds = 0;
  double transpose_seconds = 0;  // packing and unpacking of all rows, both ways
};

struct CutFigures {
  std::int64_t ranks = 1;
  CutQuality quality;
  std::vector<PartFigures> parts;        // all; that with most nonzeros among those that were run
  std::optional<ColumnFigures> columns;  // where layers run by columns instead
  double cut_seconds = 0;
  double cut_bytes = 0;  // peak of rank 0 meanwhile, estimated; 0: not known, or nothing to cut
};

// One rank that holds the whole graph.
struct BaseFigures {
  std::int64_t nodes = 0, interactions = 0, dim = 0, batch = 0, steps_per_epoch = 0;
  std::int64_t threads = 1;
  double step_seconds = 0, update_seconds = 0;
  double step_spread = 0;      // see Summary
  double product_seconds = 0;  // of all rows, as the replay of one rank has it
  std::int64_t products = 0;   // of all rows at most, a step
  std::map<std::int64_t, double>
      rest_seconds;              // by ranks: sampling and loss at that share of a batch
  std::int64_t shared_rows = 0;  // that the loss reads on every rank
  std::int64_t rows_each = 1;    // besides the user's own, for each positive
  double batch_rows = 0;         // distinct, that a whole batch reads
  double batch_nonzeros = 0;     // share of all nonzeros that stand in those rows

  // How many products of all rows a step's message passing costs, as measured: less than `products`
  // where rows that nobody needs are left out, but never less than the nonzeros that are needed.
  double equivalent_products() const;
  // What each of the two products at the loss's rows takes of a whole one's time.
  double demanded_share() const;
  // Matrices of all rows that the products between first and last take turns in; forward and
  // backward each have as many.
  std::int64_t num_turns() const;
};

// Peak resident bytes of a rank, by what it does. Training ranks at the end at least, so that the
// largest of the three is what a job needs.
struct RankMemory {
  double dealing = 0;     // edges on their way from the file to their ranks
  double steps = 0;       // of training
  double evaluation = 0;  // final rows of all nodes beside the state of training
  double peak() const;
};

struct StepPrediction {
  std::int64_t ranks = 1;
  // Seconds of a step.
  double products = 0;   // packing, local and cross edges on the mean rank
  double imbalance = 0;  // what the slowest rank takes longer
  double halo = 0;       // exposed
  double gather = 0;     // the batch's rows and their gradients
  double update = 0;
  double rest = 0;       // sampling and loss
  double reduction = 0;  // sums over ranks
  double seconds() const {
    return products + imbalance + halo + gather + update + rest + reduction;
  }
  double bytes = 0;  // sent by the busiest rank
  double messages = 0;
  RankMemory memory;      // of the largest rank
  double cut_bytes = 0;   // of rank 0 while it cuts, see CutFigures
  double efficiency = 0;  // of one rank's measured step: T1 / (ranks x seconds)
  // Its terms by name, in the order above.
  std::vector<std::pair<std::string, double>> terms() const;
};

struct ModelChoices {
  Network network;
  double overlap = 1;  // share of the local product behind which messages travel
  WireFormat wire = WireFormat::full;
  RowStorage store = RowStorage::full;  // bf16: rows travel so too, sums by `wire`
  ExchangePlan exchange = ExchangePlan::hybrid;
};

StepPrediction predict_step(const BaseFigures& base, const CutFigures& cut,
                            const ModelChoices& choices);

// From sizes alone. The cut on rank 0 comes before and is not in it. `columns`: of a rank that runs
// layers by so many columns of the whole graph; 0: by its rows.
RankMemory rank_memory(const BaseFigures& base, const PartFigures& part, std::int64_t ranks,
                       std::int64_t columns = 0);

// Where more ranks stop paying: the term that costs most beyond a perfect division of the smallest
// job's terms. Predictions by ascending ranks.
struct ScalingVerdict {
  std::int64_t best_ranks = 1;     // the most with at least `floor` efficiency
  std::int64_t fastest_ranks = 1;  // with the shortest step
  std::string limit;               // the term that costs most beyond a perfect division
};
ScalingVerdict judge(const std::vector<StepPrediction>& predictions, double floor);

}  // namespace halorec
