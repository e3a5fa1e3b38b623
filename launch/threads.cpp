#include "launch/threads.hpp"

#include <fmt/format.h>
#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "comm/communicator.hpp"

namespace halorec {
namespace {

// Threads of one rank when nothing is asked for: its cores, each divided by the ranks that share
// it. Ranks with the very same mask take turns at the remainder (8 cores, 3 ranks: 3, 3, 2).
std::int32_t fair_share(std::span<const RankPlace> places, std::size_t rank) {
  const auto& mine = places[rank];
  std::int32_t num_same = 0, same_before = 0;
  bool only_same = true;
  std::map<std::int32_t, int> sharers;
  for (std::size_t r = 0; r < places.size(); ++r) {
    if (places[r].host != mine.host) continue;
    for (const auto core : places[r].cores) ++sharers[core];
    if (places[r].cores == mine.cores) {
      ++num_same;
      if (r < rank) ++same_before;
    }
  }
  double share = 0;
  for (const auto core : mine.cores) {
    share += 1.0 / sharers[core];
    only_same = only_same && sharers[core] == num_same;
  }
  const auto num_cores = static_cast<std::int32_t>(mine.cores.size());
  const auto threads = only_same
                           ? num_cores / num_same + (same_before < num_cores % num_same ? 1 : 0)
                           : static_cast<std::int32_t>(share + 1e-9);
  return std::max(threads, 1);
}

// Ranks of one host and what they use of it.
struct HostUse {
  std::int32_t num_ranks = 0;
  std::int32_t num_cores = 0;
  std::int32_t num_threads = 0;
  std::int32_t smallest_mask = INT32_MAX;  // cores
  std::int32_t threads_per_core = 1;
  std::set<std::int32_t> cores;
};

std::string bind_advice(std::int32_t pe) {
  return pe > 1 ? fmt::format("mpirun --map-by slot:PE={} (or --bind-to none)", pe)
                : std::string("mpirun --bind-to none");
}

// At most one warning a host: the gravest.
std::string warning_for(const std::string& host, const HostUse& use,
                        std::optional<std::int32_t> requested, bool launched) {
  const auto fair = std::max(1, use.num_cores / use.num_ranks);
  if (use.num_ranks > use.num_cores) {
    return fmt::format(
        "{} ranks share {} core{} of {}: start at most {}, or expect them to wait for each other "
        "(and give mpirun --mca mpi_yield_when_idle 1)",
        use.num_ranks, use.num_cores, use.num_cores == 1 ? "" : "s", host, use.num_cores);
  }
  if (requested && *requested > use.smallest_mask * use.threads_per_core) {
    if (launched && *requested <= fair) {
      return fmt::format(
          "--threads {} exceeds the {} core{} that each rank on {} is bound to: give {}",
          *requested, use.smallest_mask, use.smallest_mask == 1 ? "" : "s", host,
          bind_advice(*requested));
    }
    const bool bound = launched && use.smallest_mask < fair;
    return fmt::format(
        "--threads {} exceeds the {} core{} that each rank on {} may use: give "
        "--threads {}{}",
        *requested, use.smallest_mask, use.smallest_mask == 1 ? "" : "s", host, fair,
        bound ? " with " + bind_advice(fair) : "");
  }
  if (use.num_threads > std::ssize(use.cores) * use.threads_per_core) {
    return fmt::format("{} threads share {} cores of {}: give --threads {}", use.num_threads,
                       use.cores.size(), host, fair);
  }
  const auto idle = use.num_cores - static_cast<std::int32_t>(use.cores.size());
  if (launched && idle >= use.num_ranks && !requested) {
    return fmt::format("{} of {} cores of {} lie idle, each rank is bound to {}: give {}", idle,
                       use.num_cores, host, use.smallest_mask, bind_advice(fair));
  }
  return "";
}

// A core's CPUs as "0,64" or "0-1". The first stands for the core; a CPU without topology stands
// for itself.
struct Core {
  std::int32_t first;
  std::int32_t num_cpus;
};
Core core_of(std::int32_t cpu) {
  std::ifstream file(
      fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
  Core core{cpu, 0};
  std::int32_t first = 0, last = 0;
  while (file >> first) {
    if (core.num_cpus == 0) core.first = first;
    if (file.peek() == '-' && file.ignore() && file >> last) {
      core.num_cpus += last - first + 1;
    } else {
      ++core.num_cpus;
    }
    file.ignore();
  }
  return {core.first, std::max(core.num_cpus, 1)};
}

constexpr int kMaxCpus = 1 << 14;

// The hardware threads that a process may use, by their numbers; none when the system does not say.
std::vector<std::int32_t> cpus_of(pid_t process) {
  std::vector<std::int32_t> cpus;
  cpu_set_t* mask = CPU_ALLOC(kMaxCpus);
  if (mask == nullptr) return cpus;
  const auto size = CPU_ALLOC_SIZE(kMaxCpus);
  CPU_ZERO_S(size, mask);
  if (sched_getaffinity(process, size, mask) == 0) {
    for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, mask)) cpus.push_back(cpu);
    }
  }
  CPU_FREE(mask);
  return cpus;
}

