#include "partition/metis_kway.hpp"

#include <fcntl.h>
#include <metis.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <limits>

#include "comm/check.hpp"

namespace halorec {
namespace {

static_assert(sizeof(idx_t) == sizeof(std::int32_t), "arrays of MetisGraph are handed to METIS");

void check_metis(int code) {
  if (code == METIS_OK) return;
  const char* why = code == METIS_ERROR_MEMORY  ? "not enough memory"
                    : code == METIS_ERROR_INPUT ? "it refused the graph"
                                                : "an internal error, or a SIGTERM meanwhile";
  fail(
      "METIS could not cut the graph: {}; use --method hash or --method block, or a host with more "
      "memory",
      why);
}

// METIS prints to stdout what it thinks of a graph ("You are trying to partition a graph into too
// many parts!"), where --json promises JSON alone. While this lives, stdout leads nowhere.
class StdoutSilenced {
 public:
  StdoutSilenced() {
    std::fflush(stdout);
    saved_ = ::dup(STDOUT_FILENO);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (saved_ >= 0 && nowhere >= 0) ::dup2(nowhere, STDOUT_FILENO);
    if (nowhere >= 0) ::close(nowhere);
  }
  ~StdoutSilenced() {
    std::fflush(stdout);
    if (saved_ < 0) return;
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }
  StdoutSilenced(const StdoutSilenced&) = delete;
  StdoutSilenced& operator=(const StdoutSilenced&) = delete;

 private:
  int saved_ = -1;
};

}  // namespace

std::uint64_t metis_largest_count() {
  return static_cast<std::uint64_t>(std::numeric_limits<idx_t>::max());
}

std::vector<std::int32_t> metis_kway(const MetisGraph& graph, int num_parts, std::uint64_t seed,
                                     int num_cuts) {
  // METIS takes pointers to what it does not change.
  const auto argument = [](const std::vector<idx_t>& values) {
    return values.empty() ? nullptr : const_cast<idx_t*>(values.data());
  };
  idx_t num_nodes = static_cast<idx_t>(graph.num_nodes());
  idx_t num_constraints = graph.num_constraints;
  std::array<real_t, 2> tolerance{real_t(kNonzeroTolerance), real_t(kNodeTolerance)};
  std::array<idx_t, METIS_NOPTIONS> settings{};
  METIS_SetDefaultOptions(settings.data());
  settings[METIS_OPTION_SEED] = static_cast<idx_t>(seed & 0x7FFFFFFF);
  settings[METIS_OPTION_NCUTS] = num_cuts;
  idx_t parts = num_parts;
  idx_t objective = 0;
  std::vector<idx_t> answer(graph.num_nodes(), 0);
  const int code = [&] {
    const StdoutSilenced silenced;
    return METIS_PartGraphKway(&num_nodes, &num_constraints, argument(graph.begin),
                               argument(graph.neighbour), argument(graph.node_weight), nullptr,
                               argument(graph.edge_weight), &parts, nullptr, tolerance.data(),
                               settings.data(), &objective, answer.data());
  }();
  check_metis(code);
  for (const idx_t part : answer) {
    if (part < 0 || part >= num_parts) {
      fail("METIS answered part {} of {}; use --method hash", part, num_parts);
    }
  }
  return answer;
}

}  // namespace halorec
