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

inline Dataset generate(const SyntheticOptions& options) {
  const TemporaryFolder folder;
  Communicator alone(MPI_COMM_SELF);
  generate_dataset(options, folder / "d.h5", alone);
  return DatasetFile(folder / "d.h5").read_all();
}

}  // namespace halorec
