// What a model passes messages over. It hides how: weighted sums run over the shard's local and
// cross edges with whatever exchange was chosen (engine/propagation.hpp), operators that look at
// each edge over lists of neighbours (engine/neighbourhood.hpp) and whole ghost rows. In a sampled
// step it stands for one layer's block of the graph (engine/neighbour_sampler.hpp): owned rows are
// then the block's, and the demanded ones its targets.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "comm/halo.hpp"
#include "engine/neighbour_sampler.hpp"
#include "engine/neighbourhood.hpp"
#include "engine/propagation.hpp"

namespace halorec {

// A number of each owned row, and below those the ghosts', whatever format rows travel in.
// Collective.
template <typename T>
Matrix<T> with_ghosts(const HaloPlan& plan, std::span<const T> owned) {
  Matrix<T> all(plan.num_owned() + plan.num_ghosts(), 1);
  std::copy(owned.begin(), owned.end(), all.data());
  HaloExchange<T> exchange(plan);
  exchange.start_gather(all.data(), 1, 1);
  std::copy_n(exchange.finish_gather(), plan.num_ghosts(), all.data() + plan.num_owned());
  return all;
}

template <typename T>
class MessageGraph {
 public:
  // Over the shard's interactions, or over `edges` between its nodes. All, and the timers of
  // `options`, outlive the graph.
  MessageGraph(const Shard& shard, const PropagationOptions& options)
      : MessageGraph(shard, shard.interactions(), options) {}
  MessageGraph(const Shard& shard, const Adjacency& edges, const PropagationOptions& options)
      : shard_(&shard),
        edges_(&edges),
        options_(options),
        scale_(edges.scale.begin(), edges.scale.end()),
        rows_exchange_(*edges.halo, options.wire, options.wire_seed) {
    for (const double scale : edges.scale) {
      root_degree_.push_back(static_cast<T>(scale == 0 ? 0.0 : 1.0 / scale));
    }
  }

  // Operators are over this block until the next call; nullptr: over all edges again. The block
  // outlives the step.
  void use(SampledBlock* block) { block_ = block; }
  SampledBlock* block() const { return block_; }

  std::int64_t num_owned() const { return plan().num_owned(); }
  std::int64_t num_ghosts() const { return plan().num_ghosts(); }
  std::int64_t num_rows(Rows rows) const {
    return rows == Rows::all ? num_owned() : std::ssize(demanded());
  }
  const HaloPlan& plan() const { return block_ != nullptr ? block_->plan() : *edges_->halo; }
  // Of all edges: 1 / sqrt(degree) and sqrt(degree) of owned nodes, a degree being the sum of the
  // edges' values where they have some; zero without edges.
  std::span<const T> scale() const { return scale_; }
  std::span<const T> root_degree() const { return root_degree_; }

  // 1 / sqrt(degree) of owned nodes, then ghosts: [num_owned + num_ghosts x 1], of all edges, zero
  // without. Made when first asked for: then collective. Layers ask when they are made.
  MatrixView<T> source_scale() {
    if (!source_scale_) source_scale_ = with_ghosts<T>(*edges_->halo, scale_);
    return source_scale_->view();
  }

  // Names the owned rows, ascending and distinct, that Rows::demanded means until the next call;
  // other ranks name theirs. The list outlives the step. Collective.
  void demand(std::span<const std::int32_t> rows) {
    demanded_ = rows;
    if (propagation_) propagation_->demand(rows);
    for (auto& lists : neighbourhoods_) {
      if (lists) lists->demand(rows);
    }
  }
  std::span<const std::int32_t> demanded() const {
    return block_ != nullptr ? block_->targets() : demanded_;
  }

  // Sums over neighbours go without the edges that are dropped, the others counting 1 / (1 - share)
  // times, until keep_all_edges(). Before demand(). Collective.
  void drop_edges(const EdgeDropout& dropout) { propagation().drop_edges(dropout, false); }
  void keep_all_edges() {
    if (propagation_) propagation_->keep_all_edges();
  }

  // Each is made when first asked for: then collective. Layers ask when they are made.
  Propagation<T>& propagation() {
    if (!propagation_) propagation_.emplace(*shard_, *edges_, options_).demand(demanded_);
    return *propagation_;
  }
  const Neighbourhood& neighbourhood(bool with_self) {
    if (block_ != nullptr) return block_->neighbourhood(with_self);
    auto& lists = neighbourhoods_[with_self ? 1 : 0];
    if (!lists) lists.emplace(*shard_, *edges_, with_self).demand(demanded_);
    return *lists;
  }
  // Of plan(), which whoever starts an exchange has it use.
  HaloExchange<T>& rows_exchange() { return rows_exchange_; }

 private:
  const Shard* shard_;
  const Adjacency* edges_;
  PropagationOptions options_;
  SampledBlock* block_ = nullptr;
  std::vector<T> scale_, root_degree_;
  std::optional<Matrix<T>> source_scale_;
  std::span<const std::int32_t> demanded_;
  std::optional<Propagation<T>> propagation_;
  std::optional<Neighbourhood> neighbourhoods_[2];
  HaloExchange<T> rows_exchange_;
};

}  // namespace halorec
