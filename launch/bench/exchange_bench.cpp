#include "launch/bench/exchange_bench.hpp"

#include <algorithm>

#include "comm/communicator.hpp"
#include "engine/propagation.hpp"
#include "launch/bench/network.hpp"
#include "launch/bench/one_rank.hpp"
#include "launch/bench/plot.hpp"
#include "launch/bench/report.hpp"
#include "launch/bench/statistics.hpp"
#include "launch/training_options.hpp"

namespace halorec {
namespace {

// One way to exchange, or to multiply: what it took and sent. All ranks together; seconds are the
// slowest rank's.
struct ExchangeFigures {
  std::string name;
  Summary seconds;
  Summary wait_seconds;  // of the mean rank: waiting, and driving what is under way
  double bytes = 0, messages = 0;
};

class ExchangeBench {
 public:
  ExchangeBench(Communicator& communicator, std::int64_t rounds)
      : communicator_(communicator), rounds_(rounds) {}

  ExchangeFigures measure(const std::string& name, const std::function<void()>& work) {
    ExchangeFigures figures{name, {}, {}, 0, 0};
    std::vector<double> seconds, waits;
    for (std::int64_t round = -2; round < rounds_; ++round) {
      communicator_.barrier();
      const CommCounters before = communicator_.counters();
      const double mine = seconds_of(work);
      const CommCounters after = communicator_.counters();
      const double slowest = communicator_.max(mine);
      double sums[3] = {after.wait_seconds - before.wait_seconds + after.progress_seconds -
                            before.progress_seconds,
                        static_cast<double>(after.bytes_sent - before.bytes_sent),
                        static_cast<double>(after.messages_sent - before.messages_sent)};
      communicator_.sum(std::span<double>(sums));
      if (round < 0) continue;
      seconds.push_back(slowest);
      waits.push_back(sums[0] / communicator_.size());
      figures.bytes = sums[1];
      figures.messages = sums[2];
    }
    figures.seconds = summarise(seconds);
    figures.wait_seconds = summarise(waits);
    return figures;
  }

