// Interactions as they were read, before any split: one row for each kept row of the sources, in
// their order, ids numbered in order of first appearance.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/readers/id_table.hpp"

namespace halorec {

// Parallel columns; those that the sources don't have are empty (weight: 1 each).
struct EventTable {
  StringTable users, items;
  std::vector<std::string> behaviors;
  std::vector<std::uint32_t> user;
  std::vector<std::uint32_t> item;
  std::vector<std::int64_t> time;
  std::vector<float> weight;
  bool rates = false;  // weights are ratings, of which two are no more than one
  std::vector<std::uint8_t> behavior;
  std::vector<Split> part;  // the split that the sources come with
  // 0: an interaction; k: a link of relations[k - 1] (--relation). Empty when no rule was given.
  std::vector<std::uint8_t> relation;
  std::vector<std::string> relations;

  std::uint64_t size() const { return user.size(); }
};

// Titles from an item list, by id.
struct TitleTable {
  IdTable ids{"item"};
  StringTable titles;  // of ids[i]
};

// Which column (by name, or by number from 1) holds what; empty: found by name or place.
enum class Role : std::uint8_t { user, item, rating, time, weight, behavior };
inline constexpr std::size_t kNumRoles = 6;
inline constexpr std::array<std::string_view, kNumRoles> kRoleNames = {
    "user", "item", "rating", "time", "weight", "behavior"};
using Columns = std::array<std::string, kNumRoles>;

struct ReadOptions {
  std::string format = "auto";         // auto | lightgcn | csv | movielens | recbole
  std::string columns;                 // "user=NAME,item=NAME,..."
  std::vector<std::string> keep;       // "NAME OP VALUE"
  std::vector<std::string> relations;  // "RELATION: NAME OP VALUE"
  std::filesystem::path items;         // item list with titles; empty: the one beside the source
  bool titles = true;                  // read them from the item list
  bool in_order_train_test = false;    // two plain files are train and test, in this order
};

// What reading counted.
struct ReadCounts {
  std::string format;                                        // as found
  std::vector<std::pair<std::string, std::uint64_t>> files;  // path, rows or pairs in it
  std::uint64_t rows = 0;
  std::uint64_t dropped_by_keep = 0;
  std::uint64_t dropped_nonpositive_weight = 0;
  std::string columns;  // what was read from where, for people
};

struct ReadResult {
  EventTable events;
  TitleTable titles;
  std::filesystem::path item_list;  // the one given, else the one found; empty: none
  ReadCounts counts;
};

// Reads all sources (files, or folders of a known layout).
ReadResult read_sources(const std::vector<std::filesystem::path>& sources,
                        const ReadOptions& options);

}  // namespace halorec
