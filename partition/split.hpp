// Which interactions are trained on, which choose the model, and which test it. Protocols are named
// and fixed; their thresholds stand in Protocol::text. A choice is keyed by the ids themselves, so
// the order of rows in a file does not matter, and a part that is held out leaves no trace in the
// training part.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/held_out_times.hpp"
#include "partition/readers/event_table.hpp"

namespace halorec {

inline constexpr std::string_view kProtocolNames =
    "given, random, leave-last, time, cold-items, cold-users";

inline constexpr double kDefaultColdShare = 0.1;

// A protocol by its name, with the sentence that defines it. Usage Error on an unknown name.
// `cold_share` is of cold-items and cold-users alone.
Protocol make_protocol(std::string_view name, std::uint64_t seed, bool keep_repeats,
                       double cold_share = kDefaultColdShare);

struct SplitOptions {
  std::string protocol = "random";
  std::uint64_t seed = 0;
  bool keep_repeats = false;
  bool newest_time = false;  // of rows that become one; else the first
  double cold_share = kDefaultColdShare;
  double subset = 1;       // share of users that is kept, chosen by hash of their ids
  std::uint32_t core = 0;  // every user and item keeps this many training pairs; 0: no filter
};

// What splitting counted. Arrays are indexed by Split.
struct SplitCounts {
  std::uint64_t users_read = 0, items_read = 0;
  std::uint64_t dropped_by_subset = 0;                       // rows
  std::array<std::uint64_t, kNumSplits> repeats_excluded{};  // pairs that stand in an earlier part
  std::array<std::uint64_t, kNumSplits> dropped_by_core{};   // rows
  std::uint64_t users_outside_core = 0, items_outside_core = 0;
  std::array<std::uint64_t, kNumSplits> merged{};  // rows that joined an earlier row of their pair
  std::array<std::uint64_t, kNumSplits> cold_users{}, cold_items{};  // not in the training part
  std::array<std::uint64_t, kNumSplits> cold_interactions{};         // with a cold end
};

// What of the rows that were split a dataset does not hold.
struct SplitTrace {
  bool wants_rows = false;                              // whether training_rows is to be filled
  std::vector<std::uint32_t> user_origin, item_origin;  // of each number: its index in the events
  Interactions training_rows;                           // by user, repeats not merged, unweighted
  HeldOutTimes held_out;                                // users are those of the dataset
};

// Splits, then merges, filters and numbers: ids are numbered by first appearance in the rows of the
// training part, then of validation, then of test. Error when nothing is left.
Dataset split_events(EventTable events, const SplitOptions& options, SplitCounts& counts,
                     SplitTrace* trace = nullptr);

}  // namespace halorec
