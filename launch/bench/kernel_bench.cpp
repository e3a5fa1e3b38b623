#include "launch/bench/kernel_bench.hpp"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/random.hpp"
#include "engine/propagation.hpp"
#include "launch/bench/machine_kernels.hpp"
#include "launch/bench/plot.hpp"
#include "launch/bench/ranking_rate.hpp"
#include "launch/bench/report.hpp"
#include "launch/bench/statistics.hpp"
#include "launch/threads.hpp"

namespace halorec {
namespace {

struct Roofs {
  double stream_bytes_per_second = 0;
  double flops = 0;
};

struct ProductFigures {
  std::int64_t dim = 0;
  std::int32_t threads = 0;
  std::string target;
  bool is_best_target = false;
  Summary seconds, gather_seconds, gather_fraction;
  double gathered_bytes = 0;  // rows of x, one for each edge
  double moved_bytes = 0;     // and the columns read, the rows of y written
  double flops = 0;

  double gathered_rate() const { return gathered_bytes / seconds.median; }
  double gather_roof() const { return gathered_bytes / gather_seconds.median; }
};

class KernelBench {
 public:
  KernelBench(const CommandContext& context, const KernelBenchArguments& arguments,
              const Shard& shard)
      : context_(context),
        arguments_(arguments),
        shard_(shard),
        propagation_(shard),
        gather_(shard.local()) {}

  Roofs measure_roofs() const;
  // All targets and the gather in turns, for one width and number of threads.
  std::vector<ProductFigures> measure(std::int64_t dim, std::int32_t threads);

