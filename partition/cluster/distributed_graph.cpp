#include "partition/cluster/distributed_graph.hpp"

#include <algorithm>
#include <numeric>
#include <span>

#include "partition/cluster/label_sums.hpp"
#include "partition/home_edges.hpp"

namespace halorec {
namespace {

// Rows of a coarse graph pass between ranks in pieces of about this many edges a rank.
constexpr std::uint64_t kPieceEdges = std::uint64_t{1} << 24;

// An edge of a coarse graph on its way: (row << 32 | neighbour) and its weight.
struct CoarseEdges {
  std::vector<std::uint64_t> ends;
  std::vector<std::uint32_t> weight;
};

// Sends every edge to the rank of its row. Collective.
CoarseEdges send_to_rows(Communicator& communicator, const CoarseEdges& edges) {
  const auto num_ranks = static_cast<std::uint64_t>(communicator.size());
  std::vector<std::int64_t> counts(num_ranks, 0);
  for (const std::uint64_t ends : edges.ends) ++counts[(ends >> 32) % num_ranks];
  std::vector<std::int64_t> next(num_ranks, 0);
  std::exclusive_scan(counts.begin(), counts.end(), next.begin(), std::int64_t{0});
  CoarseEdges sorted{std::vector<std::uint64_t>(edges.ends.size()),
                     std::vector<std::uint32_t>(edges.ends.size())};
  for (std::size_t e = 0; e < edges.ends.size(); ++e) {
    const auto slot = static_cast<std::size_t>(next[(edges.ends[e] >> 32) % num_ranks]++);
    sorted.ends[slot] = edges.ends[e];
    sorted.weight[slot] = edges.weight[e];
  }
  CoarseEdges received;
  received.ends = communicator.all_to_all<std::uint64_t>(sorted.ends, counts);
  received.weight = communicator.all_to_all<std::uint32_t>(sorted.weight, counts);
  return received;
}

// Bounds of pieces of coarse nodes with about the same number of nonzeros each, the same on every
// rank.
std::vector<std::uint32_t> cut_into_pieces(const DistributedGraph& coarse, std::uint64_t pieces) {
  const auto total =
      std::accumulate(coarse.num_nonzeros.begin(), coarse.num_nonzeros.end(), std::uint64_t{0});
  std::vector<std::uint32_t> bounds{0};
  std::uint64_t before = 0;
  for (std::uint32_t c = 0; c < coarse.num_nodes; ++c) {
    before += coarse.num_nonzeros[c];
    if (before >= total * bounds.size() / pieces && bounds.size() < pieces) bounds.push_back(c + 1);
  }
  while (bounds.size() <= pieces) bounds.push_back(coarse.num_nodes);
  return bounds;
}

// Appends the rows of nodes [first, last) that stand on this rank: what all ranks know of them,
// summed, neighbours ascending.
void append_rows(DistributedGraph& coarse, const CoarseEdges& edges, std::uint32_t first,
                 std::uint32_t last, std::uint32_t rank, std::uint32_t num_ranks) {
  const std::uint32_t first_row = coarse.num_rows();
  const std::uint32_t num_rows = (last + num_ranks - 1 - rank) / num_ranks - first_row;
  HALOREC_ASSERT_LIGHT(first_row == (first + num_ranks - 1 - rank) / num_ranks);
  const auto row_of = [&](std::uint64_t ends) {
    return static_cast<std::uint32_t>(ends >> 32) / num_ranks - first_row;
  };
  std::vector<std::uint64_t> begin(std::size_t{num_rows} + 1, 0);
  for (const std::uint64_t ends : edges.ends) ++begin[row_of(ends) + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<LabelSums::Entry> grouped(edges.ends.size());
  std::vector<std::uint64_t> next(begin.begin(), begin.end() - 1);
  for (std::size_t e = 0; e < edges.ends.size(); ++e) {
    grouped[next[row_of(edges.ends[e])]++] = {static_cast<std::uint32_t>(edges.ends[e]),
                                              edges.weight[e]};
  }
  for (std::uint32_t r = 0; r < num_rows; ++r) {
    const auto row = std::span(grouped).subspan(begin[r], begin[r + 1] - begin[r]);
    std::sort(row.begin(), row.end(), [](auto a, auto b) { return a.label < b.label; });
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (k > 0 && row[k].label == row[k - 1].label) {
        coarse.weight.back() += row[k].sum;
      } else {
        coarse.neighbour.push_back(row[k].label);
        coarse.weight.push_back(row[k].sum);
      }
    }
    coarse.begin.push_back(coarse.neighbour.size());
  }
}

}  // namespace

DistributedGraph read_distributed_graph(Communicator& communicator, const DatasetFile& dataset,
                                        TrainingPart part) {
  if (dataset.num_users() + dataset.num_items() > UINT32_MAX) {
    throw Error(
        "the cluster method numbers nodes with 32 bits and there are more; use --method hash",
        kExitFailure, true);
  }
  const auto num_users = static_cast<std::uint32_t>(dataset.num_users());
  const auto num_ranks = static_cast<std::uint32_t>(communicator.size());
  const auto rank = static_cast<std::uint32_t>(communicator.rank());
  DistributedGraph graph;
  graph.num_nodes = num_users + static_cast<std::uint32_t>(dataset.num_items());
  graph.num_first_side = num_users;
  const std::uint32_t num_rows = (graph.num_nodes + num_ranks - 1 - rank) / num_ranks;

  // Every pair twice: as (row, neighbour) of the user and of the item.
  std::vector<Pair> pairs;
  read_slices(communicator, dataset, part, [&](const Interactions& chunk) {
    const auto of_users = send_home(communicator, chunk,
                                    [&](std::uint32_t u, std::uint32_t) { return u % num_ranks; });
    for (const Pair& p : of_users) pairs.push_back({p.user / num_ranks, num_users + p.item});
    const auto of_items = send_home(communicator, chunk, [&](std::uint32_t, std::uint32_t i) {
      return (num_users + i) % num_ranks;
    });
    for (const Pair& p : of_items) pairs.push_back({(num_users + p.item) / num_ranks, p.user});
  });
  Lists rows = group(
      pairs, num_rows, [](const Pair& p) { return p.user; }, [](const Pair& p) { return p.item; });
  graph.begin.assign(rows.begin.begin(), rows.begin.end());
  graph.neighbour = std::move(rows.values);

  graph.num_nonzeros.assign(graph.num_nodes, 0);
  for (std::uint32_t r = 0; r < num_rows; ++r) {
    graph.num_nonzeros[r * num_ranks + rank] =
        static_cast<std::uint32_t>(graph.begin[r + 1] - graph.begin[r]);
  }
  communicator.sum(std::span<std::uint32_t>(graph.num_nonzeros));
  graph.num_members.resize(graph.num_nodes);
  std::transform(graph.num_nonzeros.begin(), graph.num_nonzeros.end(), graph.num_members.begin(),
                 [](std::uint32_t degree) { return degree > 0 ? 1 : 0; });
  return graph;
}

DistributedGraph contract(Communicator& communicator, const DistributedGraph& graph,
                          std::span<const std::uint32_t> coarse_of, std::uint32_t num_coarse) {
  const auto num_ranks = static_cast<std::uint32_t>(communicator.size());
  const auto rank = static_cast<std::uint32_t>(communicator.rank());
  DistributedGraph coarse;
  coarse.num_nodes = num_coarse;
  coarse.num_nonzeros.assign(num_coarse, 0);
  coarse.num_members.assign(num_coarse, 0);
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    if (graph.num_members[v] == 0) continue;
    coarse.num_nonzeros[coarse_of[v]] += graph.num_nonzeros[v];
    coarse.num_members[coarse_of[v]] += graph.num_members[v];
  }

