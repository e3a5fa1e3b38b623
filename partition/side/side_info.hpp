// What is known of users and items beside their interactions: named columns of attributes, numbers,
// text and vectors, and named links between nodes. A dataset holds it as raw as is
// sound: counts and values, nothing that is fitted. Weights that must be fitted (IDF, means and
// deviations) are fitted by whoever uses a column, from the training part alone.
//
// Arrays of n nodes (or of a slice of them) are lists end to end where a node may have several
// entries: those of node k are [begin[k], begin[k+1]). Of all columns of one kind of node each has
// another name.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "partition/string_table.hpp"
#include "partition/types.hpp"

namespace halorec {

// Any number of values of each node, out of a finite set: genres, countries, tags.
struct AttributeColumn {
  NodeKind kind = NodeKind::item;
  std::string name;
  // Numbered by the first node that has it (then by name): those of trained nodes come first, and
  // new nodes at the end only append.
  StringTable values;
  std::vector<std::uint64_t> begin{0};  // [n + 1]
  std::vector<std::uint32_t> value;     // ascending within a node, distinct
};

struct NumberColumn {
  NodeKind kind = NodeKind::item;
  std::string name;
  std::vector<float> value;  // [n]; NaN where it is missing
};

// Hashed n-grams and how often each stands in the node's text. Features below `buckets` are of
// words, those from `buckets` to 2 buckets - 1 of characters (side/text_features.hpp).
struct TextColumn {
  NodeKind kind = NodeKind::item;
  std::string name;
  std::uint32_t buckets = 0;
  std::vector<std::uint64_t> begin{0};  // [n + 1]
  std::vector<std::uint32_t> feature;   // ascending within a node, distinct
  std::vector<std::uint32_t> count;     // at least 1
};

struct VectorColumn {
  NodeKind kind = NodeKind::item;
  std::string name;
  std::uint32_t dim = 0;
  std::vector<std::uint8_t> known;  // [n]; 0: there is none of the node, and its row is zero
  std::vector<float> value;         // [n x dim], row-major
};

// Of a link that has no time in a table that gives times: before all others.
constexpr std::int64_t kUnknownTime = std::numeric_limits<std::int64_t>::min();

// Links by their first end, to nodes of the same kind or, where they cross, from users to items.
// Symmetric links stand at both of their ends; those that cross are directed.
struct LinkTable {
  NodeKind kind = NodeKind::user;  // of the first end
  std::string name;
  bool directed = false;
  std::vector<std::uint64_t> begin{0};  // [n + 1]
  std::vector<std::uint32_t> target;    // ascending within a node, distinct, never the node itself
  std::vector<float> weight;            // 1 where the source has none
  bool crosses = false;
  std::vector<std::int64_t> time = {};  // seconds since 1970 of the newest of repeated links, or
                                        // kUnknownTime; empty where no link has one
};

struct SideInfo {
  std::vector<AttributeColumn> attributes;
  std::vector<NumberColumn> numbers;
  std::vector<TextColumn> texts;
  std::vector<VectorColumn> vectors;
  std::vector<LinkTable> links;

  bool empty() const {
    return attributes.empty() && numbers.empty() && texts.empty() && vectors.empty() &&
           links.empty();
  }
};

// Calls visit(column) for each column, attributes first and links last.
template <typename Side, typename Visit>
void for_each_column(Side& side, const Visit& visit) {
  for (auto& column : side.attributes) visit(column);
  for (auto& column : side.numbers) visit(column);
  for (auto& column : side.texts) visit(column);
  for (auto& column : side.vectors) visit(column);
  for (auto& column : side.links) visit(column);
}

// "user" or "item".
std::string_view kind_name(NodeKind kind);

// Appends nodes of which nothing is known, so that each column of `kind` has `num_nodes`.
void extend_side_info(SideInfo& side, NodeKind kind, std::uint64_t num_nodes);

}  // namespace halorec