 private:
  const CommandContext& context_;
  const KernelBenchArguments& arguments_;
  const Shard& shard_;
  Propagation<float> propagation_;
  GatherRate gather_;
};

Roofs KernelBench::measure_roofs() const {
  constexpr std::int64_t kMib = std::int64_t{1} << 20;
  const std::int64_t automatic =
      std::clamp<std::int64_t>(4 * ::sysconf(_SC_LEVEL3_CACHE_SIZE), 64 * kMib, 512 * kMib);
  StreamTriad triad(arguments_.stream_mib > 0 ? arguments_.stream_mib * kMib : automatic);
  const auto times = interleave({[&] { return triad.run(); }}, 7, 2);
  return {triad.bytes_moved() / summarise(times.front()).median, peak_flops(0.05)};
}

std::vector<ProductFigures> KernelBench::measure(std::int64_t dim, std::int32_t threads) {
  omp_set_num_threads(threads);
  Matrix<float> x(shard_.num_owned(), dim), y(shard_.num_owned(), dim);
  const Random random(context_.seed(), Purpose::initialise);
  for (std::int64_t k = 0; k < x.size(); ++k) {
    x.values()[static_cast<std::size_t>(k)] =
        static_cast<float>(random.uniform(static_cast<std::uint64_t>(k)) - 0.5);
  }
  std::vector<std::string> targets = simd_targets();
  if (arguments_.targets == "best") targets.resize(1);
  const MatrixView<const float> in = x.view();
  std::vector<std::function<double()>> measurements{[&] { return gather_.run(in); }};
  for (const std::string& target : targets) {
    measurements.emplace_back([&, target] {
      const SimdTargetScope scope(target);
      return seconds_of([&] { propagation_.multiply(1.0F, in, {}, y.view()); });
    });
  }
  const auto times = interleave(measurements, arguments_.bench.repetitions, 2);

  std::vector<ProductFigures> all;
  const auto edges = static_cast<double>(shard_.local().num_nonzeros());
  const auto rows = static_cast<double>(shard_.num_owned());
  for (std::size_t t = 0; t < targets.size(); ++t) {
    ProductFigures figures;
    figures.dim = dim;
    figures.threads = threads;
    figures.target = targets[t];
    figures.is_best_target = t == 0;
    figures.seconds = summarise(times[t + 1]);
    figures.gather_seconds = summarise(times[0]);
    figures.gather_fraction = summarise(ratios(times[0], times[t + 1]));
    figures.gathered_bytes = edges * static_cast<double>(dim) * sizeof(float);
    figures.moved_bytes = figures.gathered_bytes + edges * sizeof(std::int32_t) +
                          rows * static_cast<double>(dim) * sizeof(float);
    figures.flops = 2 * edges * static_cast<double>(dim);
    all.push_back(figures);
  }
  return all;
}

nlohmann::ordered_json record_of(const ProductFigures& f, const Roofs& roofs, double edges) {
  return {{"event", "kernel"},
          {"dim", f.dim},
          {"threads", f.threads},
          {"simd", f.target},
          {"edges", edges},
          {"seconds", summary_json(f.seconds)},
          {"gather_seconds", summary_json(f.gather_seconds)},
          {"fraction_of_gather", summary_json(f.gather_fraction)},
          {"gathered_bytes", f.gathered_bytes},
          {"gathered_bytes_per_second", f.gathered_rate()},
          {"gather_roof_bytes_per_second", f.gather_roof()},
          {"stream_bytes_per_second", roofs.stream_bytes_per_second},
          {"edges_per_second", edges / f.seconds.median},
          {"flops_per_second", f.flops / f.seconds.median},
          {"peak_flops_per_second", roofs.flops},
          {"flops_per_byte", f.flops / f.moved_bytes}};
}

std::vector<std::string> row_of(const ProductFigures& f, const Roofs& roofs, double edges) {
  return {std::to_string(f.dim),
          std::to_string(f.threads),
          f.target,
          fmt::format("{:.3f}", f.seconds.median * 1e3),
          fmt::format("{:.1f} %", f.seconds.spread() * 100),
          fmt::format("{:.1f}", f.gathered_rate() / 1e9),
          fmt::format("{:.1f}", f.gather_roof() / 1e9),
          fmt::format("{:.0f} %", f.gather_fraction.median * 100),
          fmt::format("{:.1f}", roofs.stream_bytes_per_second / 1e9),
          fmt::format("{:.0f}", edges / f.seconds.median / 1e6),
          fmt::format("{:.1f}", f.flops / f.seconds.median / 1e9)};
}

nlohmann::ordered_json record_of(const RankingRate& r, std::int64_t dim, std::int32_t threads,
                                 const Roofs& roofs) {
  return {{"event", "ranking"},
          {"dim", dim},
          {"threads", threads},
          {"users", r.num_people},
          {"items", r.num_items},
          {"k", r.k},
          {"seconds", summary_json(r.seconds)},
          {"matrix_product_seconds", summary_json(r.product_seconds)},
          {"fraction_of_matrix_product", summary_json(r.fraction)},
          {"flops_per_second", r.flops / r.seconds.median},
          {"peak_flops_per_second", roofs.flops}};
}

std::vector<std::string> row_of(const RankingRate& r, std::int64_t dim, std::int32_t threads,
                                const Roofs& roofs) {
  return {std::to_string(dim),
          std::to_string(threads),
          std::to_string(r.num_people),
          std::to_string(r.num_items),
          fmt::format("{:.1f}", r.seconds.median * 1e3),
          fmt::format("{:.1f} %", r.seconds.spread() * 100),
          fmt::format("{:.1f}", r.flops / r.seconds.median / 1e9),
          fmt::format("{:.1f}", r.flops / r.product_seconds.median / 1e9),
          fmt::format("{:.0f} %", r.fraction.median * 100),
          fmt::format("{:.1f}", roofs.flops / 1e9)};
}

// Of the most threads: the roofs as lines, each width as a mark.
LinePlot roofline(const std::vector<ProductFigures>& best, const Roofs& roofs,
                  std::int32_t threads) {
  LinePlot plot;
  plot.title = fmt::format("Roofline, {} thread{}", threads, threads == 1 ? "" : "s");
  plot.x_label = "floating-point operations a byte moved";
  plot.y_label = "GFLOP/s";
  plot.log_x = plot.log_y = true;
  const auto roof = [&](const std::string& name, double bytes_per_second, PlotSeries::Look look) {
    PlotSeries series{name, {}, look};
    const double ridge = roofs.flops / bytes_per_second;
    for (int power = -3; power < 6; ++power) {
      const double i = std::ldexp(1.0, power);
      if (i < ridge && 2 * i > ridge) {
        series.points.push_back({i, i * bytes_per_second / 1e9});
        series.points.push_back({ridge, roofs.flops / 1e9});
        continue;
      }
      series.points.push_back({i, std::min(i * bytes_per_second, roofs.flops) / 1e9});
    }
    plot.series.push_back(std::move(series));
  };
  double gather = 0;
  for (const auto& f : best) gather = std::max(gather, f.gather_roof());
  roof(fmt::format("these rows gathered, {:.0f} GB/s", gather / 1e9), gather,
       PlotSeries::Look::line);
  roof(fmt::format("stream from memory, {:.0f} GB/s", roofs.stream_bytes_per_second / 1e9),
       roofs.stream_bytes_per_second, PlotSeries::Look::dashed);
  for (const auto& f : best) {
    plot.series.push_back({fmt::format("product, d = {}", f.dim),
                           {{f.flops / f.moved_bytes, f.flops / f.seconds.median / 1e9,
                             f.flops / f.seconds.upper / 1e9, f.flops / f.seconds.lower / 1e9}},
                           PlotSeries::Look::marks});
  }
  return plot;
}

}  // namespace

int run_kernel_bench(const CommandContext& context, const KernelBenchArguments& arguments) {
  if (context.communicator.size() != 1) {
    fail_usage("bench kernel measures one process: start it without mpirun");
  }
  Report report(context, "halorec bench kernel: " + bench_data_name(arguments.bench),
                arguments.bench.html);
  const auto source = open_bench_data(context.communicator, arguments.bench, context.seed());
  const auto shard = make_bench_shard(context, source->dataset(), arguments.bench);
  report.record(graph_record(*shard));
  const auto edges = static_cast<double>(shard->local().num_nonzeros());
  report.say(fmt::format("{} users, {} items, {:.0f} edges (nonzeros of the adjacency)",
                         shard->num_users(), shard->num_items(), edges));
  std::vector<std::int32_t> thread_counts = arguments.thread_counts;
  if (thread_counts.empty()) {
    thread_counts = {1};
    if (context.threads.threads > 1) thread_counts.push_back(context.threads.threads);
  }
  KernelBench bench(context, arguments, *shard);
  ReportTable table{"Sparse product y = A x, fp32",
                    {"dim", "threads", "SIMD", "ms", "spread", "GB/s", "gather GB/s", "of gather",
                     "stream GB/s", "Medges/s", "GFLOP/s"},
                    {}};
  constexpr std::int64_t kTop = 20;
  ReportTable ranking{fmt::format("Top {} of all items for users, fp32", kTop),
                      {"dim", "threads", "users", "items", "ms", "spread", "GFLOP/s",
                       "product GFLOP/s", "of product", "peak GFLOP/s"},
                      {}};
  for (const std::int32_t threads : thread_counts) {
    omp_set_num_threads(threads);
    const Roofs roofs = bench.measure_roofs();
    std::vector<ProductFigures> best;
    for (const std::int64_t dim : arguments.dims) {
      for (const ProductFigures& figures : bench.measure(dim, threads)) {
        report.record(record_of(figures, roofs, edges));
        table.rows.push_back(row_of(figures, roofs, edges));
        if (figures.is_best_target) best.push_back(figures);
      }
      const RankingRate rate = measure_ranking(*shard, source->dataset(), dim, kTop,
                                               arguments.bench.repetitions, context.seed());
      report.record(record_of(rate, dim, threads, roofs));
      ranking.rows.push_back(row_of(rate, dim, threads, roofs));
    }
    report.plot(
        draw(roofline(best, roofs, threads)),
        "Every product stands left of the ridge: bytes bound it. The upper line is the rate "
        "at which this graph's very rows are gathered without arithmetic, caches included; "
        "the dashed one is STREAM's triad from memory.");
  }
  omp_set_num_threads(context.threads.threads);
  report.table(table);
  report.say(
      "ms: median; spread: middle half over the median; GB/s: rows of x read, 4 dim bytes an edge; "
      "gather: the same rows loaded without arithmetic, in turns with the product.");
  report.table(ranking);
  report.say(
      "product: the same scores by the same matrix products alone, in turns; peak: multiply-adds "
      "that stay in registers.");
  report.finish();
  return 0;
}

}  // namespace halorec