  // Own rows by cluster.
  std::vector<std::uint32_t> row_begin(std::size_t{num_coarse} + 1, 0), rows(graph.num_rows());
  const auto cluster_of_row = [&](std::uint32_t r) { return coarse_of[r * num_ranks + rank]; };
  const auto has_edges = [&](std::uint32_t r) { return graph.begin[r + 1] > graph.begin[r]; };
  for (std::uint32_t r = 0; r < graph.num_rows(); ++r) {
    if (has_edges(r)) ++row_begin[cluster_of_row(r) + 1];
  }
  std::partial_sum(row_begin.begin(), row_begin.end(), row_begin.begin());
  std::vector<std::uint32_t> next(row_begin.begin(), row_begin.end() - 1);
  for (std::uint32_t r = 0; r < graph.num_rows(); ++r) {
    if (has_edges(r)) rows[next[cluster_of_row(r)]++] = r;
  }

  const std::uint64_t largest = communicator.max(std::uint64_t{graph.neighbour.size()});
  const auto bounds = cut_into_pieces(coarse, 1 + largest / kPieceEdges);
  LabelSums sums;
  for (std::size_t piece = 0; piece + 1 < bounds.size(); ++piece) {
    // What this rank's rows know of the piece's clusters.
    CoarseEdges edges;
    for (std::uint32_t c = bounds[piece]; c < bounds[piece + 1]; ++c) {
      std::uint64_t num_edges = 0;
      for (std::uint32_t k = row_begin[c]; k < row_begin[c + 1]; ++k) {
        num_edges += graph.begin[rows[k] + 1] - graph.begin[rows[k]];
      }
      sums.start(std::min<std::uint64_t>(num_edges, num_coarse));
      for (std::uint32_t k = row_begin[c]; k < row_begin[c + 1]; ++k) {
        for (std::uint64_t e = graph.begin[rows[k]]; e < graph.begin[rows[k] + 1]; ++e) {
          const std::uint32_t end = coarse_of[graph.neighbour[e]];
          if (end != c) sums.add(end, graph.weight_of(e));
        }
      }
      sums.for_each([&](std::uint32_t end, std::uint32_t weight) {
        edges.ends.push_back(static_cast<std::uint64_t>(c) << 32 | end);
        edges.weight.push_back(weight);
      });
    }
    append_rows(coarse, send_to_rows(communicator, edges), bounds[piece], bounds[piece + 1], rank,
                num_ranks);
  }
  return coarse;
}

}  // namespace halorec
