// A list of users or items with what is known of them: one row for each, as text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "partition/readers/id_table.hpp"
#include "partition/string_table.hpp"
#include "partition/types.hpp"

namespace halorec {

// Where each id of a dataset stands. Views into the table, which has to stay.
class NodeIndex {
 public:
  static constexpr std::uint32_t kUnknown = 0xFFFF'FFFF;

  NodeIndex(const StringTable& ids, NodeKind kind);
  std::uint32_t find(std::string_view id) const {
    const auto found = index_.find(id);
    return found == index_.end() ? kUnknown : found->second;
  }
  const StringTable& ids() const { return *ids_; }
  std::uint64_t size() const { return ids_->size(); }
  NodeKind kind() const { return kind_; }

 private:
  const StringTable* ids_;
  NodeKind kind_;
  std::unordered_map<std::string_view, std::uint32_t> index_;
};

struct NodeList {
  struct Column {
    std::string name;    // of the header or --item-columns, else its number from 1
    std::string type;    // what RecBole's header says behind ':' (token, token_seq, float ...)
    StringTable fields;  // of each row; "" in one of an id that is not in the data: it says nothing
  };
  std::filesystem::path path;
  IdTable ids;                      // of the rows
  std::vector<std::uint64_t> line;  // of the rows
  std::vector<Column> columns;      // all but the id
  std::uint64_t rows = 0;           // in the file
  std::uint64_t repeated_rows = 0;  // of an id that has a row already; the first one counts
};

// `names` is empty, or what --item-columns says: "id=COLUMN" for a header's column, or the names of
// the columns from left to right, of which "" and "_" leave one out. Without them the first line is
// a header when it has a column name that is known or one of `wanted`, or when it has neither a
// number nor an id that is known. `option` is named in messages ("--item-columns").
NodeList read_node_list(const std::filesystem::path& path, const NodeIndex& nodes,
                        const std::string& names, const std::vector<std::string>& wanted,
                        std::string_view option);

}  // namespace halorec
