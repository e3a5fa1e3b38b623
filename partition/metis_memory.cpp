#include "partition/metis_memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "comm/check.hpp"
#include "partition/metis_kway.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

// The number in a file of one number; none when it is absent or "max".
std::optional<std::uint64_t> number_in(const fs::path& path) {
  std::ifstream in(path);
  std::uint64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

// The number behind a word at the start of a line.
std::optional<std::uint64_t> number_behind(const fs::path& path, const std::string& word) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string first;
    std::uint64_t value = 0;
    if (words >> first >> value && first == word) return value;
  }
  return std::nullopt;
}

// What a control group leaves: its limit less what it holds and cannot drop.
std::uint64_t left_by(const fs::path& folder, const char* limit_file, const char* usage_file,
                      const char* cache_word) {
  const auto limit = number_in(folder / limit_file);
  const auto usage = number_in(folder / usage_file);
  if (!limit || !usage) return kUnknown;
  const std::uint64_t cache = number_behind(folder / "memory.stat", cache_word).value_or(0);
  const std::uint64_t held = *usage - std::min(*usage, cache);
  return *limit - std::min(*limit, held);
}

// Of the group named in /proc/self/cgroup and all above it. A container sees its own group as the
// root of the tree, whatever the name says: folders that are absent limit nothing.
std::uint64_t left_by_groups(const fs::path& root) {
  std::uint64_t left = kUnknown;
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto controllers = line.find(':');
    const auto name = line.find(':', controllers + 1);
    if (controllers == std::string::npos || name == std::string::npos) continue;
    const std::string listed = "," + line.substr(controllers + 1, name - controllers - 1) + ",";
    const bool unified = listed == ",,";
    if (!unified && listed.find(",memory,") == std::string::npos) continue;
    const fs::path tree = root / (unified ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    for (fs::path group = fs::path(line.substr(name + 1)).relative_path();;
         group = group.parent_path()) {
      left = std::min(
          left, unified ? left_by(tree / group, "memory.max", "memory.current", "inactive_file")
                        : left_by(tree / group, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                  "total_inactive_file"));
      if (group.empty()) break;
    }
  }
  return left;
}

double gib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 30);
}

}  // namespace

std::uint64_t estimate_metis_bytes(std::uint64_t num_nodes, std::uint64_t num_edges) {
  return 160 * num_edges + 200 * num_nodes;
}

std::uint64_t available_memory_bytes(const fs::path& root) {
  const auto kib = number_behind(root / "proc/meminfo", "MemAvailable:");
  return std::min(kib ? *kib * 1024 : kUnknown, left_by_groups(root));
}

MethodChoice choose_method(CutMethod method, std::uint64_t num_nodes, std::uint64_t num_edges,
                           std::optional<std::uint64_t> limit) {
  MethodChoice choice;
  choice.method = method;
  choice.metis_bytes = estimate_metis_bytes(num_nodes, num_edges);
  choice.limit_bytes = limit ? *limit : available_memory_bytes() / 10 * 9;
  const bool indexable =
      2 * num_edges <= metis_largest_count() && 2 * num_nodes <= metis_largest_count();
  const bool fits = choice.metis_bytes <= choice.limit_bytes;
  if (method == CutMethod::automatic) {
    choice.method = indexable && fits ? CutMethod::metis : CutMethod::cluster;
  }
  choice.reason =
      indexable ? fmt::format("METIS would take about {:.2f} GiB, {:.2f} GiB may be used",
                              gib(choice.metis_bytes), gib(choice.limit_bytes))
                : fmt::format("{} edges are more than METIS can index with 32 bits", num_edges);
  return choice;
}

}  // namespace halorec
