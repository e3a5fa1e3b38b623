#include "launch/bench/replay.hpp"

#include <omp.h>

#include <algorithm>
#include <numeric>

#include "comm/communicator.hpp"

namespace halorec {

std::vector<std::int32_t> rows_by_owner(const Owners& owners) {
  std::vector<std::int32_t> owner;  // by row
  for (const auto u : nodes_by_place(owners.order.user, owners.user.size())) {
    owner.push_back(owners.user[u]);
  }
  for (const auto i : nodes_by_place(owners.order.item, owners.item.size())) {
    owner.push_back(owners.item[i]);
  }
  std::vector<std::int32_t> order(owner.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return owner[static_cast<std::size_t>(a)] < owner[static_cast<std::size_t>(b)];
  });
  return order;
}

std::vector<std::int32_t> choose_parts(const std::vector<std::int64_t>& nonzeros,
                                       std::int64_t limit) {
  std::vector<std::int32_t> order(nonzeros.size());
  std::iota(order.begin(), order.end(), 0);
  if (limit > 0 && limit < std::ssize(order)) {
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return nonzeros[static_cast<std::size_t>(a)] > nonzeros[static_cast<std::size_t>(b)];
    });
    std::vector<std::int32_t> chosen;
    for (std::int64_t k = 0; k < limit; ++k) {
      const std::int64_t at = limit == 1 ? 0 : k * (std::ssize(order) - 1) / (limit - 1);
      chosen.push_back(order[static_cast<std::size_t>(at)]);
    }
    order = chosen;
    std::sort(order.begin(), order.end());
  }
  return order;
}

CutFigures replay_cut(const BipartiteGraph& graph, const Owners& owners,
                      const ReplayOptions& options) {
  const PartShards shards(graph, owners);
  CutFigures figures;
  figures.ranks = owners.num_parts;
  figures.quality = measure_cut(graph, owners);
  const auto chosen = choose_parts(shards.nonzeros(), options.limit);
  for (std::size_t begin = 0; begin < chosen.size(); begin += options.at_once) {
    std::vector<PartShard> group;
    for (std::size_t k = begin; k < std::min(chosen.size(), begin + options.at_once); ++k) {
      group.push_back(shards.make(chosen[k]));
    }
    const auto measured = replay_parts(group, options);
    figures.parts.insert(figures.parts.end(), measured.begin(), measured.end());
  }
  for (std::int32_t part = 0; part < shards.num_parts(); ++part) {
    if (std::binary_search(chosen.begin(), chosen.end(), part)) continue;
    figures.parts.push_back(count_part(shards.make(part), options));
  }
  return figures;
}

namespace {

// Of a step without its update, the median.
double median_without_update(StepLoop& loop, std::int64_t steps) {
  loop.run();
  loop.timers().take();
  std::vector<double> seconds;
  for (std::int64_t k = 0; k < steps; ++k) {
    const double step = seconds_of([&] { loop.run(); });
    seconds.push_back(step - loop.timers().take().at("update"));
  }
  return summarise(seconds).median;
}

}  // namespace

BaseFigures measure_base(const DatasetFile& dataset, const BaseQuestion& question) {
  Communicator alone(MPI_COMM_SELF);
  Owners owners = Owners::single(dataset.num_users(), dataset.num_items(), question.order);
  const Shard shard(alone, dataset, TrainingPart::train_and_validation, std::move(owners));
  BaseFigures base;
  base.nodes = shard.num_owned();
  base.interactions = static_cast<std::int64_t>(shard.num_edges());
  base.dim = question.step->training.dim;
  const StepFigures whole = measure_steps(shard, dataset, *question.step, question.seed);
  base.step_seconds = whole.seconds.median;
  base.step_spread = whole.seconds.spread();
  base.update_seconds = whole.phases.at("update");
  base.products = whole.products;
  base.batch = whole.batch;
  base.steps_per_epoch = whole.steps_per_epoch;
  base.batch_rows = whole.batch_rows;
  base.batch_nonzeros = whole.batch_nonzeros;
  base.threads = omp_get_max_threads();
  const TrainerOptions options =
      trainer_options(question.step->training, question.seed, shard.num_edges());
  base.shared_rows = options.loss.pool_size();
  base.rows_each = 1 + options.loss.negatives_each();

  // The same step without message passing, at the share of the batch that each rank gets. Of the
  // embeddings it touches the batch's rows alone: a rank of many has few others, and one with a
  // graph writes their gradients in its last product.
  StepBenchArguments flat = *question.step;
  flat.training.model = "mf";
  flat.training.update = "touched";
  for (const std::int64_t ranks : question.ranks) {
    flat.training.batch = std::max<std::int64_t>(1, whole.batch / ranks);
    StepLoop loop(shard, dataset, flat.training, question.seed);
    base.rest_seconds[ranks] = median_without_update(loop, flat.steps);
  }
  return base;
}

}  // namespace halorec
