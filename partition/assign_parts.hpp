// The protocols themselves: a part for every row. For split.cpp, and user by user for what is split
// while it is generated (synthetic/user_split.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "comm/random.hpp"
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

// One row of a user with what its part depends on, side by side: the columns are in the order of
// the file, where a user's rows lie far apart.
struct KeyedRow {
  std::uint64_t key;
  std::int64_t time;
  std::uint32_t item;
  float weight;
  std::uint32_t row;
  std::uint8_t behavior;
};

// The random bits of a row; `random` is Random(seed, Purpose::split). Occurrences of one pair are
// counted from 0.
std::uint64_t split_key(const Random& random, std::uint64_t user_hash, std::uint64_t item_hash,
                        std::uint32_t occurrence);

// The protocols that look at one user's rows, keyed: set part[row] of those that are held out, and
// reorder `rows`.
void choose_random(std::vector<KeyedRow>& rows, std::vector<std::uint8_t>& part);
void choose_leave_last(std::vector<KeyedRow>& rows, std::vector<std::uint8_t>& part);

// Under --protocol time: index, in the sorted times of n rows, of the first that is tested, and in
// those of the n rows before it of the first that is validation.
constexpr std::uint64_t time_cut(std::uint64_t n, Split late) {
  return late == Split::test ? n * 4 / 5 : n * 7 / 8;
}
[[noreturn]] void fail_nothing_before_cut();

// Sets the part of every row that is not dropped yet.
void assign_parts(const EventTable& events, const RowsByUser& by_user, const Protocol& protocol,
                  std::vector<std::uint8_t>& part);

// The users that --subset keeps: true where the hash of (seed, id) falls below `share`.
std::vector<std::uint8_t> choose_users(const StringTable& users, std::uint64_t seed, double share);

}  // namespace halorec
