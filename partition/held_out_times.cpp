#include "partition/held_out_times.hpp"

#include <algorithm>

#include "partition/assign_parts.hpp"

namespace halorec {
namespace {

// Parts that are windows of time: the first held-out time, unless a training row is later. What
// came as training counts as such, also where validation is then drawn from it by hash.
std::optional<std::int64_t> find_cut(const EventTable& events, bool as_given,
                                     const std::vector<std::uint8_t>& part) {
  constexpr std::uint8_t kTrain = static_cast<std::uint8_t>(Split::train);
  std::optional<std::int64_t> first, last_trained;
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (part[row] == kDropped) continue;
    const std::int64_t time = events.time[row];
    const bool trained = as_given ? events.part[row] == Split::train : part[row] == kTrain;
    if (trained) {
      last_trained = std::max(last_trained.value_or(time), time);
    } else {
      first = std::min(first.value_or(time), time);
    }
  }
  return first && last_trained && *last_trained > *first ? std::nullopt : first;
}

std::vector<std::int64_t> find_first_of_users(const EventTable& events,
                                              const std::vector<std::uint8_t>& part) {
  std::vector<std::int64_t> first(events.users.size(), HeldOutTimes::kNever);
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (part[row] == kDropped || part[row] == static_cast<std::uint8_t>(Split::train)) continue;
    first[events.user[row]] = std::min(first[events.user[row]], events.time[row]);
  }
  return first;
}

}  // namespace

HeldOutTimes find_held_out_times(const EventTable& events, const Protocol& protocol,
                                 const std::vector<std::uint8_t>& part) {
  HeldOutTimes times;
  if (events.time.empty()) return times;
  const bool as_given = protocol.name == "given";
  if (as_given || protocol.name == "time") times.cut = find_cut(events, as_given, part);
  if (protocol.name == "leave-last") times.of_user = find_first_of_users(events, part);
  return times;
}

}  // namespace halorec
