// Small synthetic datasets, made and read back.
#pragma once

#include "comm/communicator.hpp"
#include "partition/synthetic/generate.hpp"
#include "tests/partition/raw_data.hpp"

namespace halorec {

inline SyntheticOptions options_of(std::uint32_t users, std::uint32_t items, std::uint64_t edges) {
  SyntheticOptions options;
  options.num_users = users;
  options.num_items = items;
  options.num_edges = edges;
  options.seed = 11;
  return options;
}

// Four tastes among 200 users and 60 items.
inline SyntheticOptions planted() {
  SyntheticOptions options = options_of(200, 60, 2600);
  options.num_communities = 4;
  return options;
}

inline Dataset generate(const SyntheticOptions& options) {
  const TemporaryFolder folder;
  Communicator alone(MPI_COMM_SELF);
  generate_dataset(options, folder / "d.h5", alone);
  return DatasetFile(folder / "d.h5").read_all();
}

}  // namespace halorec
