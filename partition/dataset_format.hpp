// What marks a dataset file; for its writer and its reader.
#pragma once

#include <cstdint>
#include <string_view>

namespace halorec {

inline constexpr std::string_view kDatasetFormat = "halorec-dataset";
// 2: side information. A file of format 1 is read as one without. 3: links of users to items.
inline constexpr std::int64_t kDatasetFormatVersion = 3;
inline constexpr std::int64_t kOldestDatasetFormatVersion = 1;

}  // namespace halorec
