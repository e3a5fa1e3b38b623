#include "launch/bench/one_rank.hpp"

#include <algorithm>
#include <set>

#include "comm/communicator.hpp"
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

OneRank on_one_rank(const CommandContext& context,
                    const std::function<void(const CommandContext&)>& work) {
  OneRank one;
  context.communicator.on_root([&] {
    const ThreadPlan& job = context.threads;
    std::set<std::int32_t> cores;
    ThreadPlan whole;
    whole.threads = 0;
    for (std::size_t r = 0; r < job.places.size(); ++r) {
      if (job.places[r].host != job.places[0].host) continue;
      cores.insert(job.places[r].cores.begin(), job.places[r].cores.end());
      whole.threads += job.by_rank[r];
    }
    const OnCores taken(std::vector<std::int32_t>(cores.begin(), cores.end()), whole.threads);
    whole.places = {find_place()};
    whole.by_rank = {whole.threads};
    one.bindings = bindings_of(whole);
    one.fault = binding_fault({bindings_of(job), one.bindings});
    Communicator alone(MPI_COMM_SELF);
    work({alone, context.common, context.options, whole});
  });
  return one;
}

}  // namespace halorec
