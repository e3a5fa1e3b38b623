// What one rank holds: its rows of the normalised user-item graph, split into local edges (both
// ends owned) and cross edges (the far end is a ghost), the halo plan that fills the ghosts, and
// the training interactions of the users it owns.
//
// Rows of a shard: owned users, owned items, each in the order that came with the owners (by
// ascending index without one), then ghosts by (owner, row at the owner).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/batch_gather.hpp"
#include "comm/communicator.hpp"
#include "comm/halo.hpp"
#include "partition/adjacency.hpp"
#include "partition/dataset.hpp"
#include "partition/graph.hpp"
#include "partition/partitioner.hpp"
#include "partition/types.hpp"
#include "partition/user_items.hpp"

namespace halorec {

class Shard {
 public:
  // Reads this rank's slice of the file, sends every interaction to the owners of its two ends,
  // and builds rows, edges and plan. Pairs that stand in several splits or behaviors are merged.
  // `owners` is the same on every rank and has communicator.size() parts. Collective.
  Shard(Communicator& communicator, const DatasetFile& dataset, TrainingPart part, Owners owners);

  Communicator& communicator() const { return *communicator_; }

  // --- nodes ------------------------------------------------------------------------------
  std::int64_t num_owned() const { return num_owned_users() + num_owned_items(); }
  std::int64_t num_owned_users() const { return static_cast<std::int64_t>(users_.size()); }
  std::int64_t num_owned_items() const { return static_cast<std::int64_t>(items_.size()); }
  std::int64_t num_ghosts() const { return interactions_.num_ghosts(); }
  // Global indices of the owned users and items, ascending if the owners came without an order:
  // user u of this list is row u, item i is row num_owned_users() + i.
  std::span<const std::uint32_t> owned_users() const { return users_; }
  std::span<const std::uint32_t> owned_items() const { return items_; }
  GlobalId global_id(std::int64_t owned_row) const;
  // Owner and row of any node, known on every rank (8 bytes a node).
  RowAddress address_of_user(std::uint32_t index) const { return user_address_[index]; }
  RowAddress address_of_item(std::uint32_t index) const { return item_address_[index]; }
  std::span<const RowAddress> user_addresses() const { return user_address_; }
  std::span<const RowAddress> item_addresses() const { return item_address_; }

  // --- sizes of the whole graph, the same on every rank ------------------------------------
  std::uint32_t num_users() const { return static_cast<std::uint32_t>(user_address_.size()); }
  std::uint32_t num_items() const { return static_cast<std::uint32_t>(item_address_.size()); }
  std::uint64_t num_edges() const { return num_edges_; }
  // Training degree of every item: what popularity and a softmax's pool are drawn from.
  std::uint32_t item_degree(std::uint32_t index) const { return item_degree_[index]; }

  // --- this rank's edges --------------------------------------------------------------------
  const Adjacency& interactions() const { return interactions_; }
  const Csr& local() const { return interactions_.local; }
  const Csr& cross() const { return interactions_.cross; }
  const Csr& cross_transposed() const { return interactions_.cross_transposed; }
  const HaloPlan& halo() const { return *interactions_.halo; }
  std::span<const double> scale() const { return interactions_.scale; }

  // --- training interactions of the owned users ---------------------------------------------
  // Items (global indices, ascending, distinct) of the owned user in row `user_row`.
  std::span<const std::uint32_t> items_of(std::int64_t user_row) const {
    return {interaction_items_.data() + interaction_begin_[static_cast<std::size_t>(user_row)],
            interaction_items_.data() + interaction_begin_[static_cast<std::size_t>(user_row) + 1]};
  }
  // Global number of that user's first edge: edges of the whole graph are numbered by
  // (user index, item index), the same on any number of ranks.
  std::uint64_t first_edge_of(std::int64_t user_row) const {
    return first_edge_[static_cast<std::size_t>(user_row)];
  }

 private:
  void number_nodes(const Owners& owners);

  Communicator* communicator_;
  std::vector<std::uint32_t> users_, items_;
  std::vector<RowAddress> user_address_, item_address_;
  std::uint64_t num_edges_ = 0;
  std::vector<std::uint32_t> item_degree_;
  Adjacency interactions_;
  std::vector<std::int64_t> interaction_begin_{0};
  std::vector<std::uint32_t> interaction_items_;
  std::vector<std::uint64_t> first_edge_;
};

// The held-out interactions of the users that this rank owns. Collective.
UserItems read_held_out(const Shard& shard, const DatasetFile& dataset, Split split);

}  // namespace halorec
