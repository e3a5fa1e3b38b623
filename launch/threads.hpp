// How many threads each rank may use. mpirun -n 1 and -n 2 of Open MPI bind a rank to one core by
// themselves, and two threads then share it in silence: here it is decided, logged and said aloud.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace halorec {

class Communicator;

// Where a rank stands: its host and the physical cores of its affinity mask.
struct RankPlace {
  std::string host;
  std::vector<std::int32_t> cores;    // ascending, distinct
  std::int32_t threads_per_core = 1;  // hardware threads
  std::int32_t host_cores = 0;        // cores of the host that the job may use
};

struct ThreadPlan {
  std::int32_t threads = 1;           // of this rank
  std::vector<RankPlace> places;      // of every rank; on the root alone
  std::vector<std::int32_t> by_rank;  // threads of every rank
  std::vector<std::string> warnings;  // on the root alone; each one line with what to do
};

// The decision alone. `requested` is --threads. Default: the cores of a rank's mask; where masks
// overlap, each core is shared among the ranks that have it (at least one thread each).
// `launched` says whether mpirun or srun can be advised.
ThreadPlan decide_threads(std::span<const RankPlace> places, std::optional<std::int32_t> requested,
                          bool launched);

// This process's place, from the affinity mask, the launcher's mask and SLURM_CPUS_ON_NODE.
RankPlace find_place();

// Finds every rank's place, decides, and calls omp_set_num_threads. Collective.
ThreadPlan plan_threads(Communicator& communicator, std::optional<std::int32_t> requested,
                        bool launched);

// While it lives, the calling thread may run on these cores, as far as the system grants them, and
// so may processes that it starts.
class OnCores {
 public:
  explicit OnCores(std::span<const std::int32_t> cores);
  ~OnCores();  // as it was
  OnCores(const OnCores&) = delete;
  OnCores& operator=(const OnCores&) = delete;

 private:
  std::vector<std::int32_t> cpus_before_;
};

}  // namespace halorec
