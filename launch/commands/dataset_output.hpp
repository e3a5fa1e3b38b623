// What import, generate, perturb and describe share: where a dataset may be written, and how one is
// shown.
#pragma once

#include <filesystem>
#include <string>

#include "partition/dataset_summary.hpp"

namespace halorec {

// Usage Error when a dataset may not be written to `out`: it is a folder, its folder does not
// exist, or it is a file that Halorec did not write. (One that it wrote is replaced whole.)
void check_dataset_output(const std::filesystem::path& out);

// A short report for people. `name` stands in its first line.
std::string describe_dataset(const DatasetSummary& summary, const std::string& name);
// The same for programs: one line.
std::string dataset_line(const DatasetSummary& summary, const std::string& name);

}  // namespace halorec
