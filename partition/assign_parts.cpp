#include "partition/assign_parts.hpp"

#include <algorithm>
#include <tuple>

#include "comm/check.hpp"
#include "comm/random.hpp"
#include "partition/parallel.hpp"
#include "partition/split.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kUsersPerChunk = 256;
constexpr std::uint64_t kMinLeaveLast = 3;      // interactions of a user that is tested
constexpr std::uint64_t kMinGiven = 5;          // training interactions of a user that is validated
constexpr std::uint64_t kTestShare = 5;         // random: one in five to test
constexpr std::uint64_t kValidationShare = 10;  // one in ten of what then remains
// Random numbers of Purpose::split: step 0 chooses rows, this one nodes that are cold.
constexpr std::uint64_t kColdStep = 1;

constexpr std::uint8_t part_of(Split split) {
  return static_cast<std::uint8_t>(split);
}

// A tenth, rounded half up: 0 below 5, 1 from 5 to 14.
constexpr std::uint64_t tenth(std::uint64_t n) {
  return (n + kValidationShare / 2) / kValidationShare;
}

std::vector<std::uint64_t> hash_all(const StringTable& table) {
  std::vector<std::uint64_t> hashes(table.size());
  parallel_for(hashes.size(), 4096, [&](std::uint64_t i) { hashes[i] = hash_bytes(table[i]); });
  return hashes;
}

// Gives rows their keys: random bits of (seed, user id, item id, occurrence). Occurrences of one
// pair are counted by time, behavior and weight, so that only rows equal in all of them, whose
// exchange changes nothing, are told apart by their order.
class Keys {
 public:
  Keys(const EventTable& events, std::uint64_t seed)
      : events_(events),
        user_hash_(hash_all(events.users)),
        item_hash_(hash_all(events.items)),
        random_(seed, Purpose::split) {}

  KeyedRow gather(std::uint32_t row) const {
    return {0,
            events_.time.empty() ? 0 : events_.time[row],
            events_.item[row],
            events_.weight.empty() ? 1.0F : events_.weight[row],
            row,
            events_.behavior.empty() ? std::uint8_t{0} : events_.behavior[row]};
  }

  // `rows`: all of one user and part.
  void give(std::uint64_t user, std::vector<KeyedRow>& rows) const {
    std::sort(rows.begin(), rows.end(), [](const KeyedRow& a, const KeyedRow& b) {
      return std::tie(a.item, a.time, a.behavior, a.weight, a.row) <
             std::tie(b.item, b.time, b.behavior, b.weight, b.row);
    });
    std::uint32_t occurrence = 0;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      occurrence = k > 0 && rows[k - 1].item == rows[k].item ? occurrence + 1 : 0;
      rows[k].key = split_key(random_, user_hash_[user], item_hash_[rows[k].item], occurrence);
    }
  }

 private:
  const EventTable& events_;
  std::vector<std::uint64_t> user_hash_, item_hash_;
  Random random_;
};

// Calls choose(rows) for every user with the user's rows that are in part `among`, keyed.
template <typename Choose>
void for_each_user(const EventTable& events, const RowsByUser& by_user, const Keys& keys,
                   const std::vector<std::uint8_t>& part, std::uint8_t among,
                   const Choose& choose) {
  parallel_for(events.users.size(), kUsersPerChunk, [&](std::uint64_t u) {
    static thread_local std::vector<KeyedRow> rows;
    rows.clear();
    for (std::uint64_t k = by_user.begin[u]; k < by_user.begin[u + 1]; ++k) {
      if (part[by_user.rows[k]] == among) rows.push_back(keys.gather(by_user.rows[k]));
    }
    keys.give(u, rows);
    choose(rows);
  });
}

bool by_key(const KeyedRow& a, const KeyedRow& b) {
  return std::tie(a.key, a.row) < std::tie(b.key, b.row);
}

bool by_time(const KeyedRow& a, const KeyedRow& b) {
  return std::tie(a.time, a.key, a.row) < std::tie(b.time, b.key, b.row);
}

