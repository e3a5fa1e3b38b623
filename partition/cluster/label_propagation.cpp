#include "partition/cluster/label_propagation.hpp"

#include <algorithm>
#include <limits>

#include "partition/cluster/label_sums.hpp"
#include "partition/parallel.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr int kClusterRounds = 4;
constexpr int kRefineRounds = 12;
constexpr int kBalanceRounds = 8;
constexpr std::uint64_t kChunkRows = 256;
constexpr std::uint32_t kTurns = 4;

// Who looks in a turn of a round.
class Turn {
 public:
  Turn(const DistributedGraph& graph, std::uint32_t turn, std::uint64_t round_seed)
      : num_first_side_(graph.num_first_side), turn_(turn), seed_(round_seed) {}
  bool includes(std::uint32_t v) const {
    if (num_first_side_ == 0) return round_hash(v, seed_) % kTurns == turn_;
    return (v >= num_first_side_) == (turn_ >= kTurns / 2) &&
           round_hash(v, seed_) % (kTurns / 2) == turn_ % (kTurns / 2);
  }

 private:
  std::uint32_t num_first_side_;
  std::uint32_t turn_;
  std::uint64_t seed_;
};

// Calls propose(v, sums) for this rank's nodes with edges that `includes` names; sums holds the
// weights to the labels around v. What it returns with a group other than kNone is proposed.
template <typename Includes, typename Propose>
std::vector<Proposal> propose_all(const Communicator& communicator, const DistributedGraph& graph,
                                  const Grouping& grouping, const Includes& includes,
                                  const Propose& propose) {
  const auto num_ranks = static_cast<std::uint32_t>(communicator.size());
  const auto rank = static_cast<std::uint32_t>(communicator.rank());
  const std::uint64_t num_chunks = (graph.num_rows() + kChunkRows - 1) / kChunkRows;
  std::vector<std::vector<Proposal>> of_chunk(num_chunks);
  parallel_for(num_chunks, 1, [&](std::uint64_t chunk) {
    thread_local LabelSums sums;
    const std::uint64_t last = std::min<std::uint64_t>(graph.num_rows(), (chunk + 1) * kChunkRows);
    for (std::uint64_t r = chunk * kChunkRows; r < last; ++r) {
      const auto v = static_cast<std::uint32_t>(r * num_ranks + rank);
      if (graph.num_members[v] == 0 || !includes(v)) continue;
      sums.start(
          std::min<std::uint64_t>(graph.begin[r + 1] - graph.begin[r], grouping.loads.size()));
      for (std::uint64_t e = graph.begin[r]; e < graph.begin[r + 1]; ++e) {
        sums.add(grouping.of[graph.neighbour[e]], graph.weight_of(e));
      }
      const Proposal proposal = propose(v, sums);
      if (proposal.group != kNone) of_chunk[chunk].push_back(proposal);
    }
  });
  std::vector<Proposal> all;
  for (const auto& some : of_chunk) all.insert(all.end(), some.begin(), some.end());
  return all;
}

// What a move gains for what it takes of the new group's room.
float gain_for_load(std::uint32_t new_sum, std::uint32_t old_sum, Load own) {
  return static_cast<float>(new_sum - old_sum) / static_cast<float>(own.nonzeros);
}

// One round: proposals that fit, turn after turn. Returns how many nodes moved.
template <typename Propose>
std::uint64_t move_in_turns(Communicator& communicator, const DistributedGraph& graph,
                            Grouping& grouping, Load limit, std::uint64_t round_seed,
                            const Propose& propose) {
  std::uint64_t moved = 0;
  for (std::uint32_t t = 0; t < kTurns; ++t) {
    const Turn turn(graph, t, round_seed);
    const auto includes = [&](std::uint32_t v) { return turn.includes(v); };
    const auto proposals = propose_all(communicator, graph, grouping, includes, propose);
    moved += carry_out(communicator, graph, grouping,
                       admit(communicator, graph, grouping, limit, proposals));
  }
  return moved;
}

bool is_above(const Grouping& parts, Load limit) {
  return std::any_of(parts.loads.begin(), parts.loads.end(),
                     [&](Load load) { return !load.fits(limit); });
}

