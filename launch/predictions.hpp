// Lists made elsewhere, read to be measured: our own recommend output (JSON lines), or delimited
// user,item[,score] rows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "partition/dataset.hpp"

namespace halorec {

struct Predictions {
  std::vector<std::vector<std::uint32_t>> lists;  // of each user, best item first
  std::vector<bool> has_list;                     // of each user
  std::uint64_t num_lists = 0;
  std::uint64_t num_unknown_users = 0;  // lists left aside: their user is not in the dataset
  std::uint64_t num_unknown_items = 0;  // entries of items not in the dataset: they stay as misses
};

// An unknown item keeps its place in the list, as a miss: kUnknownItem.
inline constexpr std::uint32_t kUnknownItem = 0xffffffff;

// JSON lines when the first line begins with '{'. In delimited rows the columns are those that a
// header names user, item and score, else the first, second and third; with scores a list runs from
// the highest to the lowest (equal scores in the order of the file), else in the order of the file.
// Error with file:line on what cannot be read, and on an item that stands twice in a list.
Predictions read_predictions(const std::filesystem::path& path, const StringTable& users,
                             const StringTable& items);

}  // namespace halorec
