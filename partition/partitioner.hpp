// Who owns which node: METIS k-way, hash and block cuts of the training graph, and their quality.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "partition/graph.hpp"
#include "partition/types.hpp"

namespace halorec {

enum class CutMethod : std::uint8_t { metis, hash, block };
enum class Balance : std::uint8_t { edges, both };

struct CutOptions {
  CutMethod method = CutMethod::metis;
  Balance balance = Balance::both;  // METIS: degree alone, or degree and node count
  int num_parts = 1;
  std::uint64_t seed = 0;
};

// The owner of every node, indexed by kind and node index. The same on every rank.
struct Owners {
  int num_parts = 1;
  std::vector<std::int32_t> user;
  std::vector<std::int32_t> item;

  std::int32_t of(GlobalId id) const {
    return (id.kind() == NodeKind::user ? user : item)[id.index()];
  }
};

// Cuts on the calling process alone (not collective). Every answer is validated: each part is in
// range and, unless there are fewer nodes than parts, not empty (an empty one takes the lightest
// node of the largest). One part never reaches METIS, which dies of it. Nodes without edges are
// dealt out to the parts with the fewest nodes. Error when the graph is too large for METIS's
// 32-bit indices.
Owners cut(const BipartiteGraph& graph, const CutOptions& options);

// What a cut costs. Imbalance = largest part over the mean.
struct CutQuality {
  double cut_fraction = 0;           // edges whose ends have different owners / edges
  double halo_vectors_per_node = 0;  // ghosts over all parts / nodes: vectors a layer sends
  double node_imbalance = 1;
  double edge_imbalance = 1;         // by nonzeros of the owned rows: what a layer multiplies
  double interaction_imbalance = 1;  // by training interactions of owned users: what a step samples
  std::uint64_t num_empty_parts = 0;
};
CutQuality measure_cut(const BipartiteGraph& graph, const Owners& owners);

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
