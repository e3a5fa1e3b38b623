// Which edges of the graph a pass does without: a function of (seed, purpose, step, both ends), so
// both ends' owners agree without a word, and forward and backward meet the same graph.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/halo.hpp"
#include "comm/random.hpp"
#include "engine/id_dropout.hpp"
#include "partition/shard.hpp"

namespace halorec {

class EdgeDropout {
 public:
  // `share` of the edges are dropped, each by itself; in [0, 1). view: tells masks of one step
  // apart.
  EdgeDropout(double share, std::uint64_t seed, Purpose purpose, std::uint64_t step,
              std::uint32_t view = 0)
      : share_(share), start_(Random(seed, purpose, step).bits(view)) {}
  // Also all edges of the nodes that this drops.
  void drop_edges_of(const IdDropout& nodes) { nodes_ = nodes; }

  double share() const { return share_; }
  // The same for (a, b) and (b, a).
  bool keeps(GlobalId a, GlobalId b) const {
    if (nodes_ && (nodes_->drops(a) || nodes_->drops(b))) return false;
    if (share_ == 0) return true;
    if (b < a) std::swap(a, b);
    const auto kinds =
        static_cast<std::uint64_t>(a.kind()) << 8 | static_cast<std::uint64_t>(b.kind());
    const std::uint64_t ends = static_cast<std::uint64_t>(a.index()) << 32 | b.index();
    return uniform_of(sequence_bits(start_ ^ kinds, ends)) >= share_;
  }

 private:
  double share_;
  std::uint64_t start_;
  std::optional<IdDropout> nodes_;
};

// kept = the edges of `matrix` that the dropout keeps, rows, columns and values as they were. Ids:
// of the matrix's rows and of its columns. Memory of `kept` is used again.
void keep_edges(const EdgeDropout& dropout, const Csr& matrix, std::span<const GlobalId> row_ids,
                std::span<const GlobalId> column_ids, Csr& kept);

// The global ids of a plan's ghosts; owned_ids: of its owned rows. Collective.
std::vector<GlobalId> ids_of_ghosts(const HaloPlan& plan, std::span<const GlobalId> owned_ids);

// 1 / sqrt(degree), zero without edges.
double normalising_scale(double degree);

}  // namespace halorec