// Lets the calling thread run on these; what the system refuses stays as it was.
void run_on(std::span<const std::int32_t> cpus) {
  cpu_set_t* mask = CPU_ALLOC(kMaxCpus);
  if (mask == nullptr) return;
  const auto size = CPU_ALLOC_SIZE(kMaxCpus);
  CPU_ZERO_S(size, mask);
  for (const auto cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), size, mask);
  sched_setaffinity(0, size, mask);
  CPU_FREE(mask);
}

// The cores of a process's mask; none when the system does not say.
RankPlace place_of(pid_t process) {
  RankPlace place;
  std::set<std::int32_t> cores;
  for (const auto cpu : cpus_of(process)) {
    const auto core = core_of(cpu);
    cores.insert(core.first);
    place.threads_per_core = std::max(place.threads_per_core, core.num_cpus);
  }
  place.cores.assign(cores.begin(), cores.end());
  return place;
}

std::string packed(const RankPlace& place) {
  auto text = fmt::format("{} {} {}", place.host, place.threads_per_core, place.host_cores);
  for (const auto core : place.cores) text += fmt::format(" {}", core);
  return text;
}

RankPlace unpacked(const std::string& text) {
  std::istringstream words(text);
  RankPlace place;
  words >> place.host >> place.threads_per_core >> place.host_cores;
  for (std::int32_t core = 0; words >> core;) place.cores.push_back(core);
  return place;
}

}  // namespace

ThreadPlan decide_threads(std::span<const RankPlace> places, std::optional<std::int32_t> requested,
                          bool launched) {
  ThreadPlan plan;
  plan.places.assign(places.begin(), places.end());
  std::map<std::string, HostUse> hosts;
  for (std::size_t r = 0; r < places.size(); ++r) {
    plan.by_rank.push_back(requested.value_or(fair_share(places, r)));
    auto& use = hosts[places[r].host];
    ++use.num_ranks;
    use.num_threads += plan.by_rank.back();
    use.num_cores = std::max(use.num_cores, places[r].host_cores);
    use.smallest_mask =
        std::min(use.smallest_mask, static_cast<std::int32_t>(places[r].cores.size()));
    use.threads_per_core = std::max(use.threads_per_core, places[r].threads_per_core);
    use.cores.insert(places[r].cores.begin(), places[r].cores.end());
  }
  for (auto& [host, use] : hosts) {
    use.num_cores = std::max(use.num_cores, static_cast<std::int32_t>(use.cores.size()));
    auto warning = warning_for(host, use, requested, launched);
    if (!warning.empty()) plan.warnings.push_back(std::move(warning));
  }
  return plan;
}

RankPlace find_place() {
  auto place = place_of(0);
  if (place.cores.empty()) place.cores.push_back(0);
  std::array<char, 256> name{};
  place.host =
      gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data() : "localhost";
  // A bound rank sees its own cores only; the launcher that bound it still sees the host's.
  place.host_cores =
      static_cast<std::int32_t>(std::max(place.cores.size(), place_of(getppid()).cores.size()));
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing sets the environment
  if (const char* slurm = std::getenv("SLURM_CPUS_ON_NODE")) {
    const auto cpus = std::atoi(slurm);  // NOLINT(cert-err34-c): 0 stands for nonsense
    if (cpus > 0) place.host_cores = std::max(1, cpus / place.threads_per_core);
  }
  return place;
}

ThreadPlan plan_threads(Communicator& communicator, std::optional<std::int32_t> requested,
                        bool launched) {
  std::vector<RankPlace> places;
  for (const auto& text : communicator.gather_text(packed(find_place()))) {
    places.push_back(unpacked(text));
  }
  ThreadPlan plan;
  if (communicator.is_root()) {
    plan = decide_threads(places, requested, launched);
    for (const char* name : {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"}) {
      // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing sets the environment
      if (plan.warnings.empty() || std::getenv(name) == nullptr) continue;
      plan.warnings.front() += fmt::format(
          " (or unset {}: by it OpenMP narrows each rank to a core before this is found out)",
          name);
      break;
    }
  }
  communicator.broadcast(plan.by_rank);
  plan.threads = plan.by_rank[static_cast<std::size_t>(communicator.rank())];
  omp_set_num_threads(plan.threads);
  return plan;
}

OnCores::OnCores(std::span<const std::int32_t> cores) : cpus_before_(cpus_of(0)) {
  run_on(cores);
}

OnCores::~OnCores() {
  run_on(cpus_before_);
}

}  // namespace halorec
