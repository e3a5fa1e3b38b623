// Side information in a dataset file: written, hashed, and read in slices of nodes.
//
// The root attribute `side_info` is a JSON list with an object for each column: type ("attribute",
// "number", "text", "vector", "link"), kind ("user", "item"), name, and of text `buckets`, of
// vectors `dim`, of links `directed` and, where they are of users to items, `crosses`, where they
// have times, `times`. The arrays of the k-th stand under /side/k:
//   attribute  value_name_bytes u8, value_name_offsets u64[V+1], begin u64[n+1], value u32
//   number     value f32[n], NaN where missing
//   text       begin u64[n+1], feature u32, count u32
//   vector     known u8[n], value f32[n x dim]
//   link       begin u64[n+1], target u32, weight f32, time i64 where they have times
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "partition/side/side_info.hpp"

namespace halorec {

class ContentHash;
class Hdf5File;

enum class SideType : std::uint8_t { attribute, number, text, vector, link };
std::string_view side_type_name(SideType type);
// "side/3/": where the arrays of the column at that place stand.
std::string side_folder(std::size_t place);

// What a column is, without its arrays.
struct SideColumn {
  SideType type = SideType::attribute;
  NodeKind kind = NodeKind::item;
  std::string name;
  std::uint32_t buckets = 0;      // text
  std::uint32_t dim = 0;          // vectors
  bool directed = false;          // links
  bool crosses = false;           // links
  bool times = false;             // links
  std::uint64_t num_nodes = 0;    // of its kind
  std::uint64_t num_values = 0;   // attributes
  std::uint64_t num_targets = 0;  // links: of the far end's kind
  // Of attributes, text and links; of symmetric links both directions.
  std::uint64_t num_entries = 0;
};

void write_side_info(Hdf5File& file, const SideInfo& side);
// Adds nothing when there is none, so that hashes of data without it stay.
void hash_side_info(ContentHash& hash, const SideInfo& side);

class SideInfoFile {
 public:
  // Checks types and lengths; slices are checked as they are read. Error on a contradiction.
  SideInfoFile(const Hdf5File& file, std::uint64_t num_users, std::uint64_t num_items);

  const std::vector<SideColumn>& columns() const { return columns_; }
  // The place in columns() of a column of that kind and name; columns().size() when there is none.
  std::size_t find(NodeKind kind, std::string_view name) const;

  // Nodes [first, first + count) of the column at `place`, which has to be of the right type:
  // arrays of `count` nodes, begins counted from 0. An attribute comes with all of its values.
  AttributeColumn read_attribute(std::size_t place, std::uint64_t first, std::uint64_t count) const;
  NumberColumn read_numbers(std::size_t place, std::uint64_t first, std::uint64_t count) const;
  TextColumn read_text(std::size_t place, std::uint64_t first, std::uint64_t count) const;
  VectorColumn read_vectors(std::size_t place, std::uint64_t first, std::uint64_t count) const;
  LinkTable read_links(std::size_t place, std::uint64_t first, std::uint64_t count) const;
  // Everything; symmetric links are also checked to be so.
  SideInfo read_all() const;

 private:
  const SideColumn& column(std::size_t place, SideType type) const;
  std::vector<std::uint64_t> read_begins(std::size_t place, std::uint64_t first,
                                         std::uint64_t count) const;
  template <typename T>
  std::vector<T> read_entries(std::size_t place, const char* array,
                              const std::vector<std::uint64_t>& begin) const;

  const Hdf5File* file_;
  std::vector<SideColumn> columns_;
};

}  // namespace halorec
