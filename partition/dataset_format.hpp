// What marks a dataset file; for its writer and its reader.
#pragma once

#include <cstdint>
#include <string_view>

namespace halorec {

inline constexpr std::string_view kDatasetFormat = "halorec-dataset";
inline constexpr std::int64_t kDatasetFormatVersion = 1;

}  // namespace halorec
