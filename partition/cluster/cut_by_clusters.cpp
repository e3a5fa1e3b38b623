#include "partition/cluster/cut_by_clusters.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "partition/cluster/label_propagation.hpp"
#include "partition/complete_parts.hpp"
#include "partition/metis_kway.hpp"
#include "partition/metis_memory.hpp"

namespace halorec {
namespace {

// Clusters are an eighth of a part at most, so that METIS can still balance them, and coarsening
// ends at 256 a part. (Tried on Gowalla and on planted graphs: with smaller clusters METIS finds
// worse cuts.)
constexpr double kClustersPerPart = 8;
constexpr std::uint32_t kEnoughPerPart = 256;
// METIS cuts the coarsest graph this often and keeps the best: it is small.
constexpr int kNumCuts = 4;

Load total_load(const DistributedGraph& graph) {
  Load total;
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) total = total + load_of(graph, v);
  return total;
}

// This many shares of the mean of `num_groups` groups.
Load share(Load total, double num_groups, double nonzero_shares, double member_shares) {
  const auto part = [&](std::uint64_t all, double shares) {
    return static_cast<std::uint64_t>(std::ceil(static_cast<double>(all) * shares / num_groups));
  };
  return {part(total.nonzeros, nonzero_shares), part(total.members, member_shares)};
}

// From the training graph to one that METIS takes.
class Levels {
 public:
  Levels(Communicator& communicator, DistributedGraph finest) : communicator_(communicator) {
    graphs_.push_back(std::move(finest));
  }

  const DistributedGraph& finest() const { return graphs_.front(); }
  const DistributedGraph& coarsest() const { return graphs_.back(); }
  bool is_finest() const { return graphs_.size() == 1; }

  // At least one step, which leaves the nodes without edges behind. Collective.
  void coarsen(const CutOptions& options) {
    const auto num_parts = static_cast<std::uint32_t>(options.num_parts);
    const Load total = total_load(finest());
    double per_part = kClustersPerPart;
    while (true) {
      const bool fits = fits_metis(options.memory_bytes);
      if (fits && num_linked_nodes() <= kEnoughPerPart * num_parts) break;
      const std::uint64_t seed = options.seed + 1000 * graphs_.size();
      Grouping clusters =
          find_clusters(communicator_, coarsest(), share(total, per_part * num_parts, 1, 1), seed);
      const std::uint32_t num_clusters = number_clusters(coarsest(), clusters);
      if (num_clusters > num_parts && num_clusters < num_linked_nodes() / 20 * 19) {
        contract_by(std::move(clusters.of), num_clusters);
      } else if (fits) {
        break;
      } else if (per_part > 1) {
        per_part /= 2;  // larger clusters, at the cost of the cut
      } else {
        throw Error(
            fmt::format("--method cluster: {} clusters are still too many for METIS within {} MiB; "
                        "give a larger --memory-limit or use --method hash",
                        num_linked_nodes(), options.memory_bytes >> 20),
            kExitFailure, true);
      }
    }
    if (is_finest()) {
      Grouping each;
      each.of.resize(finest().num_nodes);
      std::iota(each.of.begin(), each.of.end(), 0U);
      const std::uint32_t num_clusters = number_clusters(finest(), each);
      contract_by(std::move(each.of), num_clusters);
    }
  }

  // Hands a grouping of the coarsest graph down to the next finer one, and drops the coarsest.
  void project(Grouping& parts) {
    graphs_.pop_back();
    std::vector<std::uint32_t> fine(coarsest().num_nodes, 0);
    for (std::size_t v = 0; v < fine.size(); ++v) {
      if (coarsest().num_members[v] > 0) fine[v] = parts.of[coarse_of_.back()[v]];
    }
    parts.of = std::move(fine);
    coarse_of_.pop_back();
  }

 private:
  void contract_by(std::vector<std::uint32_t> coarse_of, std::uint32_t num_coarse) {
    graphs_.push_back(contract(communicator_, coarsest(), coarse_of, num_coarse));
    coarse_of_.push_back(std::move(coarse_of));
  }
  std::uint64_t num_linked_nodes() const {
    const auto& members = coarsest().num_members;
    return members.size() -
           static_cast<std::uint64_t>(std::count(members.begin(), members.end(), 0U));
  }
  bool fits_metis(std::uint64_t memory_bytes) {
    const std::uint64_t nonzeros = communicator_.sum(std::uint64_t{coarsest().neighbour.size()});
    return nonzeros <= metis_largest_count() &&
           estimate_metis_bytes(num_linked_nodes(), nonzeros / 2) <= memory_bytes;
  }