void split_given(const EventTable& events, const RowsByUser& by_user, const Keys& keys,
                 std::vector<std::uint8_t>& part) {
  bool has_validation = false;
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (part[row] == kDropped) continue;
    part[row] = part_of(events.part[row]);
    has_validation = has_validation || events.part[row] == Split::validation;
  }
  if (has_validation) return;
  for_each_user(events, by_user, keys, part, part_of(Split::train),
                [&](std::vector<KeyedRow>& rows) {
                  if (rows.size() < kMinGiven) return;
                  std::sort(rows.begin(), rows.end(), by_key);
                  for (std::uint64_t k = 0; k < tenth(rows.size()); ++k) {
                    part[rows[k].row] = part_of(Split::validation);
                  }
                });
}

// Moves the rows of `among` at or after the time that stands at time_cut of their sorted times to
// part `late`. Returns false when no row lies before that time.
bool cut_time(const EventTable& events, std::vector<std::uint8_t>& part, std::uint8_t among,
              Split late) {
  std::vector<std::int64_t> times;
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (part[row] == among) times.push_back(events.time[row]);
  }
  if (times.empty()) return true;  // nothing to cut; split_events reports it
  const auto cut = times.begin() + static_cast<std::ptrdiff_t>(time_cut(times.size(), late));
  std::nth_element(times.begin(), cut, times.end());
  bool any_before = false;
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (part[row] != among) continue;
    if (events.time[row] >= *cut) {
      part[row] = part_of(late);
    } else {
      any_before = true;
    }
  }
  return any_before;
}

void split_time(const EventTable& events, std::vector<std::uint8_t>& part) {
  constexpr std::uint8_t kTrain = part_of(Split::train);
  if (!cut_time(events, part, kTrain, Split::test) ||
      !cut_time(events, part, kTrain, Split::validation)) {
    fail_nothing_before_cut();
  }
}

// cold-items and cold-users: all rows of a chosen node go to its part, the others stay in training.
void hold_nodes_out(const StringTable& ids, const std::vector<std::uint32_t>& node,
                    const Protocol& protocol, std::vector<std::uint8_t>& part) {
  const Random random(protocol.seed, Purpose::split, kColdStep);
  std::vector<std::uint8_t> part_of_node(ids.size());
  parallel_for(ids.size(), 4096, [&](std::uint64_t n) {
    const double draw = random.uniform(hash_bytes(ids[n]));
    part_of_node[n] = part_of(draw < protocol.cold_share / 2 ? Split::test
                              : draw < protocol.cold_share   ? Split::validation
                                                             : Split::train);
  });
  bool any = false;
  for (std::uint64_t row = 0; row < part.size(); ++row) {
    if (part[row] == kDropped) continue;
    part[row] = part_of_node[node[row]];
    any = any || part[row] == part_of(Split::test);
  }
  if (!any) {
    fail_usage(
        "--protocol {}: of {} ids none falls into the half of --cold-share {} that is tested; "
        "raise the share, or choose another --seed",
        protocol.name, ids.size(), protocol.cold_share);
  }
}

}  // namespace

void fail_nothing_before_cut() {
  fail(
      "--protocol time: too many interactions share the earliest time, so that none is left to "
      "train on; choose --protocol random");
}

std::uint64_t split_key(const Random& random, std::uint64_t user_hash, std::uint64_t item_hash,
                        std::uint32_t occurrence) {
  return random.bits(user_hash * 0x9E3779B97F4A7C15ULL + item_hash, occurrence);
}

void choose_random(std::vector<KeyedRow>& rows, std::vector<std::uint8_t>& part) {
  const std::uint64_t test = rows.size() / kTestShare;
  const std::uint64_t held_out = test + tenth(rows.size() - test);
  const auto first = rows.begin(), cut = first + static_cast<std::ptrdiff_t>(held_out);
  // The held-out rows in front, of those the tested ones.
  std::nth_element(first, cut, rows.end(), by_key);
  std::nth_element(first, first + static_cast<std::ptrdiff_t>(test), cut, by_key);
  for (std::uint64_t k = 0; k < held_out; ++k) {
    part[rows[k].row] = part_of(k < test ? Split::test : Split::validation);
  }
}

