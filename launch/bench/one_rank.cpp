#include "launch/bench/one_rank.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "comm/communicator.hpp"
#include "launch/bench/child_job.hpp"
#include "launch/threads.hpp"

namespace halorec {

void declare_one_rank_option(OptionTable& options, BenchArguments& arguments) {
  options.add("without-one-rank", arguments.without_one_rank,
              "do not measure the same on one rank with the cores of all, which has to hold the "
              "whole graph");
}

std::string OneRank::name() const {
  return fmt::format("one rank x {} threads", bindings.threads.at(0));
}

std::string job_name(const CommandContext& context) {
  const auto& threads = context.threads.by_rank;
  const auto [least, most] = std::minmax_element(threads.begin(), threads.end());
  return fmt::format(
      "{} ranks x {} threads", threads.size(),
      *least == *most ? std::to_string(*least) : fmt::format("{} to {}", *least, *most));
}

nlohmann::ordered_json one_rank_record(const OneRank& one) {
  return {{"event", "one-rank"},
          {"threads", one.bindings.threads},
          {"cores", one.bindings.cores},
          {"not_compared", one.fault},
          {"product_seconds", summary_json(one.product_seconds)}};
}

namespace {

OneRank run_one_rank(const CommandContext& context, const BenchArguments& arguments,
                     const std::vector<std::string>& options) {
  const ThreadPlan& job = context.threads;
  std::set<std::int32_t> cores;
  for (const RankPlace& place : job.places) cores.insert(place.cores.begin(), place.cores.end());
  ChildJob child;
  child.threads = std::min<std::int64_t>(
      std::ssize(cores), std::accumulate(job.by_rank.begin(), job.by_rank.end(), std::int64_t{0}));
  child.arguments = {"bench", "step"};
  if (arguments.data) {
    child.arguments.push_back(arguments.data->string());
  } else {
    child.arguments.insert(child.arguments.end(), {"--edges", std::to_string(arguments.edges)});
  }
  child.arguments.insert(child.arguments.end(), options.begin(), options.end());
  child.arguments.insert(child.arguments.end(), {"--seed", std::to_string(context.seed())});
  const OnCores taken(std::vector<std::int32_t>(cores.begin(), cores.end()));
  const auto events = run_child_job(child);
  const auto& step = event_of(events, "step");
  OneRank one;
  one.bindings = bindings_of(step);
  one.fault = binding_fault({bindings_of(job), one.bindings});
  one.step_seconds = summary_of(step.at("step_seconds"));
  one.product_seconds = summary_of(step.at("product_seconds"));
  one.training_loss = step.at("training_loss").get<double>();
  return one;
}

}  // namespace

std::optional<OneRank> measure_one_rank(const CommandContext& context,
                                        const BenchArguments& arguments,
                                        const std::vector<std::string>& options, Report& report) {
  std::optional<OneRank> one;
  context.communicator.on_root([&] {
    const JobBindings job = bindings_of(context.threads);
    std::string reason;
    if (std::set(job.hosts.begin(), job.hosts.end()).size() > 1) {
      reason = "the ranks stand on several hosts, whose cores no single rank can have";
    } else {
      report.say(
          "Now the same on one rank with the cores of all (--without-one-rank leaves it out).");
      report.finish();  // what is known already, should this be ended
      try {
        one = run_one_rank(context, arguments, options);
      } catch (const Error& error) {
        reason = error.what();
      }
    }
    if (!one) {
      report.record({{"event", "one-rank"}, {"not_measured", reason}});
      report.warn("one rank was not measured: " + reason);
    } else if (!one->comparable()) {
      report.warn("not compared with one rank: " + one->fault);
    }
  });
  return one;
}

}  // namespace halorec
