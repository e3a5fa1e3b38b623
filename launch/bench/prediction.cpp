#include "launch/bench/prediction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "comm/communicator.hpp"
#include "launch/bench/plot.hpp"
#include "launch/exchange_choice.hpp"
#include "launch/find_owners.hpp"
#include "launch/threads.hpp"
#include "partition/partitioner.hpp"

namespace halorec {

void declare_prediction_options(OptionTable& options, PredictionArguments& a) {
  options.group("Network and replay");
  options
      .add("network-latency", a.latency_us,
           "microseconds of an empty message (auto: measured on two ranks and more, else 2)")
      .or_word("auto")
      .above(0);
  options
      .add("network-bandwidth", a.bandwidth_gb,
           "GB/s into and out of a rank (auto: measured, else 12)")
      .or_word("auto")
      .above(0);
  options
      .add("network-message", a.message_us,
           "microseconds of a rank for each further message under way (auto: measured, else 0.5)")
      .or_word("auto")
      .at_least(0);
  options
      .add("overlap", a.overlap,
           "share of the local product behind which messages travel, 0: nothing is hidden (bench "
           "exchange says how much of the wait is); auto: 1, but 0 where all ranks share a node, "
           "whose cores copy by themselves what travels")
      .or_word("auto")
      .range(0, 1);
  options
      .add("sample", a.sample, "shards that are run of each cut, the heaviest among them; 0: all")
      .range(0, 1 << 16);
}

Network choose_network(Communicator& communicator, const PredictionArguments& arguments) {
  Network network;
  const bool all_given = arguments.latency_us && arguments.bandwidth_gb && arguments.message_us;
  if (communicator.size() > 1 && !all_given) network = measure_network(communicator);
  if (all_given) {
    network.how = "given";
  } else if (arguments.latency_us || arguments.bandwidth_gb || arguments.message_us) {
    network.how += ", partly given";
  }
  if (arguments.latency_us) network.latency_seconds = *arguments.latency_us * 1e-6;
  if (arguments.bandwidth_gb) network.bytes_per_second = *arguments.bandwidth_gb * 1e9;
  if (arguments.message_us) network.message_seconds = *arguments.message_us * 1e-6;
  return network;
}

Predictions make_predictions(const CommandContext& context, const DatasetFile& dataset,
                             const StepBenchArguments& step, const PredictionArguments& arguments,
                             const Network& network, std::vector<std::int64_t> ranks) {
  ranks.push_back(1);
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  Predictions predictions;
  predictions.network = network;
  Communicator alone(MPI_COMM_SELF);
  const RowOrder order =
      order_rows(alone, dataset, TrainingPart::train_and_validation, context.seed());
  predictions.base = measure_base(dataset, {&step, context.seed(), ranks, order});
  const BipartiteGraph graph = read_graph(dataset, TrainingPart::train_and_validation);
  const PropagationOptions propagation = model_options(step.training, context.seed()).propagation;
  ReplayOptions replay;
  replay.dim = step.training.dim;
  replay.repetitions = step.bench.repetitions;
  replay.exchange = propagation.exchange;
  replay.store = propagation.store;
  replay.limit = arguments.sample;
  replay.matrices = predictions.base.num_turns();
  const std::int64_t cores = std::ssize(context.threads.places.at(0).cores);
  const std::int64_t sharers = std::max<std::int64_t>(
      1, std::min(arguments.ranks_per_node, cores / context.threads.threads));
  replay.at_once = static_cast<std::size_t>(sharers);
  predictions.at_once = replay.at_once;
  if (sharers < std::min(arguments.ranks_per_node, ranks.back())) {
    predictions.warnings.push_back(fmt::format(
        "{} ranks share a node, but here {} with {} threads ran at a time on {} cores, with more "
        "of the memory's bandwidth each than they will have",
        arguments.ranks_per_node, replay.at_once, context.threads.threads, cores));
  }
  predictions.exchange = replay.exchange;
  ModelChoices choices;
  choices.wire = replay.wire = propagation.wire;
  choices.store = propagation.store;
  choices.exchange = propagation.exchange;
  choices.network = network;
  const Owners one = Owners::single(dataset.num_users(), dataset.num_items(), order);
  std::optional<PartShard> whole;  // where columns need it
  const MethodChoice choice = choose_method(alone, dataset, TrainingPart::train_and_validation,
                                            parse_cut_method(step.bench.method), std::nullopt);
  for (const std::int64_t count : ranks) {
    choices.overlap =
        arguments.overlap.value_or(count > 1 && count <= arguments.ranks_per_node ? 0 : 1);
    CutOptions options;
    options.method = choice.method;
    options.memory_bytes = choice.limit_bytes;
    options.balance = parse_balance(step.bench.balance);
    options.num_parts = static_cast<int>(count);
    options.seed = context.seed();
    Owners owners;
    const double cut_seconds = seconds_of(
        [&] { owners = cut(alone, dataset, TrainingPart::train_and_validation, options); });
    owners.order = order;
    CutFigures figures = replay_cut(graph, owners, replay);
    figures.cut_seconds = cut_seconds;
    if (count == 1) predictions.base.product_seconds = figures.parts.front().product_seconds();
    if (figures.quality.num_empty_parts > 0) {
      predictions.warnings.push_back(
          fmt::format("{} of {} parts are empty: the graph has too few nodes for so many ranks",
                      figures.quality.num_empty_parts, count));
    }
    const ExchangeChoice exchange =
        foresee_exchange(step.training, graph, count, arguments.ranks_per_node,
                         figures.quality.hybrid_vectors_per_node);
    auto& warnings = predictions.warnings;
    const std::string of_wire = wire_warning(step.training, exchange);
    if (!of_wire.empty() &&
        std::find(warnings.begin(), warnings.end(), of_wire) == warnings.end()) {
      warnings.push_back(of_wire);
    }
    if (exchange.columns) {
      if (!whole) whole = PartShards(graph, one).make(0);
      figures.columns = replay_columns(*whole, rows_by_owner(owners), count, replay);
    }
    if (count > 1 && choice.method == CutMethod::metis) {
      figures.cut_bytes = static_cast<double>(choice.metis_bytes);
    }
    predictions.steps.push_back(predict_step(predictions.base, figures, choices));
    predictions.cuts.push_back(std::move(figures));
  }
  return predictions;
}

namespace {

nlohmann::ordered_json record_of(const Predictions& all, std::size_t k, std::int32_t threads) {
  const StepPrediction& p = all.steps[k];
  const CutFigures& cut = all.cuts[k];
  nlohmann::ordered_json terms;
  for (const auto& [name, seconds] : p.terms()) terms[name] = seconds;
  return {{"event", "prediction"},
          {"ranks", p.ranks},
          {"threads", threads},
          {"shards_run", std::count_if(cut.parts.begin(), cut.parts.end(),
                                       [](const PartFigures& part) { return part.replayed; })},
          {"columns", cut.columns.has_value()},
          {"step_seconds", p.seconds()},
          {"terms", terms},
          {"epoch_seconds", p.seconds() * static_cast<double>(all.base.steps_per_epoch)},
          {"speedup", all.base.step_seconds / p.seconds()},
          {"efficiency", p.efficiency},
          {"bytes_a_step", p.bytes},
          {"messages_a_step", p.messages},
          {"memory_bytes", p.memory.peak()},
          {"step_memory_bytes", p.memory.steps},
          {"evaluation_memory_bytes", p.memory.evaluation},
          {"dealing_memory_bytes", p.memory.dealing},
          {"cut_memory_bytes",
           p.cut_bytes > 0 ? nlohmann::ordered_json(p.cut_bytes) : nlohmann::ordered_json(nullptr)},
          {"cut", cut.quality.cut_fraction},
          {"halo_vectors_per_node", cut.quality.halo_vectors_per_node},
          {"node_imbalance", cut.quality.node_imbalance},
          {"edge_imbalance", cut.quality.edge_imbalance},
          {"cut_seconds", cut.cut_seconds}};
}

std::string exchange_of(const Predictions& all, std::size_t k) {
  if (all.cuts[k].ranks == 1 || all.base.products == 0) return "-";
  if (all.cuts[k].columns) return "columns";
  return all.exchange == ExchangePlan::hybrid ? "hybrid" : "halo";
}

void report_tables(Report& report, const Predictions& all, std::int32_t threads) {
  ReportTable table{
      fmt::format("Predicted training, {} thread{} a rank", threads, threads == 1 ? "" : "s"),
      {"ranks", "exchange", "step ms", "epoch s", "speedup", "efficiency", "MB/step (busiest)",
       "messages", "MiB/rank", "cut", "halo", "edges", "cut s"},
      {}};
  ReportTable memory{"Peak memory of the largest rank, MiB",
                     {"ranks", "dealing out", "steps", "evaluation", "the cut, on rank 0"},
                     {}};
  const auto mib = [](double bytes) { return fmt::format("{:.0f}", bytes / (1 << 20)); };
  ReportTable terms{"Where a step's time goes, ms", {"ranks"}, {}};
  for (const auto& [name, seconds] : all.steps.front().terms()) terms.header.push_back(name);
  for (std::size_t k = 0; k < all.steps.size(); ++k) {
    const StepPrediction& p = all.steps[k];
    const CutFigures& cut = all.cuts[k];
    report.record(record_of(all, k, threads));
    table.rows.push_back(
        {std::to_string(p.ranks), exchange_of(all, k), fmt::format("{:.3f}", p.seconds() * 1e3),
         fmt::format("{:.2f}", p.seconds() * static_cast<double>(all.base.steps_per_epoch)),
         fmt::format("{:.2f}", all.base.step_seconds / p.seconds()),
         fmt::format("{:.0f} %", 100 * p.efficiency), fmt::format("{:.3f}", p.bytes / 1e6),
         fmt::format("{:.0f}", p.messages), mib(p.memory.peak()),
         fmt::format("{:.3f}", cut.quality.cut_fraction),
         fmt::format("{:.2f}", cut.quality.halo_vectors_per_node),
         fmt::format("{:.2f}", cut.quality.edge_imbalance),
         fmt::format("{:.2f}", cut.cut_seconds)});
    memory.rows.push_back({std::to_string(p.ranks), mib(p.memory.dealing), mib(p.memory.steps),
                           mib(p.memory.evaluation), p.cut_bytes > 0 ? mib(p.cut_bytes) : "-"});
    terms.rows.push_back({std::to_string(p.ranks)});
    for (const auto& [name, seconds] : p.terms()) {
      terms.rows.back().push_back(fmt::format("{:.3f}", seconds * 1e3));
    }
  }
  report.table(table);
  report.table(terms);
  report.table(memory);
}

}  // namespace

void report_predictions(Report& report, const Predictions& all, std::int32_t threads) {
  const Network& network = all.network;
  for (const std::string& warning : all.warnings) report.warn(warning);
  report.record({{"event", "base"},
                 {"step_seconds", all.base.step_seconds},
                 {"product_seconds", all.base.product_seconds},
                 {"update_seconds", all.base.update_seconds},
                 {"equivalent_products", all.base.equivalent_products()},
                 {"batch", all.base.batch},
                 {"steps_per_epoch", all.base.steps_per_epoch}});
  report.record({{"event", "network"},
                 {"how", network.how},
                 {"latency_seconds", network.latency_seconds},
                 {"bytes_per_second", network.bytes_per_second},
                 {"message_seconds", network.message_seconds}});
  report.record({{"event", "replay"}, {"side_by_side", all.at_once}});
  report.say(fmt::format(
      "network ({}): latency {:.2f} us, {:.2f} GB/s a rank, {:.2f} us for each further message",
      network.how, network.latency_seconds * 1e6, network.bytes_per_second / 1e9,
      network.message_seconds * 1e6));
  report.say(
      fmt::format("one rank, measured: step {:.3f} ms = {:.2f} products of {:.3f} ms, update "
                  "{:.3f} ms, and the loss",
                  all.base.step_seconds * 1e3, all.base.equivalent_products(),
                  all.base.product_seconds * 1e3, all.base.update_seconds * 1e3));
  report.record({{"event", "demanded"},
                 {"share", all.base.demanded_share()},
                 {"nonzeros_share", all.base.batch_nonzeros},
                 {"step_spread", all.base.step_spread}});
  if (all.base.products > 0) {
    report.say(fmt::format(
        "the two products at the loss's rows take {:.2f} of a whole one each, for {:.2f} of its "
        "nonzeros (the middle half of the steps is {:.0f} % wide)",
        all.base.demanded_share(), all.base.batch_nonzeros, 100 * all.base.step_spread));
  }
  report_tables(report, all, threads);

  LinePlot speedup{"Strong scaling, predicted", "ranks", "speedup over one rank", true, true, {}};
  PlotSeries real{"replayed shards and modelled network", {}, PlotSeries::Look::line_and_marks};
  PlotSeries ideal{"perfect", {}, PlotSeries::Look::dashed};
  StackedBars bars{"Where a step's time goes", "ms", {}, {}};
  for (const auto& [name, seconds] : all.steps.front().terms()) bars.parts.push_back(name);
  StackedBars shares{"The same as shares", "% of the step", bars.parts, {}};
  for (const StepPrediction& p : all.steps) {
    const auto ranks = static_cast<double>(p.ranks);
    real.points.push_back({ranks, all.base.step_seconds / p.seconds()});
    ideal.points.push_back({ranks, ranks});
    speedup.x_ticks.push_back(ranks);
    bars.bars.push_back({fmt::format("{} rank{}", p.ranks, p.ranks == 1 ? "" : "s"), {}});
    shares.bars.push_back({bars.bars.back().name, {}});
    for (const auto& [name, seconds] : p.terms()) {
      bars.bars.back().values.push_back(seconds * 1e3);
      shares.bars.back().values.push_back(100 * seconds / p.seconds());
    }
  }
  speedup.series = {real, ideal};
  report.plot(draw(speedup), fmt::format("Each shard was run with {} thread{}; network: {}.",
                                         threads, threads == 1 ? "" : "s", network.how));
  report.plot(
      draw(bars),
      "Imbalance: what the slowest rank computes longer than the mean. Halo: what the local "
      "product does not hide.");
  report.plot(draw(shares), "What grows to the right of the products is what ends the scaling.");
}

}  // namespace halorec
