// --method cluster: a cut of a graph that is too large for METIS. No rank holds the whole graph:
// label propagation finds clusters over the ranks, they are contracted until METIS can take what is
// left, and its answer is refined on the way back (multilevel, after Meyerhenke, Sanders, Schulz,
// Parallel graph partitioning for complex networks, IPDPS 2015).
#pragma once

#include "partition/partitioner.hpp"

namespace halorec {

// The owners are the same on any number of ranks and threads. Memory of a rank: about 8 bytes an
// edge / ranks for each level, half as much again on the way, and 50 bytes a node. Error when even
// the coarsest graph is too large for METIS. Collective.
Owners cut_by_clusters(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                       const CutOptions& options);

}  // namespace halorec