 private:
  Communicator& communicator_;
  std::int64_t rounds_;
};

void report_network(Report& report, const Network& network, const std::vector<PingPong>& sizes) {
  for (const PingPong& size : sizes) {
    report.record({{"event", "ping-pong"}, {"bytes", size.bytes}, {"seconds", size.seconds}});
  }
  report.record({{"event", "network"},
                 {"latency_seconds", network.latency_seconds},
                 {"bytes_per_second", network.bytes_per_second},
                 {"message_seconds", network.message_seconds}});
  report.say(fmt::format(
      "network between the first and the last rank: latency {:.2f} us, {:.2f} GB/s, {:.2f} us for "
      "each further message",
      network.latency_seconds * 1e6, network.bytes_per_second / 1e9,
      network.message_seconds * 1e6));
  LinePlot plot{"Ping-pong", "bytes", "microseconds one way", true, true, {}};
  PlotSeries measured{"measured", {}, PlotSeries::Look::marks};
  PlotSeries line{"fit", {}, PlotSeries::Look::line};
  for (const PingPong& size : sizes) {
    measured.points.push_back({size.bytes, size.seconds * 1e6});
    line.points.push_back({size.bytes, network.exchange_seconds(1, size.bytes) * 1e6});
  }
  plot.series = {measured, line};
  report.plot(draw(plot), "Latency and bandwidth are the line's start and slope.");
}

// What each plan's exchange, and a product with it, takes; an "overlap" event for each pair.
std::vector<ExchangeFigures> measure_exchanges(const Shard& shard,
                                               const ExchangeBenchArguments& arguments,
                                               std::uint64_t seed,
                                               std::vector<nlohmann::ordered_json>& overlaps) {
  const std::int64_t dim = arguments.dim;
  Matrix<float> x(shard.num_owned(), dim), y(shard.num_owned(), dim);
  Matrix<float> ghosts(shard.num_ghosts(), dim);
  x.fill(0.5F);
  ghosts.fill(0.25F);
  ExchangeBench bench(shard.communicator(), arguments.bench.repetitions);
  std::vector<ExchangeFigures> all;
  const CoveredHalo covered = cover_halo(shard.interactions());
  for (const std::string format : {"fp32", "bf16", "int8"}) {
    const WireFormat wire = wire_format(format);
    HaloExchange<float> halo(shard.halo(), wire, seed);
    HaloExchange<float> rows(covered.plan, wire, seed);
    HaloExchange<float> sums(covered.plan, wire, seed);
    all.push_back(bench.measure("gather, " + format, [&] {
      halo.start_gather(x.data(), dim, dim);
      halo.finish_gather();
    }));
    all.push_back(bench.measure("scatter-add, " + format, [&] {
      halo.start_scatter_add(ghosts.data(), dim);
      halo.finish_scatter_add(y.data(), dim);
    }));
    for (const ExchangePlan plan : {ExchangePlan::halo, ExchangePlan::hybrid}) {
      const std::string name = plan == ExchangePlan::halo ? "halo" : "hybrid";
      // The exchange of a product with nothing behind it: what may be hidden.
      all.push_back(bench.measure("exchange, " + name + ", " + format, [&] {
        if (plan == ExchangePlan::halo) {
          halo.start_gather(x.data(), dim, dim);
          halo.finish_gather();
          return;
        }
        rows.start_gather(x.data(), dim, dim);
        sums.start_scatter_add(ghosts.data(), dim);
        rows.finish_gather(&sums);
        sums.finish_scatter_add(y.data(), dim);
      }));
      const double alone = all.back().wait_seconds.median;
      Propagation<float> propagation(shard, {plan, wire, seed});
      all.push_back(bench.measure("product, " + name + ", " + format,
                                  [&] { propagation.multiply(1.0F, x.view(), {}, y.view()); }));
      const double exposed = all.back().wait_seconds.median;
      overlaps.push_back({{"event", "overlap"},
                          {"exchange", name},
                          {"wire", format},
                          {"wait_alone_seconds", alone},
                          {"wait_exposed_seconds", exposed},
                          {"hidden_fraction", alone > 0 ? 1 - exposed / alone : 0.0}});
    }
  }
  return all;
}

// One product on one rank with the cores of all, which exchanges nothing.
void compare_with_one_rank(const CommandContext& context, const ExchangeBenchArguments& arguments,
                           const std::vector<ExchangeFigures>& all, Report& report) {
  const auto one = measure_one_rank(
      context, arguments.bench,
      {"--dim", std::to_string(arguments.dim), "--model", "mf", "--loss", "bpr", "--steps", "1",
       "--warm-up", "0", "--repetitions", std::to_string(arguments.bench.repetitions)},
      report);
  if (!one) return;
  const double seconds = one->product_seconds.median;
  ReportTable table{"Beside one rank on the same cores, measured after the job",
                    {"", "ms", "speed of one rank"},
                    {{"product, " + one->name(), fmt::format("{:.3f}", seconds * 1e3), "1"}}};
  nlohmann::ordered_json speeds = nlohmann::ordered_json::object();
  for (const ExchangeFigures& f : all) {
    if (!f.name.starts_with("product")) continue;
    const double speed = seconds / f.seconds.median;
    if (one->comparable()) speeds[f.name] = speed;
    table.rows.push_back({f.name + ", " + job_name(context),
                          fmt::format("{:.3f}", f.seconds.median * 1e3),
                          one->comparable() ? fmt::format("{:.2f}", speed) : std::string("-")});
  }
  auto record = one_rank_record(*one);
  record["speed_of_one_rank"] = speeds;
  report.record(record);
  report.table(table);
}

}  // namespace

int run_exchange_bench(const CommandContext& context, const ExchangeBenchArguments& arguments) {
  Communicator& communicator = context.communicator;
  if (communicator.size() < 2) fail_usage("bench exchange needs ranks: mpirun -n 2 halorec ...");
  Report report(context, "halorec bench exchange: " + bench_data_name(arguments.bench),
                arguments.bench.html);
  std::vector<PingPong> sizes;
  const Network network = measure_network(communicator, &sizes);
  if (communicator.is_root()) report_network(report, network, sizes);

  auto source = open_bench_data(context.communicator, arguments.bench, context.seed());
  FoundOwners found;
  auto shard = make_bench_shard(context, source->dataset(), arguments.bench, &found);
  report.record(graph_record(*shard));
  if (found.placement) {
    report.record(placement_event(found));
    report.say(placement_text(*found.placement));
  }
  std::vector<nlohmann::ordered_json> overlaps;
  const auto all = measure_exchanges(*shard, arguments, context.seed(), overlaps);
  ReportTable table{"Halo exchange over all ranks",
                    {"", "ms", "spread", "wait ms", "MB", "messages", "GB/s"},
                    {}};
  for (const ExchangeFigures& f : all) {
    report.record({{"event", "exchange"},
                   {"what", f.name},
                   {"dim", arguments.dim},
                   {"seconds", summary_json(f.seconds)},
                   {"wait_seconds", summary_json(f.wait_seconds)},
                   {"bytes_sent", f.bytes},
                   {"messages_sent", f.messages},
                   {"bytes_per_second", f.bytes / f.seconds.median}});
    table.rows.push_back({f.name, fmt::format("{:.3f}", f.seconds.median * 1e3),
                          fmt::format("{:.0f} %", 100 * f.seconds.spread()),
                          fmt::format("{:.3f}", f.wait_seconds.median * 1e3),
                          fmt::format("{:.3f}", f.bytes / 1e6), fmt::format("{:.0f}", f.messages),
                          fmt::format("{:.2f}", f.bytes / f.seconds.median / 1e9)});
  }
  report.table(table);
  for (const auto& overlap : overlaps) {
    report.record(overlap);
    report.say(fmt::format(
        "{}, {}: {:.0f} % of the exchange's wait is hidden behind the product (time in MPI "
        "between chunks of the product counts as wait)",
        overlap.at("exchange").get<std::string>(), overlap.at("wire").get<std::string>(),
        100 * overlap.at("hidden_fraction").get<double>()));
  }
  report.say("Ranks that arrive late count as not hidden.");
  if (!arguments.bench.without_one_rank) {
    shard.reset();
    source.reset();
    compare_with_one_rank(context, arguments, all, report);
  }
  context.communicator.on_root([&] { report.finish(); });
  return 0;
}

}  // namespace halorec
