// Precomputed vectors of nodes: a matrix of NumPy's .npy format or out of an HDF5 file, with the id
// of each row in a text file, one a line.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "partition/readers/node_list.hpp"
#include "partition/side/side_info.hpp"

namespace halorec {

// `source`: "FILE.npy" or "FILE.h5:DATASET". Named by the file's stem, or by the last part of the
// dataset's name. Counts rows, rows of unknown ids, repeated ids and nodes without a vector. Error
// on another shape than rows x numbers, on another number of ids than rows, and on a number of a
// known node that is not finite.
VectorColumn read_vector_file(const std::string& source, const std::filesystem::path& ids,
                              const NodeIndex& nodes, nlohmann::ordered_json& counts);

}  // namespace halorec
