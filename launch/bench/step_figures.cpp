#include "launch/bench/step_figures.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>

#include "comm/communicator.hpp"
#include "engine/propagation.hpp"
#include "launch/bench/machine_kernels.hpp"
#include "launch/training_checks.hpp"
#include "models/registry.hpp"

namespace halorec {

StepLoop::StepLoop(const Shard& shard, const DatasetFile& dataset,
                   const TrainingArguments& training, std::uint64_t seed, const Shard* whole_graph)
    : shard_(&shard),
      options_(trainer_options(training, seed, shard.num_edges())),
      graphs_(training, shard, dataset, TrainingPart::train_and_validation),
      side_(read_side_inputs(training, shard, dataset, graphs_.ageing())),
      model_([&] {
        ModelOptions options = model_options(training, seed);
        options.propagation.timers = &propagation_timers_;
        options.whole_graph = whole_graph;
        if (!side_.empty()) options.side = &side_;
        graphs_.give(options);
        return make_model<float>(training.model, shard, options);
      }()),
      optimizer_(options_.optimizer, model_->parameters()),
      sampler_(shard, seed, options_.batch_size, options_.loss.negative_power),
      step_(shard, *model_, optimizer_, sampler_, options_.loss, timers_) {
  sampler_.start_epoch(0);
}

Batch StepLoop::next_batch() {
  if (step_in_epoch_ == sampler_.steps_per_epoch()) {
    sampler_.start_epoch(++epoch_);
    step_in_epoch_ = 0;
  }
  return sampler_.batch(step_in_epoch_);
}

double StepLoop::run() {
  const Batch batch = next_batch();
  const double loss = shard_->communicator().sum(step_.compute(++num_steps_, batch));
  {
    const auto phase = timers_.time("update");
    optimizer_.update(num_steps_, options_.optimizer.learning_rate);
  }
  ++step_in_epoch_;
  return loss;
}

StepLoop::BatchRows StepLoop::rows_of_batch() {
  const Batch batch = next_batch();
  const LossOptions& loss = options_.loss;
  auto negatives = sampler_.pool(num_steps_ + 1, loss.pool_size());
  const auto own = sampler_.negatives(num_steps_ + 1, batch, loss.negatives_each());
  negatives.insert(negatives.end(), own.begin(), own.end());
  negatives.insert(negatives.end(), batch.items.begin(), batch.items.end());
  Communicator& communicator = shard_->communicator();
  auto items = communicator.all_gather<std::uint32_t>(negatives);
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  auto users = batch.user_rows;
  std::sort(users.begin(), users.end());
  users.erase(std::unique(users.begin(), users.end()), users.end());
  double nonzeros = 0;
  for (const auto user : users) nonzeros += static_cast<double>(shard_->items_of(user).size());
  nonzeros = communicator.sum(nonzeros);
  for (const auto item : items) nonzeros += shard_->item_degree(item);
  const auto num_users = communicator.sum(std::ssize(users));
  return {static_cast<double>(num_users + std::ssize(items)),
          nonzeros / (2.0 * static_cast<double>(shard_->num_edges()))};
}

std::vector<std::pair<std::string, double>> StepFigures::ordered_phases() const {
  constexpr std::array<const char*, 6> kOrder{"sample",   "forward",   "loss",
                                              "backward", "allreduce", "update"};
  std::vector<std::pair<std::string, double>> ordered;
  double known = 0;
  for (const auto& [name, taken] : phases) {
    ordered.emplace_back(name, taken);
    known += taken;
  }
  const auto place = [&](const auto& phase) {
    return std::find(kOrder.begin(), kOrder.end(), phase.first) - kOrder.begin();
  };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  ordered.emplace_back("other", mean_seconds - known);
  return ordered;
}

namespace {

// One product of all rows: its time on the slowest rank, and what it sends. By columns, that is the
// whole graph at the widest rank's share of them, and nothing.
void measure_product(Communicator& communicator, const Shard& shard, const ModelOptions& options,
                     std::int64_t rounds, StepFigures& figures) {
  Propagation<float> propagation(shard, options.propagation);
  Matrix<float> x(shard.num_owned(), options.dim), y(shard.num_owned(), options.dim);
  x.fill(0.01F);
  // The plain halo's ghosts stand for whatever the exchange plan reads instead of them.
  const GatherRate local(shard.local()), cross(shard.cross());
  // What an edge of this rank reads, as so many floats.
  const std::int64_t floats =
      options.propagation.store == RowStorage::bf16 ? options.dim / 2 : options.dim;
  const MatrixView<const float> read{x.data(), x.rows(), floats, floats};
  const bool has_gather = options.dim % 16 == 0 && floats % 16 == 0;
  Matrix<float> ghosts(shard.num_ghosts(), options.dim);
  std::vector<double> seconds, gathers;
  for (std::int64_t round = -2; round < rounds; ++round) {
    // After another product, as in a step, not after the rows gathered below.
    propagation.multiply(1.0F, x.view(), {}, y.view());
    communicator.barrier();
    const CommCounters before = communicator.counters();
    const double mine = seconds_of([&] { propagation.multiply(1.0F, x.view(), {}, y.view()); });
    const CommCounters after = communicator.counters();
    const double all = communicator.max(mine);
    const double gathered =
        communicator.max(has_gather ? local.run(read) + cross.run(ghosts.view()) : 0);
    if (round >= 0) {
      seconds.push_back(all);
      gathers.push_back(gathered);
    }
    figures.layer_bytes = static_cast<double>(after.bytes_sent - before.bytes_sent);
    figures.layer_messages = static_cast<double>(after.messages_sent - before.messages_sent);
  }
  figures.layer_bytes = communicator.sum(figures.layer_bytes);
  figures.layer_messages = communicator.sum(figures.layer_messages);
  figures.product_seconds = summarise(seconds);
  figures.gather_seconds = summarise(gathers);
}

}  // namespace

StepFigures measure_steps(const Shard& shard, const DatasetFile& dataset,
                          const StepBenchArguments& arguments, std::uint64_t seed,
                          const Shard* whole_graph) {
  Communicator& communicator = shard.communicator();
  const TrainingArguments& training = arguments.training;
  StepFigures figures;
  auto training_loop = std::make_unique<StepLoop>(shard, dataset, training, seed, whole_graph);
  StepLoop& loop = *training_loop;
  for (std::int64_t k = 0; k < arguments.warm_up; ++k) loop.run();
  loop.timers().take();
  loop.propagation_timers().take();
  communicator.barrier();
  communicator.counters() = {};
  std::vector<double> mine;
  for (std::int64_t k = 0; k < arguments.steps; ++k) {
    mine.push_back(seconds_of([&] { figures.last_loss = loop.run(); }));
  }
  const CommCounters sent = communicator.counters();
  const auto steps = static_cast<double>(arguments.steps);
  const auto num_ranks = static_cast<double>(communicator.size());

  // Phases by name on every rank: the same names in the same order.
  const auto phases = loop.timers().take();
  auto parts = loop.propagation_timers().take();
  std::vector<double> sums;
  sums.reserve(phases.size() + 3);
  for (const auto& [name, seconds] : phases) sums.push_back(seconds / steps / num_ranks);
  for (const char* name : {"local edges", "cross edges", "exchange"}) {
    sums.push_back(parts[name] / steps / num_ranks);
  }
  sums.push_back(sent.wait_seconds / steps / num_ranks);
  sums.push_back(std::accumulate(mine.begin(), mine.end(), 0.0) / steps / num_ranks);
  sums.push_back(static_cast<double>(sent.bytes_sent) / steps);
  sums.push_back(static_cast<double>(sent.messages_sent) / steps);
  communicator.sum(std::span<double>(sums));
  std::size_t at = 0;
  for (const auto& [name, seconds] : phases) figures.phases[name] = sums[at++];
  for (const char* name : {"local edges", "cross edges", "exchange"}) {
    figures.propagation[name] = sums[at++];
  }
  figures.wait_seconds = sums[at];
  figures.mean_seconds = sums[at + 1];
  figures.bytes = sums[at + 2];
  figures.messages = sums[at + 3];
  const auto all = communicator.all_gather<double>(mine);
  std::vector<double> slowest(mine.size(), 0);
  for (std::size_t k = 0; k < all.size(); ++k) {
    slowest[k % mine.size()] = std::max(slowest[k % mine.size()], all[k]);
  }
  figures.seconds = summarise(slowest);

  figures.nonzeros = 2.0 * static_cast<double>(shard.num_edges());
  figures.batch = loop.batch_size();
  figures.steps_per_epoch = loop.steps_per_epoch();
  // Products of all rows, which a sampled step has none of.
  const std::int64_t layers = training.fanout.empty() ? num_message_layers(training) : 0;
  figures.products = 2 * layers;
  const StepLoop::BatchRows read = loop.rows_of_batch();
  figures.batch_rows = read.rows;
  figures.batch_nonzeros = read.nonzeros;
  // The product's matrices are not part of training: what a step holds is noted, and let go, first.
  figures.peak_memory_bytes = communicator.all_gather(peak_memory_bytes());
  training_loop.reset();
  ModelOptions of_product = model_options(training, seed);
  if (whole_graph != nullptr) {
    of_product.dim = (of_product.dim + communicator.size() - 1) / communicator.size();
  }
  measure_product(communicator, whole_graph != nullptr ? *whole_graph : shard, of_product,
                  arguments.bench.repetitions, figures);
  // The last forward product needs the batch's rows alone, and the first backward one has no other
  // nonzero rows; in between everything is needed.
  if (layers > 0) {
    figures.floor_products = 2.0 * static_cast<double>(layers - 1) + 2 * read.nonzeros;
  }
  figures.floor_seconds =
      figures.floor_products * figures.product_seconds.median + figures.phases.at("update");
  return figures;
}

}  // namespace halorec
