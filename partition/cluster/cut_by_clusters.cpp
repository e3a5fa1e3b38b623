#include "partition/cluster/cut_by_clusters.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "partition/cluster/label_propagation.hpp"
#include "partition/complete_parts.hpp"
#include "partition/metis_kway.hpp"

namespace halorec {
namespace {
int env(const char* n, int d) { const char* v = std::getenv(n); return v ? std::atoi(v) : d; }

Load total_load(const DistributedGraph& graph) {
  Load total;
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) total = total + load_of(graph, v);
  return total;
}

std::uint64_t share(std::uint64_t total, double parts) {
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(total) / parts));
}

MetisGraph gather_graph(Communicator& communicator, const DistributedGraph& graph,
                        Balance balance) {
  // All ranks get it: the coarsest graph is small.
  std::vector<std::int64_t> num_rows, num_ends;
  std::vector<std::uint64_t> lengths(graph.num_rows());
  for (std::uint32_t r = 0; r < graph.num_rows(); ++r) lengths[r] = graph.begin[r + 1] - graph.begin[r];
  const auto all_lengths = communicator.all_gather(std::span<const std::uint64_t>(lengths), &num_rows);
  const auto all_ends = communicator.all_gather(std::span<const std::uint32_t>(graph.neighbour), &num_ends);
  const auto all_weights = communicator.all_gather(std::span<const std::uint32_t>(graph.weight));
  const auto num_ranks = static_cast<std::size_t>(communicator.size());
  std::vector<std::size_t> row(num_ranks, 0), end(num_ranks, 0);
  for (std::size_t r = 1; r < num_ranks; ++r) {
    row[r] = row[r - 1] + static_cast<std::size_t>(num_rows[r - 1]);
    end[r] = end[r - 1] + static_cast<std::size_t>(num_ends[r - 1]);
  }
  MetisGraph metis;
  metis.num_constraints = balance == Balance::both ? 2 : 1;
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    const std::size_t rank = v % num_ranks;
    const auto length = all_lengths[row[rank]++];
    for (std::uint64_t k = 0; k < length; ++k, ++end[rank]) {
      metis.neighbour.push_back(static_cast<std::int32_t>(all_ends[end[rank]]));
      metis.edge_weight.push_back(static_cast<std::int32_t>(all_weights[end[rank]]));
    }
    metis.begin.push_back(static_cast<std::int32_t>(metis.neighbour.size()));
    metis.node_weight.push_back(static_cast<std::int32_t>(graph.num_nonzeros[v]));
    if (metis.num_constraints == 2) {
      metis.node_weight.push_back(static_cast<std::int32_t>(graph.num_members[v]));
    }
  }
  return metis;
}

}  // namespace

Owners cut_by_clusters(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                       const CutOptions& options) {
  auto t0 = std::chrono::steady_clock::now();
  auto lap = [&](const char* w) {
    auto t = std::chrono::steady_clock::now();
    if (communicator.is_root()) std::fprintf(stderr, "  %-20s %.2f s\n", w, std::chrono::duration<double>(t - t0).count());
    t0 = t;
  };
  std::vector<DistributedGraph> levels;
  std::vector<Grouping> clusterings;
  levels.push_back(read_distributed_graph(communicator, dataset, part));
  lap("read");
  const Load total = total_load(levels.front());
  const double k = options.num_parts;
  const std::uint32_t target = static_cast<std::uint32_t>(env("TARGET", 64) * k);
  while (levels.back().num_nodes > target && levels.size() < 8) {
    const DistributedGraph& fine = levels.back();
    const double per = k * env("PER", 32);
    const Load limit{share(total.nonzeros, per), share(total.members, per)};
    Grouping clusters = find_clusters(communicator, fine, limit, options.seed + 1000 * levels.size());
    const std::uint32_t n = number_clusters(fine, clusters);
    lap("cluster");
    if (n > 0.95 * fine.num_nodes || n <= static_cast<std::uint32_t>(options.num_parts)) break;
    DistributedGraph coarse = contract(communicator, fine, clusters.of, n);
    lap("contract");
    if (communicator.is_root()) std::fprintf(stderr, "level %zu: %u nodes %zu nonzeros(rank 0)\n", levels.size(), n, coarse.neighbour.size());
    clusterings.push_back(std::move(clusters));
    levels.push_back(std::move(coarse));
  }
  Grouping parts;
  {
    MetisGraph graph = gather_graph(communicator, levels.back(), options.balance);
    communicator.on_root([&] {
      const auto answer = metis_kway(graph, options.num_parts, options.seed, env("NCUTS", 1));
      parts.of.assign(answer.begin(), answer.end());
    });
    communicator.broadcast(parts.of);
  }
  lap("metis");
  Load limit{share(total.nonzeros, k / kNonzeroTolerance), share(total.members, k / kNodeTolerance)};
  if (options.balance == Balance::edges) limit.members = total.members;
  for (std::size_t level = levels.size(); level-- > 0;) {
    if (level + 1 < levels.size()) {
      const Grouping& clusters = clusterings[level];
      std::vector<std::uint32_t> fine(levels[level].num_nodes);
      for (std::uint32_t v = 0; v < levels[level].num_nodes; ++v) fine[v] = parts.of[clusters.of[v]];
      parts.of = std::move(fine);
      levels.pop_back();
    }
    const auto report = [&](const char* what) {
      std::uint64_t cut = 0, all = 0;
      const auto& g = levels[level];
      for (std::uint32_t r = 0; r < g.num_rows(); ++r) for (auto e = g.begin[r]; e < g.begin[r+1]; ++e) {
        all += g.weight_of(e); if (parts.of[r*communicator.size()+communicator.rank()] != parts.of[g.neighbour[e]]) cut += g.weight_of(e); }
      Load m; for (auto l : parts.loads) m = {std::max(m.nonzeros,l.nonzeros), std::max(m.members,l.members)};
      cut = communicator.sum(cut);
      if (communicator.is_root()) std::fprintf(stderr, "%s level %zu cut %.4f imb %.3f %.3f\n", what, level, cut / double(total.nonzeros), m.nonzeros * k / total.nonzeros, m.members * k / total.members);
    };
    parts.sum_loads(levels[level], static_cast<std::uint32_t>(options.num_parts));
    report("before");
    refine(communicator, levels[level], parts, limit, options.seed + 77 * level);
    report("after");
    lap("refine");
  }
  std::vector<std::int32_t> owner(parts.of.begin(), parts.of.end());
  const DistributedGraph& graph = levels.front();
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) if (graph.num_members[v] == 0) owner[v] = -1;
  complete_parts(owner, graph.num_nonzeros, options.num_parts);
  Owners owners;
  owners.num_parts = options.num_parts;
  owners.user.assign(owner.begin(), owner.begin() + graph.num_first_side);
  owners.item.assign(owner.begin() + graph.num_first_side, owner.end());
  return owners;
}

}  // namespace halorec
