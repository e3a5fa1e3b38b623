// When a split begins to hold rows out, for side information that has times of its own. Read from
// the rows as they are held out: what becomes of them afterwards (a repeat that leaves, a merged
// pair that keeps its newest time, a core that drops them) makes nothing known any earlier.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/readers/event_table.hpp"

namespace halorec {

struct HeldOutTimes {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  // The time from which nothing may be used: of the first row held out under --protocol time, and
  // under `given` where the source trains on what lies before that row alone. None: all may be.
  std::optional<std::int64_t> cut;
  // Under leave-last, of each user: of the first row held out, or kNever. Else empty.
  std::vector<std::int64_t> of_user;
};

// `part`: of each row, as assign_parts leaves it. Users are those of the events.
HeldOutTimes find_held_out_times(const EventTable& events, const Protocol& protocol,
                                 const std::vector<std::uint8_t>& part);

}  // namespace halorec
