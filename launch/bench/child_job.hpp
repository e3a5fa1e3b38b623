// Jobs of this very program on other numbers of ranks, which a program cannot become: started with
// mpirun, their JSON lines read back.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace halorec {

struct ChildJob {
  std::int64_t ranks = 1;
  std::int64_t threads = 1;            // of each rank
  std::vector<std::string> launcher;   // program and options before "-n"; empty: one rank by hand
  std::vector<std::string> arguments;  // of halorec, without --threads and --json
};

// mpirun with one set of cores for each rank where they suffice, without binding where not.
std::vector<std::string> default_launcher(std::int64_t ranks, std::int64_t threads,
                                          std::int64_t cores);

// Runs it to its end; every line of its stdout. Error with the child's own words when it fails. The
// child gets the environment that this process was started with, not what MPI put into it since;
// without a launcher also not what this process's own launcher put into it.
std::vector<nlohmann::ordered_json> run_child_job(const ChildJob& job);

// Whether mpirun or srun started this process. Before and after MPI_Init, which by hand sets the
// same names.
bool started_by_launcher();

// The first event of this name. Error when there is none.
const nlohmann::ordered_json& event_of(const std::vector<nlohmann::ordered_json>& events,
                                       const std::string& name);

}  // namespace halorec
