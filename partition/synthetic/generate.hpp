// From options to a dataset file, in parallel and without all edges in memory at once.
//
// Each rank draws the users of a range, and draws them more than once, which costs less than
// keeping them: once to count what falls into each part and who appears first (census.hpp), for
// every node is numbered by first appearance; then again to write rows where they belong, some
// million at a time, through rank 0. Under --protocol time a few more passes find the times to cut
// at. The file is the same for any number of ranks and threads, and the one that split_events and
// save_dataset make of the same edges. Memory is of the order of the nodes.
#pragma once

#include <filesystem>

#include "partition/synthetic/options.hpp"

namespace halorec {

class Communicator;

// Writes the dataset file whole or not at all. Nodes that got no edge are left out and counted in
// the report, as are edges that found no place because a user ran out of items. Collective. Usage
// Error when the options contradict each other. `edges_per_round` are drawn, sent and written at a
// time, over all ranks; it changes no byte.
void generate_dataset(const SyntheticOptions& options, const std::filesystem::path& path,
                      Communicator& communicator, double edges_per_round = 4e6);

}  // namespace halorec
