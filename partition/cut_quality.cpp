#include "partition/cut_quality.hpp"

#include <algorithm>
#include <numeric>
#include <span>

#include "partition/home_edges.hpp"
#include "partition/parallel.hpp"
#include "partition/vertex_cover.hpp"

namespace halorec {
namespace {

// Numbers that simply add up over pairs of parts. The vectors behind are indexed by part.
struct Counts {
  std::uint64_t edges = 0, cut = 0, ghosts = 0, covered = 0;
  std::vector<std::uint64_t> nonzeros, interactions;

  explicit Counts(int num_parts)
      : nonzeros(static_cast<std::size_t>(num_parts), 0), interactions(nonzeros) {}
};

// An edge and the parts of its ends, the smaller one first.
struct PartEdge {
  std::int32_t low, high;
  std::uint32_t user, item;
  // NOLINTNEXTLINE(modernize-use-nullptr): takes the zero inside <=> for a pointer
  friend auto operator<=>(const PartEdge&, const PartEdge&) = default;
};

struct Crossing {
  std::uint64_t ghosts = 0;   // in both directions
  std::uint64_t covered = 0;  // in one: the sources of one are the destinations of the other
};

// Of the cross edges between two parts, sorted by user. An edge's user is a ghost at the part of
// its item, and its item at the part of its user.
Crossing count_crossing(std::span<const PartEdge> edges) {
  std::vector<std::uint32_t> items;
  for (const PartEdge& edge : edges) items.push_back(edge.item);
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  std::vector<std::int64_t> begin{0};
  std::vector<std::int32_t> right;
  for (std::size_t e = 0; e < edges.size(); ++e) {
    right.push_back(static_cast<std::int32_t>(
        std::lower_bound(items.begin(), items.end(), edges[e].item) - items.begin()));
    if (e + 1 == edges.size() || edges[e + 1].user != edges[e].user) {
      begin.push_back(std::ssize(right));
    }
  }
  const auto num_users = static_cast<std::int32_t>(begin.size()) - 1;
  const auto num_items = static_cast<std::int32_t>(items.size());
  const VertexCover cover = minimum_vertex_cover(num_users, num_items, begin, right);
  return {begin.size() - 1 + items.size(), static_cast<std::uint64_t>(cover.size())};
}

// Sorted by pair of parts, then by user and item; each edge once.
std::vector<PartEdge> distinct_edges(std::vector<Pair> pairs, const Owners& owners) {
  std::vector<PartEdge> edges(pairs.size());
  std::transform(pairs.begin(), pairs.end(), edges.begin(), [&](const Pair& pair) {
    const std::int32_t a = owners.user[pair.user], b = owners.item[pair.item];
    return PartEdge{std::min(a, b), std::max(a, b), pair.user, pair.item};
  });
  pairs = {};
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

// The cross edges of each pair of parts that has any.
std::vector<std::span<const PartEdge>> crossings_of(std::span<const PartEdge> edges) {
  std::vector<std::span<const PartEdge>> crossings;
  for (std::size_t first = 0; first < edges.size();) {
    std::size_t last = first;
    while (last < edges.size() && edges[last].low == edges[first].low &&
           edges[last].high == edges[first].high) {
      ++last;
    }
    if (edges[first].low != edges[first].high) {
      crossings.push_back(edges.subspan(first, last - first));
    }
    first = last;
  }
  return crossings;
}

std::vector<Crossing> count_crossings(const std::vector<std::span<const PartEdge>>& crossings) {
  std::vector<Crossing> counted(crossings.size());
  parallel_for(crossings.size(), 1,
               [&](std::uint64_t k) { counted[k] = count_crossing(crossings[k]); });
  return counted;
}

// Counts pairs of parts whose edges are all here, repeats allowed.
Counts count(std::vector<Pair> pairs, const Owners& owners) {
  const std::vector<PartEdge> edges = distinct_edges(std::move(pairs), owners);
  Counts total(owners.num_parts);
  total.edges = edges.size();
  for (const PartEdge& edge : edges) {
    const auto home = static_cast<std::size_t>(owners.user[edge.user]);
    ++total.interactions[home];
    ++total.nonzeros[home];
    ++total.nonzeros[static_cast<std::size_t>(owners.item[edge.item])];
  }
  const auto crossings = crossings_of(edges);
  for (const auto& crossing : crossings) total.cut += crossing.size();
  for (const Crossing& crossing : count_crossings(crossings)) {
    total.ghosts += crossing.ghosts;
    total.covered += 2 * crossing.covered;
  }
  return total;
}

// Sends edges on so that all those between two parts arrive at one rank. Collective.
std::vector<Pair> send_by_parts(Communicator& communicator, const Interactions& edges,
                                const Owners& owners) {
  return send_home(communicator, edges, [&](std::uint32_t user, std::uint32_t item) {
    return (owners.user[user] + owners.item[item]) % communicator.size();
  });
}

double imbalance(const std::vector<std::uint64_t>& loads) {
  const auto total = std::accumulate(loads.begin(), loads.end(), std::uint64_t{0});
  if (total == 0) return 1;
  return static_cast<double>(*std::max_element(loads.begin(), loads.end())) *
         static_cast<double>(loads.size()) / static_cast<double>(total);
}

CutQuality judge(const Counts& counts, const Owners& owners) {
  std::vector<std::uint64_t> nodes(static_cast<std::size_t>(owners.num_parts), 0);
  for (const auto part : owners.user) ++nodes[static_cast<std::size_t>(part)];
  for (const auto part : owners.item) ++nodes[static_cast<std::size_t>(part)];
  const auto ratio = [](std::uint64_t a, std::uint64_t b) {
    return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
  };
  const auto num_nodes = owners.user.size() + owners.item.size();
  CutQuality quality;
  quality.num_edges = counts.edges;
  quality.cut_fraction = ratio(counts.cut, counts.edges);
  quality.halo_vectors_per_node = ratio(counts.ghosts, num_nodes);
  quality.hybrid_vectors_per_node = ratio(counts.covered, num_nodes);
  quality.node_imbalance = imbalance(nodes);
  quality.edge_imbalance = imbalance(counts.nonzeros);
  quality.interaction_imbalance = imbalance(counts.interactions);
  quality.num_empty_parts = static_cast<std::uint64_t>(std::count(nodes.begin(), nodes.end(), 0U));
  return quality;
}

}  // namespace

CutQuality measure_cut(const BipartiteGraph& graph, const Owners& owners) {
  std::vector<Pair> pairs;
  pairs.reserve(graph.num_edges());
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
      pairs.push_back({u, graph.items[e]});
    }
  }
  return judge(count(std::move(pairs), owners), owners);
}

