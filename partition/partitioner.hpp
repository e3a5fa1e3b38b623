// Who owns which node: METIS k-way, cluster, hash and block cuts of the training graph.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "partition/graph.hpp"
#include "partition/row_order.hpp"
#include "partition/types.hpp"

namespace halorec {

class Communicator;
class DatasetFile;

// automatic: metis or cluster, see choose_method (partition/metis_memory.hpp).
enum class CutMethod : std::uint8_t { automatic, metis, cluster, hash, block };
enum class Balance : std::uint8_t { edges, both };

struct CutOptions {
  CutMethod method = CutMethod::metis;
  Balance balance = Balance::both;  // metis, cluster: degree alone, or degree and node count
  int num_parts = 1;
  std::uint64_t seed = 0;
  // cluster: what METIS may take for the coarsest graph, which is made small enough for it.
  std::uint64_t memory_bytes = std::uint64_t{1} << 34;
  bool order_rows = false;  // the collective cut also finds Owners::order
};

// The owner of every node, indexed by kind and node index, and the order in which an owner numbers
// its rows. The same on every rank.
struct Owners {
  int num_parts = 1;
  std::vector<std::int32_t> user;
  std::vector<std::int32_t> item;
  RowOrder order = {};

  // One part that has everything.
  static Owners single(std::uint64_t num_users, std::uint64_t num_items, RowOrder order = {});
  std::int32_t of(GlobalId id) const {
    return (id.kind() == NodeKind::user ? user : item)[id.index()];
  }
};

// Rank 0's owners to all. Collective.
void broadcast(Communicator& communicator, Owners& owners);

// Cuts by metis, hash or block on the calling process alone (not collective). Every answer is
// validated: each part is in range and, unless there are fewer nodes than parts, not empty (an
// empty one takes the lightest node of the largest). One part never reaches METIS, which dies of
// it. Nodes without edges are dealt out to the parts with the fewest nodes. Error when the graph is
// too large for METIS's 32-bit indices.
Owners cut(const BipartiteGraph& graph, const CutOptions& options);

// The same for any method but automatic, on all ranks: they share the work of cluster, and sleep
// while rank 0 does the others. The owners are the same on any number of ranks. Collective.
Owners cut(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
           const CutOptions& options);

CutMethod parse_cut_method(std::string_view name);
std::string_view cut_method_name(CutMethod method);
Balance parse_balance(std::string_view name);
std::string_view balance_name(Balance balance);

// A partition file (HDF5): owners of users and items, and the key of what was cut.
// `key` names dataset, graph part, parts, method and options.
std::string cut_key(std::string_view dataset_hash, std::string_view graph_part,
                    const CutOptions& options);
void save_owners(const Owners& owners, std::string_view key, std::string_view dataset_hash,
                 const std::filesystem::path& path);
// Error when the file is broken or was made from another dataset than `dataset_hash`.
Owners load_owners(const std::filesystem::path& path, std::string_view dataset_hash,
                   std::string* key = nullptr);

}  // namespace halorec
