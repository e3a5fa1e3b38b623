// --method auto: METIS cuts best and holds the whole graph on one rank; when its memory does not
// suffice there, the cluster method takes over. The estimate is known before anything is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "partition/partitioner.hpp"

namespace halorec {

// Peak memory of a process that cuts a graph of this size by METIS, reading included. An upper
// estimate: 160 bytes an edge and 200 a node. docs/PARTITIONING.md has what processes took.
std::uint64_t estimate_metis_bytes(std::uint64_t num_nodes, std::uint64_t num_edges);

// Memory that this process may still take: what the kernel calls available, or what the tightest of
// the control groups (v1 or v2) that the process is in leaves, whichever is less. Reads
// /proc/meminfo, /proc/self/cgroup and /sys/fs/cgroup below `root`; a huge number where nothing is
// known. Not collective.
std::uint64_t available_memory_bytes(const std::filesystem::path& root = "/");

struct MethodChoice {
  CutMethod method = CutMethod::metis;  // never automatic
  std::uint64_t metis_bytes = 0;        // estimated
  std::uint64_t limit_bytes = 0;
  std::string reason;  // one clause, for people
};

// The method itself unless it is automatic: then METIS where its estimate is within the limit and
// the counts fit its indices, else cluster. `limit`: given by the caller; none: nine tenths of what
// is available here. Not collective.
MethodChoice choose_method(CutMethod method, std::uint64_t num_nodes, std::uint64_t num_edges,
                           std::optional<std::uint64_t> limit);

}  // namespace halorec
