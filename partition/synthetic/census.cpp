#include "partition/synthetic/census.hpp"

#include <algorithm>
#include <atomic>
#include <span>

#include "comm/check.hpp"
#include "comm/communicator.hpp"

namespace halorec {
namespace {

constexpr unsigned kClassShift = 62, kUserShift = 30;  // of a first appearance
constexpr std::uint64_t kNever = ~std::uint64_t{0};    // class 3: nowhere

std::uint64_t appearance(std::uint8_t part, std::uint32_t user, std::uint64_t k) {
  return std::uint64_t{part} << kClassShift | std::uint64_t{user} << kUserShift | k;
}

// What a rank counts; summed over the users of a chunk, then over chunks.
struct Counts {
  BySegment<std::uint64_t> rows{};
  std::array<std::uint64_t, kNumSplits> users{};       // by class
  std::array<std::uint64_t, kNumSplits> cold_users{};  // by part

  void add_user(const std::array<std::uint64_t, kNumSplits>& rows_of_part,
                std::uint8_t user_class) {
    ++users[user_class];
    for (std::uint8_t part = user_class; part < kNumSplits; ++part) {
      rows[segment_of(part, user_class)] += rows_of_part[part];
      if (user_class > 0 && rows_of_part[part] > 0) ++cold_users[part];
    }
  }
  void add(const Counts& other) {
    for (std::size_t k = 0; k < rows.size(); ++k) rows[k] += other.rows[k];
    for (std::size_t k = 0; k < users.size(); ++k) {
      users[k] += other.users[k];
      cold_users[k] += other.cold_users[k];
    }
  }
};

// First appearance of every item, and whether it is tested; filled from many threads.
class ItemsSeen {
 public:
  explicit ItemsSeen(std::uint32_t num_items) : first_(num_items, kNever), tested_(num_items, 0) {}

  void add(std::uint32_t item, std::uint8_t part, std::uint64_t at) {
    const std::atomic_ref first(first_[item]);
    for (auto seen = first.load(std::memory_order_relaxed);
         at < seen && !first.compare_exchange_weak(seen, at, std::memory_order_relaxed);) {
    }
    if (part == static_cast<std::uint8_t>(Split::test)) {
      std::atomic_ref(tested_[item]).store(1, std::memory_order_relaxed);
    }
  }
  void combine(Communicator& communicator) {
    if (communicator.size() == 1) return;
    communicator.min(std::span<std::uint64_t>(first_));
    communicator.sum(std::span<std::uint32_t>(tested_));
  }
  void number(Census& census) {
    std::vector<std::uint32_t>& origin = census.item_origin;
    for (std::uint32_t i = 0; i < first_.size(); ++i) {
      if (first_[i] == kNever) continue;
      origin.push_back(i);
      const auto item_class = static_cast<std::size_t>(first_[i] >> kClassShift);
      ++census.items[item_class];
      if (item_class == 1) ++census.cold_items[1];
      if (item_class > 0 && tested_[i] != 0) ++census.cold_items[2];
    }
    std::sort(origin.begin(), origin.end(),
              [&](std::uint32_t a, std::uint32_t b) { return first_[a] < first_[b]; });
    census.item_number.resize(first_.size());
    for (std::uint32_t n = 0; n < origin.size(); ++n) census.item_number[origin[n]] = n;
  }

 private:
  std::vector<std::uint64_t> first_;
  std::vector<std::uint32_t> tested_;
};

Counts count_users(const EdgeSource& source, const UserSplit& split, UserRange mine,
                   std::vector<std::uint8_t>& user_class, ItemsSeen& items) {
  std::vector<Counts> by_chunk(num_chunks(mine));
  for_each_user(source, mine, [&](std::uint32_t user, const UserEdges& edges) {
    static thread_local std::vector<std::uint8_t> part;
    HALOREC_ASSERT_LIGHT(edges.item.size() < std::uint64_t{1} << kUserShift);
    split(user, edges, part);
    std::array<std::uint64_t, kNumSplits> rows{};
    for (std::size_t k = 0; k < part.size(); ++k) {
      ++rows[part[k]];
      items.add(edges.item[k], part[k], appearance(part[k], user, k));
    }
    std::uint8_t first = 0;
    while (first < kNumSplits && rows[first] == 0) ++first;
    user_class[user - mine.first] = first;
    if (first != kNowhere) by_chunk[(user - mine.first) / kUsersPerChunk].add_user(rows, first);
  });
  Counts all;
  for (const Counts& counts : by_chunk) all.add(counts);
  return all;
}

}  // namespace

Census take_census(const EdgeSource& source, const UserSplit& split, UserRange mine,
                   Communicator& communicator) {
  Census census;
  Counts counted;
  std::optional<ItemsSeen> items;
  communicator.together([&] {
    items.emplace(source.num_items());
    census.user_class.resize(mine.size());
    counted = count_users(source, split, mine, census.user_class, *items);
  });
  items->combine(communicator);
  items->number(census);
  items.reset();

  const std::vector<std::uint64_t> rows =
      communicator.all_gather(std::span<const std::uint64_t>(counted.rows));
  const std::vector<std::uint64_t> users =
      communicator.all_gather(std::span<const std::uint64_t>(counted.users));
  const auto ranks = static_cast<std::size_t>(communicator.size());
  const auto rank = static_cast<std::size_t>(communicator.rank());
  // Segments of a part by user class, in each the ranks in order.
  census.begin.resize(ranks);
  for (std::uint8_t part = 0; part < kNumSplits; ++part) {
    std::uint64_t& next = census.interactions[part];
    for (std::uint8_t user_class = 0; user_class <= part; ++user_class) {
      const std::size_t segment = segment_of(part, user_class);
      for (std::size_t r = 0; r < ranks; ++r) {
        census.begin[r][segment] = next;
        next += rows[r * kNumSegments + segment];
      }
    }
  }
  std::array<std::uint64_t, kNumSplits> next_user{};  // number of this rank's next of each class
  std::uint64_t next = 0;
  for (std::size_t user_class = 0; user_class < kNumSplits; ++user_class) {
    for (std::size_t r = 0; r < ranks; ++r) {
      if (r == rank) next_user[user_class] = next;
      next += users[r * kNumSplits + user_class];
      census.users[user_class] += users[r * kNumSplits + user_class];
    }
  }
  census.user_number.resize(mine.size());
  for (std::uint32_t u = 0; u < mine.size(); ++u) {
    const std::uint8_t user_class = census.user_class[u];
    if (user_class == kNowhere) continue;
    census.user_number[u] = static_cast<std::uint32_t>(next_user[user_class]++);
  }
  communicator.sum(std::span<std::uint64_t>(counted.cold_users));
  census.cold_users = counted.cold_users;
  return census;
}

}  // namespace halorec
