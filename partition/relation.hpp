// A further relation between the nodes of a shard: links of users (trust), of items, or of users to
// items (another behavior), beside the interactions that the shard was cut by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "partition/adjacency.hpp"
#include "partition/shard.hpp"

namespace halorec {

// Directed links as one of their ends hears the other. Not normalised: an edge weighs what its link
// does, and `scale` is 1. Wherever one direction has an edge between ranks the other has one too,
// of weight zero where nobody links back, so that each is the other's transpose.
struct LinkDirection {
  Adjacency edges, untrained;  // as in Relation
  std::vector<double> mean;    // [num_owned]: 1 / what all heard by a node weigh; zero without any
};

struct Relation {
  std::string name;
  NodeKind kind = NodeKind::user;  // of both ends, unless it crosses
  double weight = 1;               // beside the interactions, which weigh 1; may be below zero
  // Between nodes with training interactions: all that training hears. Rows of nodes of a kind that
  // is at no end are empty.
  Adjacency edges;
  // Between these and nodes without, over which the latter hear the former when lists are made.
  // Both count as a node's degree its links to nodes with training interactions (where it has none,
  // the others), and have the same scales.
  Adjacency untrained;
  bool crosses = false;  // from users to items, heard both ways like interactions
  // Of directed links, where they were to be told apart, or empty: nodes hear those that they link
  // to; nodes hear those that link to them.
  std::vector<LinkDirection> directions = {};

  bool is_of(NodeKind one) const { return crosses || kind == one; }
};

enum class Directions : std::uint8_t { merged, apart };

// Links that are older than `now` weigh what decayed() leaves of their weight; `now` is the time of
// the newest interaction that is trained on. Those without a time do not age.
struct Ageing {
  double half_life_seconds;
  std::int64_t now;
};

// The link table `name`, or `kind:name` where both kinds have one of that name. Whoever links to a
// node is heard and hears, so directed links go both ways, and items hear the users that link to
// them. An edge weighs what its link weighs (at its age, with `ageing`), the more of the two where
// both ends link; the same everywhere, edges are equal. Links between two nodes without training
// interactions say nothing that was learned and are left out. With Directions::apart, directed
// links within a kind also stand each way by itself. Reads this rank's slice of the file and sends
// every link to the owners of its ends. Error (on every rank) when there is no such table (it lists
// those there are), or when a link weighs nothing. Collective.
Relation read_relation(const Shard& shard, const DatasetFile& dataset, std::string_view name,
                       Directions directions = Directions::merged,
                       std::optional<Ageing> ageing = std::nullopt);

// What the owned users link to by these tables of users to items, whatever a link weighs, in any of
// them. Error (on every rank) as above, or when a table is not of users to items. Collective.
UserItems read_linked_items(const Shard& shard, const DatasetFile& dataset,
                            const std::vector<std::string>& names);

// The place of that table among the dataset's columns; Error as above. Not collective.
std::size_t find_links(const DatasetFile& dataset, std::string_view name);

// The same of a table of users to items; Error when it is none. Not collective.
std::size_t find_links_to_items(const DatasetFile& dataset, std::string_view name);

// "user:trust, item:co-occurrence": the link tables of a dataset, or "none".
std::string link_names(const DatasetFile& dataset);

}  // namespace halorec
