// The owners of a job's nodes: read from a partition file, from the cache of cuts, or cut now.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "partition/dataset.hpp"
#include "partition/graph.hpp"
#include "partition/partitioner.hpp"

namespace halorec {

class Communicator;

struct OwnersRequest {
  CutOptions cut;  // num_parts is set to the number of ranks
  TrainingPart part = TrainingPart::train;
  std::optional<std::filesystem::path> file;   // --partition
  bool file_is_restored = false;  // named when the run began, not now: it may be gone
  std::optional<std::filesystem::path> cache;  // folder of cached cuts; none: no cache
};

struct FoundOwners {
  Owners owners;
  std::string how;      // "read from PARTS.h5", "from the cache", "cut by metis" ...
  std::string warning;  // why a given file was not used; root only, may be empty
  double seconds = 0;
};

// A file for another number of parts, or a restored one that is missing or broken, is not used
// (warned); Error when a file that is named now is missing or broken. Rank 0 reads or cuts, the others
// receive. Collective.
FoundOwners find_owners(Communicator& communicator, const DatasetFile& dataset,
                        const OwnersRequest& request);

// $HALOREC_CACHE, else $XDG_CACHE_HOME/halorec, else ~/.cache/halorec; empty where none is known.
std::optional<std::filesystem::path> default_cache();

}  // namespace halorec
