// The files of a checkpoint read by any number of ranks: each opens its share of them and sends the
// rows to where they live now, so that every file is read once, however many ranks there are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "comm/hdf5_file.hpp"
#include "engine/matrix.hpp"
#include "partition/shard.hpp"

namespace halorec {

// A rank file open for reading, and the owner of each of its rows now.
struct RankFile {
  Hdf5File file;
  std::vector<RowAddress> places;
};

// What to do about a damaged checkpoint; ends an error message.
std::string checkpoint_advice(const std::filesystem::path& folder);

// Error when the file is missing, damaged, or not the one with this digest. Not collective.
RankFile open_rank_file(const Shard& shard, const std::filesystem::path& folder,
                        const std::string& name, const std::string& digest);

// Fills the owned rows of an array from the files of all ranks, a block at a time. Returns how many
// rows came to this rank. Collective. T: float, double.
template <typename T>
std::int64_t load_rows(Communicator& communicator, const std::vector<RankFile>& files,
                       const std::string& name, Matrix<T>& matrix);

// Fills an array that every rank holds whole. It stands in the first file, which the root has open.
// Collective.
template <typename T>
void load_replicated(Communicator& communicator, const std::vector<RankFile>& files,
                     const std::string& name, Matrix<T>& matrix);

}  // namespace halorec
