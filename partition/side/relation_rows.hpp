// Rows of the sources that are no interactions but links between their user and their item: other
// behaviors (view, cart), and signed feedback (dislike, return). What is trained, ranked and tested
// is the interactions; these pass messages beside them (--relations), as the split allows.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/readers/event_table.hpp"
#include "partition/side/held_out.hpp"

namespace halorec {

// Parallel columns, in the order of the sources; those that the events don't have are empty. Ids
// are the events'.
struct RelationRows {
  std::vector<std::string> relations;
  std::vector<std::uint8_t> relation;  // index into relations
  std::vector<std::uint32_t> user, item;
  std::vector<std::int64_t> time;
  std::vector<Split> part;

  std::uint64_t size() const { return relation.size(); }
};

// Takes them out of the events; behaviors that no interaction is left of are forgotten.
RelationRows take_relation_rows(EventTable& events);

// A table of links from users to items for each relation: a link weighs the number of its rows,
// and has the newest of their times, if the rows have times.
// user_origin, item_origin: of split_events. Left out and counted: rows of ids that no interaction
// is left of, rows that `held_out` says are late, and those that are held out: of a held-out part
// of the sources, or of what it does not allow. Error when no row of a relation is left.
std::vector<LinkTable> relation_links(const RelationRows& rows, const Dataset& dataset,
                                      const std::vector<std::uint32_t>& user_origin,
                                      const std::vector<std::uint32_t>& item_origin,
                                      const HeldOut& held_out, nlohmann::ordered_json& report);

}  // namespace halorec
