// The part of the graph that a sampled training step works on (Hamilton et al., Inductive
// representation learning on large graphs, NeurIPS 2017, algorithm 2): each node that layer k
// computes hears only some of its neighbours, drawn without replacement, and the layer below
// computes what these nodes need. With F_L the rows that the loss reads,
//   F_(k-1) = F_k and the neighbours drawn for its nodes, down to F_0, the embeddings that are
//   read.
// The neighbours of i that layer k hears are those with the smallest hash of (seed, step, k, i, j):
// any rank could draw them, so the rank count changes nothing. What an edge weighs moves no draw;
// it goes with the edge, for sums (ops/sampled_sum.hpp). A frontier's nodes belong to their owners:
// ranks tell each other, layer by layer, which of their rows are needed.
//
// A layer's block is small: it is numbered by itself, and its rows travel by a halo plan of its
// own.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "engine/neighbourhood.hpp"
#include "partition/shard.hpp"

namespace halorec {

// What layer k reads and computes on this rank.
class SampledBlock {
 public:
  struct Parts {
    std::vector<std::int32_t> rows;     // F_(k-1): owned rows of the shard, ascending
    std::vector<std::int32_t> targets;  // places of F_k among them, ascending
    std::vector<std::int32_t> degree;   // [rows]: of each in the whole graph
    // [rows]: the sum of the values of all its edges; none where edges are equal.
    std::vector<double> weighted_degree;
    // [rows]: those drawn, for targets alone, by ascending global id; columns are places among
    // rows, then ghosts; values as in the whole graph.
    Csr edges;
    std::vector<GlobalId> ids;  // of rows, then ghosts
  };
  // plan: its owned rows are places among `rows`.
  SampledBlock(HaloPlan plan, Parts parts) : plan_(std::move(plan)), parts_(std::move(parts)) {}

  std::span<const std::int32_t> rows() const { return parts_.rows; }
  std::span<const std::int32_t> targets() const { return parts_.targets; }
  std::span<const std::int32_t> degree() const { return parts_.degree; }
  // What the edges of a row weigh together in the whole graph: where they are equal, its degree.
  double weighted_degree(std::int64_t row) const {
    const auto r = static_cast<std::size_t>(row);
    return parts_.weighted_degree.empty() ? parts_.degree[r] : parts_.weighted_degree[r];
  }
  const HaloPlan& plan() const { return plan_; }
  // The neighbours drawn, as operators read them, without values where a node is its own neighbour;
  // the rows demanded are the targets. Made when first asked for, for the block's whole life. Not
  // collective.
  const Neighbourhood& neighbourhood(bool with_self);

 private:
  Csr edges_with_self() const;

  HaloPlan plan_;
  Parts parts_;
  std::optional<Neighbourhood> neighbourhoods_[2];
};

class NeighbourSampler {
 public:
  // Of the shard's interactions, or of `edges` between its nodes. fanout: neighbours drawn for a
  // node, of the last layer first (as the frontier grows); as many as there are layers. Shard and
  // edges outlive this. Collective.
  NeighbourSampler(const Shard& shard, std::span<const std::int64_t> fanout, std::uint64_t seed)
      : NeighbourSampler(shard, shard.interactions(), fanout, seed) {}
  NeighbourSampler(const Shard& shard, const Adjacency& edges, std::span<const std::int64_t> fanout,
                   std::uint64_t seed);

  // Draws the blocks of a step whose loss reads these owned rows (ascending, distinct; the list
  // outlives the step); other ranks name theirs. Those of the step before are forgotten.
  // Collective.
  void sample(std::uint64_t step, std::span<const std::int32_t> rows);

  std::int64_t num_layers() const { return std::ssize(fanout_); }
  SampledBlock& block(std::int64_t layer) { return blocks_[static_cast<std::size_t>(layer - 1)]; }
  // F_0.
  std::span<const std::int32_t> first_rows() const { return blocks_.front().rows(); }
  // Where the step's rows stand in F_k, k < num_layers().
  std::span<const std::int32_t> places(std::int64_t layer) const {
    return places_[static_cast<std::size_t>(layer)];
  }

 private:
  // A neighbour as it is drawn: an owned row, or num_owned + ghost.
  using Draw = std::int32_t;
  struct Draws {
    std::vector<std::int64_t> begin;  // [targets + 1]
    std::vector<Draw> drawn;
    std::vector<float> value;  // beside drawn; none where edges are equal
  };
  Draws draw(std::uint64_t step, std::int64_t layer, std::span<const std::int32_t> targets) const;
  std::int64_t degree(std::int64_t row) const;
  bool edges_weigh() const { return edges_->local.has_values() || edges_->cross.has_values(); }
  SampledBlock make_block(std::span<const std::int32_t> targets, Draws draws);

  const Adjacency* edges_;
  std::vector<std::int64_t> fanout_;
  std::uint64_t seed_;
  std::vector<GlobalId> owned_ids_, ghost_ids_;
  std::deque<SampledBlock> blocks_;                // of layers 1, 2 ...
  std::vector<std::vector<std::int32_t>> places_;  // of layers 0, 1 ...
  // [owned], [ghosts]: places in the block that is being made; -1 between blocks.
  std::vector<std::int32_t> row_place_, ghost_place_;
};

}  // namespace halorec