void choose_leave_last(std::vector<KeyedRow>& rows, std::vector<std::uint8_t>& part) {
  if (rows.size() < kMinLeaveLast) return;
  std::nth_element(rows.begin(), rows.end() - 2, rows.end(), by_time);
  part[rows[rows.size() - 1].row] = part_of(Split::test);
  part[rows[rows.size() - 2].row] = part_of(Split::validation);
}

Protocol make_protocol(std::string_view name, std::uint64_t seed, bool keep_repeats,
                       double cold_share) {
  Protocol protocol;
  protocol.name = name;
  protocol.seed = seed;
  protocol.keep_repeats = keep_repeats;
  if (name == "random") {
    protocol.text =
        "random: of each user's n interactions floor(n / 5) are test, chosen by hash of (seed, "
        "user, item, occurrence); of the m that remain floor((m + 5) / 10) are validation.";
  } else if (name == "leave-last") {
    protocol.text =
        "leave-last: of each user with at least 3 interactions the last in time is test and the "
        "one before it validation; equal times are ordered by hash of (seed, user, item, "
        "occurrence).";
  } else if (name == "time") {
    protocol.text =
        "time: interactions at or after the 80 % quantile of all times are test; of the others "
        "those at or after their 7/8 quantile are validation.";
  } else if (name == "given") {
    protocol.text =
        "given: train and test as the source gives them; validation as given, or else "
        "floor((n + 5) / 10) of the n training interactions of each user with at least 5, chosen "
        "by hash of (seed, user, item, occurrence).";
  } else if (name == "cold-items" || name == "cold-users") {
    const std::string_view kind = name.substr(5, 4);
    protocol.cold_share = cold_share;
    protocol.text = fmt::format(
        "{}: each {}'s hash of (seed, {} id) is uniform in [0, 1); below {} all of its "
        "interactions "
        "are test, else below {} all are validation: these {}s are cold, without a training "
        "interaction. The other interactions follow random: of each user's n of them floor(n / 5) "
        "are test, chosen by hash of (seed, user, item, occurrence); of the m that remain "
        "floor((m + 5) / 10) are validation.",
        name, kind, kind, cold_share / 2, cold_share, kind);
  } else {
    fail_usage("--protocol: '{}' is not one of {}", name, kProtocolNames);
  }
  protocol.text +=
      keep_repeats ? " Held-out pairs that stand in an earlier part are kept."
                   : " Held-out pairs that stand in an earlier part (train, validation) are left "
                     "out.";
  return protocol;
}

std::vector<std::uint8_t> choose_users(const StringTable& users, std::uint64_t seed, double share) {
  const Random random(seed, Purpose::subset);
  std::vector<std::uint8_t> chosen(users.size());
  parallel_for(users.size(), 4096,
               [&](std::uint64_t u) { chosen[u] = random.uniform(hash_bytes(users[u])) < share; });
  return chosen;
}

void assign_parts(const EventTable& events, const RowsByUser& by_user, const Protocol& protocol,
                  std::vector<std::uint8_t>& part) {
  if (protocol.name == "given" && events.part.empty()) {
    fail_usage(
        "--protocol given: the source does not come split into train and test; choose random, "
        "leave-last or time");
  }
  if ((protocol.name == "leave-last" || protocol.name == "time") && events.time.empty()) {
    fail_usage(
        "--protocol {}: the source has no times; name their column with --columns time=NAME, or "
        "choose --protocol random",
        protocol.name);
  }
  if (protocol.name == "time") return split_time(events, part);
  const bool cold = protocol.name.starts_with("cold-");
  if (protocol.name == "cold-items") hold_nodes_out(events.items, events.item, protocol, part);
  if (protocol.name == "cold-users") hold_nodes_out(events.users, events.user, protocol, part);
  const Keys keys(events, protocol.seed);
  if (protocol.name == "given") return split_given(events, by_user, keys, part);
  const auto choose = protocol.name == "random" || cold ? choose_random : choose_leave_last;
  for_each_user(events, by_user, keys, part, part_of(Split::train),
                [&](std::vector<KeyedRow>& rows) { choose(rows, part); });
}

}  // namespace halorec