// One turn in which parts above the limit give away nodes, those first that cost least for what
// they relieve.
void relieve(Communicator& communicator, const DistributedGraph& graph, Grouping& parts, Load limit,
             const Turn& turn) {
  // Where a node goes that has no neighbour elsewhere.
  const auto emptiest = static_cast<std::uint32_t>(
      std::min_element(parts.loads.begin(), parts.loads.end(),
                       [](Load a, Load b) { return a.nonzeros < b.nonzeros; }) -
      parts.loads.begin());
  const auto includes = [&](std::uint32_t v) {
    return turn.includes(v) && !parts.loads[parts.of[v]].fits(limit);
  };
  const auto propose = [&](std::uint32_t v, const LabelSums& sums) -> Proposal {
    const std::uint32_t home = parts.of[v];
    const Load own = load_of(graph, v);
    std::uint32_t best = kNone;
    std::int64_t best_sum = -1;
    const auto consider = [&](std::uint32_t part, std::uint32_t sum) {
      if (part == home || !(parts.loads[part] + own).fits(limit)) return;
      if (sum > best_sum || (sum == best_sum && part < best)) {
        best = part;
        best_sum = sum;
      }
    };
    sums.for_each(consider);
    if (best == kNone) consider(emptiest, 0);
    const double relief = parts.loads[home].nonzeros > limit.nonzeros
                              ? static_cast<double>(own.nonzeros)
                              : static_cast<double>(own.members);
    const double gain = static_cast<double>(best_sum) - sums.of(home);
    return {v, best, static_cast<float>(gain < 0 ? gain / relief : gain)};
  };
  auto proposals = propose_all(communicator, graph, parts, includes, propose);
  proposals = only_the_excess(communicator, graph, parts, limit, proposals);
  proposals = admit(communicator, graph, parts, limit, proposals);
  carry_out(communicator, graph, parts, proposals);
}

}  // namespace

Grouping find_clusters(Communicator& communicator, const DistributedGraph& graph, Load limit,
                       std::uint64_t seed) {
  Grouping clusters;
  clusters.of.resize(graph.num_nodes);
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) clusters.of[v] = v;
  clusters.sum_loads(graph, graph.num_nodes);
  const auto propose = [&](std::uint32_t v, const LabelSums& sums) -> Proposal {
    const std::uint32_t home = clusters.of[v];
    const Load own = load_of(graph, v);
    std::uint32_t best = kNone;
    std::uint32_t best_sum = sums.of(home);
    sums.for_each([&](std::uint32_t label, std::uint32_t sum) {
      if (label == home || sum < best_sum) return;
      if (sum == best_sum) {
        // Home goes first; then the larger cluster, so that the first rounds gather around hubs.
        if (best == kNone) return;
        const auto size = clusters.loads[label].nonzeros, known = clusters.loads[best].nonzeros;
        if (size < known || (size == known && label > best)) return;
      }
      if (!(clusters.loads[label] + own).fits(limit)) return;
      best = label;
      best_sum = sum;
    });
    return {v, best, gain_for_load(best_sum, sums.of(home), own)};
  };
  for (int round = 0; round < kClusterRounds; ++round) {
    const auto moved = move_in_turns(communicator, graph, clusters, limit,
                                     seed + static_cast<std::uint64_t>(round), propose);
    if (moved < graph.num_nodes / 100) break;
  }
  return clusters;
}

std::uint32_t number_clusters(const DistributedGraph& graph, Grouping& grouping) {
  std::vector<std::uint32_t> number(graph.num_nodes, 0);
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    if (graph.num_members[v] > 0) number[grouping.of[v]] = 1;
  }
  std::uint32_t count = 0;
  for (std::uint32_t& n : number) {
    if (n == 1) n = count++;
  }
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    grouping.of[v] = graph.num_members[v] > 0 ? number[grouping.of[v]] : 0;
  }
  grouping.loads.clear();
  return count;
}

void refine(Communicator& communicator, const DistributedGraph& graph, Grouping& parts, Load limit,
            std::uint64_t seed) {
  for (int round = 0; round < kBalanceRounds && is_above(parts, limit); ++round) {
    for (std::uint32_t t = 0; t < kTurns; ++t) {
      relieve(communicator, graph, parts, limit,
              Turn(graph, t, seed + 100 + static_cast<std::uint64_t>(round)));
    }
  }
  const auto propose = [&](std::uint32_t v, const LabelSums& sums) -> Proposal {
    const std::uint32_t home = parts.of[v];
    const Load own = load_of(graph, v);
    std::uint32_t best = kNone;
    std::uint32_t best_sum = sums.of(home);
    sums.for_each([&](std::uint32_t part, std::uint32_t sum) {
      if (part == home || sum < best_sum || (sum == best_sum && (best == kNone || part > best))) {
        return;
      }
      if (!(parts.loads[part] + own).fits(limit)) return;
      best = part;
      best_sum = sum;
    });
    return {v, best, gain_for_load(best_sum, sums.of(home), own)};
  };
  for (int round = 0; round < kRefineRounds; ++round) {
    const auto moved = move_in_turns(communicator, graph, parts, limit,
                                     seed + static_cast<std::uint64_t>(round), propose);
    if (moved < graph.num_nodes / 1000) break;
  }
}

}  // namespace halorec
