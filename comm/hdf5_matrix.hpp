// A matrix out of an HDF5 file that somebody else wrote, of any element type that is a number.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace halorec {

struct ForeignMatrix {
  std::vector<std::uint64_t> shape;  // as it is; `values` are read when it has two dimensions
  std::vector<float> values;         // row-major
};

// Error when the file is no HDF5 file, or has no dataset of numbers of that name.
ForeignMatrix read_hdf5_matrix(const std::filesystem::path& path, const std::string& dataset);

}  // namespace halorec
