// What a cut costs: edges cut, vectors exchanged, balance. The same count for every method.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/graph.hpp"
#include "partition/partitioner.hpp"
#include "partition/placement.hpp"

namespace halorec {

// Imbalance = largest part over the mean.
struct CutQuality {
  std::uint64_t num_edges = 0;
  double cut_fraction = 0;           // edges whose ends have different owners / edges
  double halo_vectors_per_node = 0;  // ghosts over all parts / nodes: vectors a layer sends
  // Vectors a layer sends when the cross edges of each ordered pair of parts travel over their
  // minimum vertex cover: a row from each covered source, a partial sum for each covered
  // destination; over nodes.
  double hybrid_vectors_per_node = 0;
  double node_imbalance = 1;
  double edge_imbalance = 1;         // by nonzeros of the owned rows: what a layer multiplies
  double interaction_imbalance = 1;  // by training interactions of owned users: what a step samples
  std::uint64_t num_empty_parts = 0;
};

// Of the whole graph, by this process alone. Not collective.
CutQuality measure_cut(const BipartiteGraph& graph, const Owners& owners);

// Of the training part of a file: every rank reads a slice and counts some of the pairs of parts,
// so that memory is linear in edges / ranks. The same result on every rank. Collective.
CutQuality measure_cut(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                       const Owners& owners);

// The vectors of hybrid_vectors_per_node by pairs of parts, without pairs that exchange nothing; in
// any order. Cross edges alone are sent around. The same on every rank. Collective.
std::vector<PairTraffic> measure_traffic(Communicator& communicator, const DatasetFile& dataset,
                                         TrainingPart part, const Owners& owners);

}  // namespace halorec
