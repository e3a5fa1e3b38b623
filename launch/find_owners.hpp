// The owners of a job's nodes: read from a partition file, from the cache of cuts, or cut now.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/graph.hpp"
#include "partition/metis_memory.hpp"
#include "partition/partitioner.hpp"
#include "partition/placement.hpp"

namespace halorec {

class Communicator;

struct OwnersRequest {
  CutOptions cut;  // num_parts is set to the number of ranks, memory_bytes to the limit
  std::optional<double> memory_gib;  // --memory-limit
  TrainingPart part = TrainingPart::train;
  std::optional<std::filesystem::path> file;   // --partition
  bool file_is_restored = false;               // named when the run began, not now: it may be gone
  std::optional<std::filesystem::path> cache;  // folder of cached cuts; none: no cache
  // The host of each rank (comm/hosts.hpp), by which parts are placed. Empty: part k to rank k.
  std::vector<std::int32_t> hosts;
  // Told on the root before a cut begins, not when owners are read. May be empty.
  std::function<void(const MethodChoice&)> announce;
};

struct FoundOwners {
  Owners owners;
  std::string how;                     // "read from PARTS.h5", "from the cache", "cut by metis" ...
  std::string warning;                 // why a given file was not used; root only, may be empty
  double seconds = 0;                  // without the placement
  std::optional<Placement> placement;  // where hosts leave a choice; done to `owners` already
  double placement_seconds = 0;
};

// A file for another number of parts, or a restored one that is missing or broken, is not used
// (warned); Error when a file that is named now is missing or broken. Rank 0 reads, the others
// receive; all share in a cut by cluster. The file and the cache keep the cut; its placement
// belongs to this job. Collective.
FoundOwners find_owners(Communicator& communicator, const DatasetFile& dataset,
                        const OwnersRequest& request);

// Of owners that were placed: {"event":"placement",...} of a log, and the same as a sentence.
nlohmann::ordered_json placement_event(const FoundOwners& found);
std::string placement_text(const Placement& placement);

// The choice of a method for the training part of a file, made on rank 0, where METIS would run.
// The same on every rank. Collective.
MethodChoice choose_method(Communicator& communicator, const DatasetFile& dataset,
                           TrainingPart part, CutMethod method, std::optional<double> memory_gib);

}  // namespace halorec
