// The shard of one part of a larger cut, built by one process from the whole graph: the rows, edges
// and message counts that this part's rank would hold, without the other ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/covered_halo.hpp"
#include "partition/graph.hpp"
#include "partition/partitioner.hpp"
#include "partition/shard.hpp"

namespace halorec {

struct PartShard {
  std::int32_t part = 0;
  std::int64_t num_owned_users = 0, num_owned_items = 0;
  std::int64_t interactions = 0;  // training interactions of the owned users
  // As in Shard and its HaloPlan.
  Csr local, cross, cross_transposed;
  std::vector<float> scale;
  std::vector<std::int32_t> send_rows;
  std::vector<std::int64_t> send_begin{0}, receive_begin{0};

  std::int64_t num_owned() const { return num_owned_users + num_owned_items; }
  std::int64_t num_ghosts() const { return receive_begin.back(); }
  std::int64_t num_nonzeros() const { return local.num_nonzeros() + cross.num_nonzeros(); }
  std::int64_t num_peers() const;  // ranks that something is sent to
};

class PartShards {
 public:
  // Graph and owners outlive this.
  PartShards(const BipartiteGraph& graph, const Owners& owners);
  PartShard make(std::int32_t part) const;
  int num_parts() const { return owners_->num_parts; }
  // Nonzeros of every part's rows, local and cross.
  std::vector<std::int64_t> nonzeros() const;

 private:
  const BipartiteGraph* graph_;
  const Owners* owners_;
  std::vector<std::uint64_t> item_begin_;
  std::vector<std::uint32_t> item_users_;
  std::vector<std::uint32_t> users_by_place_, items_by_place_;
  std::vector<std::int32_t> user_row_, item_row_;  // at the owner
};

}  // namespace halorec
