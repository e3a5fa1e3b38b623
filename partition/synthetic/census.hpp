// The first pass over generated edges: how many rows fall where, and the number of every node.
//
// Numbers follow first appearance in the training rows, then in validation, then in test, rows in
// order of user and draw (split.hpp). A node's *class* is the first part that it appears in. Rows
// of a part stand in the file by user number, so they fall into one run of users of each class up
// to the part's own, each run in the order of the users' indices: a *segment*.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/synthetic/user_range.hpp"
#include "partition/synthetic/user_split.hpp"

namespace halorec {

class Communicator;

inline constexpr std::uint8_t kNowhere = kNumSplits;  // class of a node without edges
inline constexpr int kNumSegments = kNumSplits * (kNumSplits + 1) / 2;
constexpr std::size_t segment_of(std::uint8_t part, std::uint8_t user_class) {
  return std::size_t{part} * (part + std::size_t{1}) / 2 + user_class;
}
template <typename T>
using BySegment = std::array<T, kNumSegments>;

struct Census {
  std::vector<std::uint8_t> user_class;    // of this rank's users
  std::vector<std::uint32_t> user_number;  // of this rank's users; undefined for those nowhere
  std::vector<std::uint32_t> item_number;  // of all items; undefined for those nowhere
  std::vector<std::uint32_t> item_origin;  // of each number: the item's index
  std::array<std::uint64_t, kNumSplits> users{}, items{};  // by class
  std::array<std::uint64_t, kNumSplits> interactions{};    // by part
  // Where each segment's rows begin in their part, of this rank's own and of every rank.
  std::vector<BySegment<std::uint64_t>> begin;
  std::array<std::uint64_t, kNumSplits> cold_users{}, cold_items{};  // by part
};

// Draws and splits this rank's users. Collective.
Census take_census(const EdgeSource& source, const UserSplit& split, UserRange mine,
                   Communicator& communicator);

}  // namespace halorec