  Communicator& communicator_;
  std::vector<DistributedGraph> graphs_;
  std::vector<std::vector<std::uint32_t>> coarse_of_;  // one fewer
};

// A rank's values to rank 0, in rank order; nothing elsewhere. Collective.
template <typename T>
std::vector<T> gather(Communicator& communicator, const std::vector<T>& values,
                      std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> send(static_cast<std::size_t>(communicator.size()), 0);
  send[0] = std::ssize(values);
  return communicator.all_to_all<T>(values, send, &counts);
}

// The whole graph on rank 0, nothing elsewhere. METIS sums weights in 32 bits: those of very large
// graphs lose their last bits. Collective.
MetisGraph gather_graph(Communicator& communicator, const DistributedGraph& graph,
                        Balance balance) {
  std::vector<std::uint64_t> lengths(graph.num_rows());
  for (std::uint32_t r = 0; r < graph.num_rows(); ++r) {
    lengths[r] = graph.begin[r + 1] - graph.begin[r];
  }
  std::vector<std::int64_t> num_rows, num_ends, same;
  const auto all_lengths = gather(communicator, lengths, num_rows);
  const auto ends = gather(communicator, graph.neighbour, num_ends);
  const auto weights = gather(communicator, graph.weight, same);
  MetisGraph metis;
  if (!communicator.is_root()) return metis;

  int shift = 0;
  while (total_load(graph).nonzeros >> shift > metis_largest_count() / 2) ++shift;
  const auto scaled = [&](std::uint32_t weight) {
    return std::max(1, static_cast<std::int32_t>(weight >> shift));
  };
  const auto num_ranks = num_rows.size();
  std::vector<std::int64_t> row(num_ranks, 0), end(num_ranks, 0);
  std::exclusive_scan(num_rows.begin(), num_rows.end(), row.begin(), std::int64_t{0});
  std::exclusive_scan(num_ends.begin(), num_ends.end(), end.begin(), std::int64_t{0});
  metis.num_constraints = balance == Balance::both ? 2 : 1;
  metis.begin.reserve(std::size_t{graph.num_nodes} + 1);
  metis.neighbour.reserve(ends.size());
  metis.edge_weight.reserve(ends.size());
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    const std::size_t rank = v % num_ranks;
    const std::uint64_t length = all_lengths[static_cast<std::size_t>(row[rank]++)];
    for (std::uint64_t k = 0; k < length; ++k) {
      const auto e = static_cast<std::size_t>(end[rank]++);
      metis.neighbour.push_back(static_cast<std::int32_t>(ends[e]));
      metis.edge_weight.push_back(scaled(weights[e]));
    }
    metis.begin.push_back(static_cast<std::int32_t>(metis.neighbour.size()));
    metis.node_weight.push_back(scaled(graph.num_nonzeros[v]));
    if (metis.num_constraints == 2) {
      metis.node_weight.push_back(static_cast<std::int32_t>(graph.num_members[v]));
    }
  }
  return metis;
}

// Collective.
Grouping cut_coarsest(Communicator& communicator, const DistributedGraph& graph,
                      const CutOptions& options) {
  Grouping parts;
  if (graph.num_nodes <= static_cast<std::uint32_t>(options.num_parts)) {
    parts.of.resize(graph.num_nodes);
    std::iota(parts.of.begin(), parts.of.end(), 0U);
    return parts;
  }
  const MetisGraph metis = gather_graph(communicator, graph, options.balance);
  communicator.on_root([&] {
    const auto answer = metis_kway(metis, options.num_parts, options.seed, kNumCuts);
    parts.of.assign(answer.begin(), answer.end());
  });
  communicator.broadcast(parts.of);
  return parts;
}

}  // namespace

Owners cut_by_clusters(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                       const CutOptions& options) {
  Levels levels(communicator, read_distributed_graph(communicator, dataset, part));
  levels.coarsen(options);
  Grouping parts = cut_coarsest(communicator, levels.coarsest(), options);

  const Load total = total_load(levels.finest());
  Load limit = share(total, options.num_parts, kNonzeroTolerance, kNodeTolerance);
  if (options.balance == Balance::edges) limit.members = total.members;
  while (true) {
    parts.sum_loads(levels.coarsest(), static_cast<std::uint32_t>(options.num_parts));
    refine(communicator, levels.coarsest(), parts, limit, options.seed);
    if (levels.is_finest()) break;
    levels.project(parts);
  }

  std::vector<std::int32_t> owner(parts.of.begin(), parts.of.end());
  const DistributedGraph& graph = levels.finest();
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    if (graph.num_members[v] == 0) owner[v] = -1;
  }
  complete_parts(owner, graph.num_nonzeros, options.num_parts);
  Owners owners;
  owners.num_parts = options.num_parts;
  owners.user.assign(owner.begin(), owner.begin() + graph.num_first_side);
  owners.item.assign(owner.begin() + graph.num_first_side, owner.end());
  return owners;
}

}  // namespace halorec
