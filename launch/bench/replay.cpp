#include "launch/bench/replay.hpp"

#include <algorithm>
#include <numeric>

#include "comm/communicator.hpp"
#include "engine/kernels/spmm.hpp"
#include "engine/optimizer.hpp"

namespace halorec {
namespace {

// y (+)= A x over all threads, in chunks of nearly equal numbers of nonzeros, as Propagation does.
class ReplayProduct {
 public:
  explicit ReplayProduct(const Csr& matrix) : matrix_(matrix) {
    const std::int64_t target = std::max<std::int64_t>(2048, matrix.num_nonzeros() / 512 + 1);
    for (std::int64_t row = 0; row < matrix.num_rows(); ++row) {
      const std::int64_t filled = matrix.row_begin[static_cast<std::size_t>(row) + 1] -
                                  matrix.row_begin[static_cast<std::size_t>(begin_.back())];
      if (filled >= target || row + 1 - begin_.back() >= target) begin_.push_back(row + 1);
    }
    if (begin_.back() != matrix.num_rows()) begin_.push_back(matrix.num_rows());
  }

  void run(MatrixView<const float> x, MatrixView<float> y, bool accumulate) const {
#pragma omp parallel for schedule(dynamic, 1)
    for (std::int64_t c = 0; c < std::ssize(begin_) - 1; ++c) {
      const auto chunk = static_cast<std::size_t>(c);
      kernels::spmm_rows<float>(matrix_.row_begin.data(), matrix_.column.data(),
                                matrix_.weight.data(), begin_[chunk], begin_[chunk + 1], x.data,
                                x.stride, y.data, y.stride, x.cols, accumulate);
    }
  }

 private:
  const Csr& matrix_;
  std::vector<std::int64_t> begin_{0};
};

}  // namespace

PartFigures replay_part(const PartShard& shard, std::int32_t part, std::int64_t dim,
                        std::int64_t repetitions) {
  PartFigures figures;
  figures.part = part;
  figures.owned = shard.num_owned();
  figures.ghosts = shard.num_ghosts();
  figures.nonzeros = shard.num_nonzeros();
  figures.cross_nonzeros = shard.cross.num_nonzeros();
  figures.interactions = shard.interactions;
  figures.sent_rows = std::ssize(shard.send_rows);
  figures.messages = shard.num_peers();

  Matrix<float> x(shard.num_owned(), dim), y(shard.num_owned(), dim);
  Matrix<float> ghosts(shard.num_ghosts(), dim), packed(figures.sent_rows, dim);
  x.fill(0.01F);
  ghosts.fill(0.01F);
  const ReplayProduct local(shard.local), cross(shard.cross);
  Parameter<float> rows("rows", false, shard.num_owned(), dim);
  rows.gradient.fill(0.001F);
  Optimizer<float> optimizer(OptimizerOptions{}, {&rows});
  std::uint64_t step = 0;
  const auto pack = [&] {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < figures.sent_rows; ++k) {
      const float* from = x.row(shard.send_rows[static_cast<std::size_t>(k)]);
      std::copy(from, from + dim, packed.row(k));
    }
  };
  const auto times =
      interleave({[&] { return seconds_of(pack); },
                  [&] { return seconds_of([&] { local.run(x.view(), y.view(), false); }); },
                  [&] { return seconds_of([&] { cross.run(ghosts.view(), y.view(), true); }); },
                  [&] { return seconds_of([&] { optimizer.update(++step, 1e-3); }); }},
                 repetitions, 1);
  figures.pack_seconds = summarise(times[0]).median;
  figures.local_seconds = summarise(times[1]).median;
  figures.cross_seconds = summarise(times[2]).median;
  figures.update_seconds = summarise(times[3]).median;
  return figures;
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

CutFigures replay_cut(const BipartiteGraph& graph, const Owners& owners, std::int64_t dim,
                      std::int64_t repetitions, std::int64_t limit) {
  const PartShards shards(graph, owners);
  CutFigures figures;
  figures.ranks = owners.num_parts;
  figures.quality = measure_cut(graph, owners);
  for (const std::int32_t part : choose_parts(shards.nonzeros(), limit)) {
    figures.parts.push_back(replay_part(shards.make(part), part, dim, repetitions));
  }
  return figures;
}

namespace {

double median_step(StepLoop& loop, std::int64_t steps) {
  std::vector<double> seconds;
  for (std::int64_t k = 0; k < steps; ++k) {
    seconds.push_back(seconds_of([&] { loop.run(); }));
  }
  return summarise(seconds).median;
}

}  // namespace

BaseFigures measure_base(const DatasetFile& dataset, const BaseQuestion& question) {
  Communicator alone(MPI_COMM_SELF);
  Owners owners;
  owners.user.assign(dataset.num_users(), 0);
  owners.item.assign(dataset.num_items(), 0);
  const Shard shard(alone, dataset, TrainingPart::train_and_validation, std::move(owners));
  BaseFigures base;
  base.nodes = shard.num_owned();
  base.interactions = static_cast<std::int64_t>(shard.num_edges());
  base.dim = question.step->training.dim;
  const StepFigures whole = measure_steps(shard, *question.step, question.seed);
  base.step_seconds = whole.seconds.median;
  base.product_seconds = whole.product_seconds.median;
  base.update_seconds = whole.phases.at("update");
  base.products = whole.products;
  base.batch = whole.batch;
  base.steps_per_epoch = whole.steps_per_epoch;
  const TrainerOptions options =
      trainer_options(question.step->training, question.seed, shard.num_edges());
  const bool is_softmax = options.loss.kind == LossKind::softmax;
  base.shared_rows = is_softmax ? options.loss.num_negatives : 0;
  base.rows_each = is_softmax ? 1 : 1 + options.loss.num_negatives;

  // The same step without message passing, at the share of the batch that each rank gets.
  StepBenchArguments flat = *question.step;
  flat.training.model = "mf";
  for (const std::int64_t ranks : question.ranks) {
    flat.training.batch = std::max<std::int64_t>(1, whole.batch / ranks);
    StepLoop loop(shard, flat.training, question.seed);
    loop.run();
    loop.timers().take();
    const double seconds = median_step(loop, flat.steps);
    const double update = loop.timers().take().at("update") / static_cast<double>(flat.steps);
    base.rest_seconds[ranks] = std::max(0.0, seconds - update);
  }
  return base;
}

}  // namespace halorec
