#include "launch/bench/step_bench.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "launch/bench/given_options.hpp"
#include "launch/bench/one_rank.hpp"
#include "launch/bench/plot.hpp"
#include "launch/bench/report.hpp"
#include "launch/bench/step_figures.hpp"
#include "launch/exchange_choice.hpp"
#include "launch/threads.hpp"
#include "launch/training_checks.hpp"

namespace halorec {

namespace {

nlohmann::ordered_json step_record(const CommandContext& context, const TrainingArguments& training,
                                   const StepFigures& f) {
  nlohmann::ordered_json phases;
  for (const auto& [name, seconds] : f.ordered_phases()) phases[name] = seconds;
  const JobBindings bound = bindings_of(context.threads);
  return {{"event", "step"},
          {"ranks", context.communicator.size()},
          {"threads", bound.threads},
          {"cores", bound.cores},
          {"hosts", bound.hosts},
          {"model", training.model},
          {"dim", training.dim},
          {"layers", training.layers},
          {"loss", training.loss},
          {"batch", f.batch},
          {"steps_per_epoch", f.steps_per_epoch},
          {"step_seconds", summary_json(f.seconds)},
          {"mean_seconds", f.mean_seconds},
          {"phases", phases},
          {"propagation", f.propagation},
          {"wait_seconds", f.wait_seconds},
          {"bytes_sent", f.bytes},
          {"messages_sent", f.messages},
          {"layer_bytes", f.layer_bytes},
          {"layer_messages", f.layer_messages},
          {"propagations", f.products},
          {"propagations_per_epoch", f.products * f.steps_per_epoch},
          {"product_seconds", summary_json(f.product_seconds)},
          {"gather_seconds", summary_json(f.gather_seconds)},
          {"fraction_of_gather",
           f.gather_seconds.median > 0
               ? nlohmann::ordered_json(f.gather_seconds.median / f.product_seconds.median)
               : nlohmann::ordered_json(nullptr)},
          {"floor_products", f.floor_products},
          {"floor_seconds", f.floor_seconds},
          {"floor_fraction", f.floor_seconds / f.seconds.median},
          {"edges_per_second", f.floor_products * f.nonzeros / f.seconds.median},
          {"interactions_per_second", static_cast<double>(f.batch) / f.seconds.median},
          {"epoch_seconds", f.seconds.median * static_cast<double>(f.steps_per_epoch)},
          {"peak_memory_bytes", f.peak_memory_bytes},
          {"training_loss", f.last_loss}};
}

ReportTable phase_table(const StepFigures& f) {
  ReportTable table{"Where a step's time goes (mean)", {"phase", "ms", "share"}, {}};
  const auto add = [&](const std::string& name, double seconds) {
    table.rows.push_back({name, fmt::format("{:.3f}", seconds * 1e3),
                          fmt::format("{:.1f} %", 100 * seconds / f.mean_seconds)});
  };
  for (const auto& [name, seconds] : f.ordered_phases()) add(name, seconds);
  add("all", f.mean_seconds);
  for (const auto& [name, seconds] : f.propagation) add("within propagation: " + name, seconds);
  add("waiting for ranks", f.wait_seconds);
  return table;
}

void say_figures(Report& report, const StepFigures& f) {
  const double most = static_cast<double>(
      *std::max_element(f.peak_memory_bytes.begin(), f.peak_memory_bytes.end()));
  const bool has_gather = f.gather_seconds.median > 0;
  report.table(
      {"Step",
       {"", "", "middle half"},
       {{"step, ms", fmt::format("{:.3f}", f.seconds.median * 1e3),
         fmt::format("{:.3f} .. {:.3f}", f.seconds.lower * 1e3, f.seconds.upper * 1e3)},
        {"one product of all rows, ms", fmt::format("{:.3f}", f.product_seconds.median * 1e3),
         fmt::format("{:.3f} .. {:.3f}", f.product_seconds.lower * 1e3,
                     f.product_seconds.upper * 1e3)},
        {"its rows gathered without arithmetic, ms",
         has_gather ? fmt::format("{:.3f}", f.gather_seconds.median * 1e3) : "-",
         has_gather ? fmt::format("{:.0f} % of that rate",
                                  100 * f.gather_seconds.median / f.product_seconds.median)
                    : "not measured at this --dim"},
        {"floor, ms", fmt::format("{:.3f}", f.floor_seconds * 1e3),
         fmt::format("{:.2f} products + update", f.floor_products)},
        {"floor / step", fmt::format("{:.0f} %", 100 * f.floor_seconds / f.seconds.median), ""},
        {"batch", std::to_string(f.batch), ""},
        {"propagations a step", std::to_string(f.products), ""},
        {"propagations an epoch", std::to_string(f.products * f.steps_per_epoch), ""},
        {"epoch, s",
         fmt::format("{:.2f}", f.seconds.median * static_cast<double>(f.steps_per_epoch)), ""},
        {"training interactions/s",
         fmt::format("{:.0f}", static_cast<double>(f.batch) / f.seconds.median), ""},
        {"Medges/s propagated",
         fmt::format("{:.0f}", f.floor_products * f.nonzeros / f.seconds.median / 1e6), ""},
        {"sent a step, MB", fmt::format("{:.3f}", f.bytes / 1e6),
         fmt::format("{:.0f} messages", f.messages)},
        {"sent a layer, MB", fmt::format("{:.3f}", f.layer_bytes / 1e6),
         fmt::format("{:.0f} messages", f.layer_messages)},
        {"peak memory of a rank, MiB", fmt::format("{:.0f}", most / (1 << 20)), ""}}});
}

// The same steps on one rank with the cores of all, which sends nothing.
void compare_with_one_rank(const CommandContext& context, const StepBenchArguments& arguments,
                           const OptionTable& step_options, const StepFigures& all,
                           Report& report) {
  const auto options = given_options(
      context.options, step_options,
      {"data", "edges", "html", "json", "partition", "seed", "stall-seconds", "threads"});
  const auto one = measure_one_rank(context, arguments.bench, options, report);
  if (!one) return;
  auto record = one_rank_record(*one);
  record["step_seconds"] = summary_json(one->step_seconds);
  record["training_loss"] = one->training_loss;
  record["speed_of_one_rank"] = nullptr;
  if (one->comparable()) {
    record["speed_of_one_rank"] = one->step_seconds.median / all.seconds.median;
  }
  report.record(record);
  ReportTable table{"Beside one rank on the same cores, measured after the job",
                    {"", job_name(context), one->name(), "speed of one rank"},
                    {}};
  const auto add = [&](const std::string& name, const Summary& job, const Summary& alone) {
    const auto text = [](const Summary& s) {
      return fmt::format("{:.3f} ({:.3f} .. {:.3f})", s.median * 1e3, s.lower * 1e3, s.upper * 1e3);
    };
    table.rows.push_back(
        {name, text(job), text(alone),
         one->comparable() ? fmt::format("{:.2f}", alone.median / job.median) : std::string("-")});
  };
  add("step, ms (middle half)", all.seconds, one->step_seconds);
  add("one product of all rows, ms", all.product_seconds, one->product_seconds);
  report.table(table);
}

StackedBars phase_bars(const StepFigures& f) {
  StackedBars plot{"Where a step's time goes", "ms", {}, {{"step", {}}, {"floor", {}}}};
  for (const auto& [name, seconds] : f.ordered_phases()) {
    plot.parts.push_back(name);
    plot.bars[0].values.push_back(std::max(0.0, seconds) * 1e3);
    plot.bars[1].values.push_back(name == "update" ? seconds * 1e3 : 0);
  }
  plot.parts.emplace_back("products at least");
  plot.bars[0].values.push_back(0);
  plot.bars[1].values.push_back(f.floor_products * f.product_seconds.median * 1e3);
  return plot;
}

}  // namespace

int run_step_bench(const CommandContext& context, const StepBenchArguments& arguments,
                   const OptionTable& step_options) {
  Report report(context, "halorec bench step: " + bench_data_name(arguments.bench),
                arguments.bench.html);
  std::unique_ptr<DataSource> source;
  std::unique_ptr<Shard> shard;
  const double read = seconds_of(
      [&] { source = open_bench_data(context.communicator, arguments.bench, context.seed()); });
  FoundOwners found;
  const double both = seconds_of(
      [&] { shard = make_bench_shard(context, source->dataset(), arguments.bench, &found); });
  auto graph = graph_record(*shard);
  graph["read_seconds"] = read;
  graph["cut_seconds"] = found.seconds;
  graph["shard_seconds"] = both - found.seconds - found.placement_seconds;
  report.record(graph);
  report.say(graph_text(graph));
  if (found.placement) {
    report.record(placement_event(found));
    report.say(placement_text(*found.placement));
  }
  if (const std::string warning = scores_warning(arguments.training, context.communicator);
      !warning.empty()) {
    report.warn(warning);
  }
  const ExchangeChoice choice = choose_exchange(arguments.training, *shard);
  if (const std::string warning = wire_warning(arguments.training, choice); !warning.empty()) {
    report.warn(warning);
  }
  std::optional<WholeGraph> whole;
  if (choice.columns) {
    whole.emplace(source->dataset(), TrainingPart::train_and_validation,
                  std::move(found.owners.order));
    report.say("layers run by columns, on the whole graph of every rank (--exchange)");
  }
  const StepFigures figures = measure_steps(*shard, source->dataset(), arguments, context.seed(),
                                            whole ? &whole->shard() : nullptr);
  auto record = step_record(context, arguments.training, figures);
  record["columns"] = choice.columns;
  report.record(record);
  say_figures(report, figures);
  report.table(phase_table(figures));
  report.plot(
      draw(phase_bars(figures)),
      "The floor: products that no exact step can do without, each at the speed of a product "
      "of all rows measured in this run, and the dense update.");
  if (context.communicator.size() > 1 && !arguments.bench.without_one_rank) {
    whole.reset();
    shard.reset();
    source.reset();
    compare_with_one_rank(context, arguments, step_options, figures, report);
  }
  context.communicator.on_root([&] { report.finish(); });
  return 0;
}

}  // namespace halorec
