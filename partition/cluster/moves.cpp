#include "partition/cluster/moves.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace halorec {
namespace {

// Brings all proposals with the same key (below 2^32) to one rank, sorted by (key, best first).
// Collective.
template <typename KeyOf>
std::vector<Proposal> meet(Communicator& communicator, std::span<const Proposal> proposals,
                           const KeyOf& key_of) {
  const auto num_ranks = static_cast<std::uint32_t>(communicator.size());
  std::vector<std::int64_t> counts(num_ranks, 0);
  for (const Proposal& p : proposals) counts[key_of(p) % num_ranks] += 2;
  std::vector<std::int64_t> next(num_ranks, 0);
  std::exclusive_scan(counts.begin(), counts.end(), next.begin(), std::int64_t{0});
  std::vector<std::uint64_t> packed(2 * proposals.size());
  for (const Proposal& p : proposals) {
    auto& slot = next[key_of(p) % num_ranks];
    packed[static_cast<std::size_t>(slot++)] = static_cast<std::uint64_t>(p.group) << 32 | p.node;
    packed[static_cast<std::size_t>(slot++)] = std::bit_cast<std::uint32_t>(p.score);
  }
  const auto received = communicator.all_to_all<std::uint64_t>(packed, counts);
  std::vector<Proposal> met(received.size() / 2);
  for (std::size_t k = 0; k < met.size(); ++k) {
    met[k] = {static_cast<std::uint32_t>(received[2 * k]),
              static_cast<std::uint32_t>(received[2 * k] >> 32),
              std::bit_cast<float>(static_cast<std::uint32_t>(received[2 * k + 1]))};
  }
  std::sort(met.begin(), met.end(), [&](const Proposal& a, const Proposal& b) {
    if (key_of(a) != key_of(b)) return key_of(a) < key_of(b);
    if (a.score != b.score) return a.score > b.score;
    const std::uint32_t hash_a = round_hash(a.node, 0), hash_b = round_hash(b.node, 0);
    return hash_a != hash_b ? hash_a < hash_b : a.node < b.node;
  });
  return met;
}

}  // namespace

std::uint32_t round_hash(std::uint32_t node, std::uint64_t seed) {
  // The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
  std::uint64_t x = node + (seed + 1) * 0x9E3779B97F4A7C15ULL;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
  return static_cast<std::uint32_t>((x ^ x >> 31) >> 32);
}

void Grouping::sum_loads(const DistributedGraph& graph, std::uint32_t num_groups) {
  loads.assign(num_groups, Load{});
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    if (graph.num_members[v] > 0) loads[of[v]] = loads[of[v]] + load_of(graph, v);
  }
}

std::vector<Proposal> admit(Communicator& communicator, const DistributedGraph& graph,
                            const Grouping& grouping, Load limit,
                            std::span<const Proposal> proposals) {
  auto met = meet(communicator, proposals, [](const Proposal& p) { return p.group; });
  std::size_t kept = 0;
  Load load;
  for (std::size_t k = 0; k < met.size(); ++k) {
    if (k == 0 || met[k].group != met[k - 1].group) load = grouping.loads[met[k].group];
    const Load after = load + load_of(graph, met[k].node);
    if (!after.fits(limit)) continue;
    load = after;
    met[kept++] = met[k];
  }
  met.resize(kept);
  return met;
}

std::vector<Proposal> only_the_excess(Communicator& communicator, const DistributedGraph& graph,
                                      const Grouping& grouping, Load limit,
                                      std::span<const Proposal> proposals) {
  const auto left = [&](const Proposal& p) { return grouping.of[p.node]; };
  auto met = meet(communicator, proposals, left);
  std::size_t kept = 0;
  Load load;
  std::uint32_t group = UINT32_MAX;
  for (const Proposal p : met) {
    if (left(p) != group) {
      group = left(p);
      load = grouping.loads[group];
    }
    if (load.fits(limit)) continue;
    load.nonzeros -= graph.num_nonzeros[p.node];
    load.members -= graph.num_members[p.node];
    met[kept++] = p;
  }
  met.resize(kept);
  return met;
}

std::uint64_t carry_out(Communicator& communicator, const DistributedGraph& graph,
                        Grouping& grouping, std::span<const Proposal> proposals) {
  std::vector<std::uint64_t> packed(proposals.size());
  std::transform(proposals.begin(), proposals.end(), packed.begin(), [](const Proposal& p) {
    return static_cast<std::uint64_t>(p.group) << 32 | p.node;
  });
  const auto all = communicator.all_gather(std::span<const std::uint64_t>(packed));
  for (const std::uint64_t both : all) {
    const auto node = static_cast<std::uint32_t>(both);
    const auto group = static_cast<std::uint32_t>(both >> 32);
    Load& old = grouping.loads[grouping.of[node]];
    old.nonzeros -= graph.num_nonzeros[node];
    old.members -= graph.num_members[node];
    grouping.loads[group] = grouping.loads[group] + load_of(graph, node);
    grouping.of[node] = group;
  }
  return all.size();
}

}  // namespace halorec
