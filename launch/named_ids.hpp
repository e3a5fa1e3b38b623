// From the caller's ids to indices and back: what the commands that ask a trained run share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/scorer.hpp"
#include "partition/dataset.hpp"

namespace halorec {

// Ids as they were asked for, and where: the lines (from 1) of a file, or on the command line.
struct IdList {
  std::vector<std::string> ids;
  std::filesystem::path file = {};
  std::vector<std::uint64_t> lines = {};  // none without a file
};
// Ids of a file, one a line; empty lines are passed over. Error when it is missing or, unless it
// may, holds none.
IdList read_id_list(const std::filesystem::path& path, bool may_be_empty = false);

// Indices of ids in the order given; nothing where an id is unknown. One pass over the table.
std::vector<std::optional<std::uint32_t>> look_up(const StringTable& table,
                                                  const std::vector<std::string>& ids);

// The same, where an unknown id is a usage Error that names it, its place, and up to three near
// ones, or says how many there are. `kind`: "user", "item".
std::vector<std::uint32_t> find_all(const StringTable& table, const IdList& list,
                                    std::string_view kind);

// Ids and titles of items for output. Read by the root alone.
struct ItemNames {
  StringTable ids, titles;
  explicit ItemNames(const DatasetFile& dataset)
      : ids(dataset.read_item_ids()), titles(dataset.read_titles()) {}
  // "" when unknown.
  std::string_view title_of(std::uint32_t item) const {
    return titles.empty() ? std::string_view() : titles[item];
  }
};

// A JSON string with its quotes; bytes that are no UTF-8 are replaced.
std::string json_string(std::string_view text);
// {"item":"..","title":"..","score":..}, the title only when known.
std::string json_item(const ItemNames& names, const RankedItem& entry);
// A field of a CSV line: quoted where RFC 4180 asks for it.
std::string csv_field(std::string_view text);
// Cut to `width` characters (not bytes) and filled up with spaces.
std::string padded(std::string_view text, std::size_t width);

}  // namespace halorec
