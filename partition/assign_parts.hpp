// The protocols themselves: a part for every row. For split.cpp alone.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/readers/event_table.hpp"

namespace halorec {

// Part of a row: a Split, or dropped.
inline constexpr std::uint8_t kDropped = kNumSplits;

// Rows of the events by user: those of user u are rows[begin[u] .. begin[u+1]), ascending.
struct RowsByUser {
  std::vector<std::uint64_t> begin;
  std::vector<std::uint32_t> rows;
};

// Sets the part of every row that is not dropped yet.
void assign_parts(const EventTable& events, const RowsByUser& by_user, const Protocol& protocol,
                  std::vector<std::uint8_t>& part);

// The users that --subset keeps: true where the hash of (seed, id) falls below `share`.
std::vector<std::uint8_t> choose_users(const StringTable& users, std::uint64_t seed, double share);

}  // namespace halorec