CutQuality measure_cut(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                       const Owners& owners) {
  std::vector<Pair> pairs;
  read_slices(communicator, dataset, part, [&](const Interactions& chunk) {
    const auto arrived = send_by_parts(communicator, chunk, owners);
    pairs.insert(pairs.end(), arrived.begin(), arrived.end());
  });
  Counts counts = count(std::move(pairs), owners);
  for (auto* number : {&counts.edges, &counts.cut, &counts.ghosts, &counts.covered}) {
    *number = communicator.sum(*number);
  }
  communicator.sum(std::span<std::uint64_t>(counts.nonzeros));
  communicator.sum(std::span<std::uint64_t>(counts.interactions));
  return judge(counts, owners);
}

std::vector<PairTraffic> measure_traffic(Communicator& communicator, const DatasetFile& dataset,
                                         TrainingPart part, const Owners& owners) {
  std::vector<Pair> pairs;
  read_slices(communicator, dataset, part, [&](const Interactions& chunk) {
    Interactions cross;
    for (std::size_t e = 0; e < chunk.user.size(); ++e) {
      if (owners.user[chunk.user[e]] == owners.item[chunk.item[e]]) continue;
      cross.user.push_back(chunk.user[e]);
      cross.item.push_back(chunk.item[e]);
    }
    const auto arrived = send_by_parts(communicator, cross, owners);
    pairs.insert(pairs.end(), arrived.begin(), arrived.end());
  });
  const std::vector<PartEdge> edges = distinct_edges(std::move(pairs), owners);
  const auto crossings = crossings_of(edges);
  const std::vector<Crossing> counted = count_crossings(crossings);
  std::vector<std::uint64_t> parts, vectors;  // (low, high) in one word
  for (std::size_t k = 0; k < crossings.size(); ++k) {
    const PartEdge& edge = crossings[k].front();
    parts.push_back(static_cast<std::uint64_t>(edge.low) << 32 |
                    static_cast<std::uint32_t>(edge.high));
    vectors.push_back(2 * counted[k].covered);
  }
  parts = communicator.all_gather(std::span<const std::uint64_t>(parts));
  vectors = communicator.all_gather(std::span<const std::uint64_t>(vectors));
  std::vector<PairTraffic> traffic(parts.size());
  for (std::size_t k = 0; k < traffic.size(); ++k) {
    traffic[k] = {static_cast<std::int32_t>(parts[k] >> 32),
                  static_cast<std::int32_t>(parts[k] & 0xFFFFFFFFU), vectors[k]};
  }
  return traffic;
}

}  // namespace halorec
