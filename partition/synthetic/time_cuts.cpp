#include "partition/synthetic/time_cuts.hpp"

#include <atomic>
#include <span>

#include "comm/communicator.hpp"
#include "partition/assign_parts.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kBins = 1 << 16;

struct TimeRange {
  std::int64_t first, last;
};

class Times {
 public:
  Times(const EdgeSource& source, UserRange mine, Communicator& communicator)
      : source_(source), mine_(mine), communicator_(communicator) {
    std::atomic<std::int64_t> first{INT64_MAX}, last{INT64_MIN};
    std::atomic<std::uint64_t> count{0};
    communicator_.together([&] {
      for_each_user(source_, mine_, [&](std::uint32_t, const UserEdges& edges) {
        count.fetch_add(edges.time.size(), std::memory_order_relaxed);
        for (const std::int64_t time : edges.time) {
          for (auto seen = first.load(); time < seen && !first.compare_exchange_weak(seen, time);) {
          }
          for (auto seen = last.load(); time > seen && !last.compare_exchange_weak(seen, time);) {
          }
        }
      });
    });
    range_ = {communicator_.min(first.load()), communicator_.max(last.load())};
    count_ = communicator_.sum(count.load());
  }

  std::uint64_t count() const { return count_; }

  // The time at place `rank` of all in order; *before becomes the number of earlier ones.
  std::int64_t select(std::uint64_t rank, std::uint64_t* before) const {
    TimeRange range = range_;
    *before = 0;
    while (range.first < range.last) {
      const std::int64_t width = (range.last - range.first) / kBins + 1;
      const std::vector<std::uint64_t> histogram = count_between(range, width);
      std::size_t bin = 0;
      while (*before + histogram[bin] <= rank) *before += histogram[bin++];
      range.first += static_cast<std::int64_t>(bin) * width;
      range.last = std::min(range.last, range.first + width - 1);
    }
    return range.first;
  }

 private:
  std::vector<std::uint64_t> count_between(TimeRange range, std::int64_t width) const {
    std::vector<std::uint64_t> histogram(kBins, 0);
    communicator_.together([&] {
      for_each_user(source_, mine_, [&](std::uint32_t, const UserEdges& edges) {
        for (const std::int64_t time : edges.time) {
          if (time < range.first || time > range.last) continue;
          const auto bin = static_cast<std::size_t>((time - range.first) / width);
          std::atomic_ref(histogram[bin]).fetch_add(1, std::memory_order_relaxed);
        }
      });
    });
    communicator_.sum(std::span<std::uint64_t>(histogram));
    return histogram;
  }

  const EdgeSource& source_;
  UserRange mine_;
  Communicator& communicator_;
  TimeRange range_{};
  std::uint64_t count_ = 0;
};

}  // namespace

TimeCuts find_time_cuts(const EdgeSource& source, UserRange mine, Communicator& communicator) {
  const Times times(source, mine, communicator);
  if (times.count() == 0) return {INT64_MAX, INT64_MAX};  // generate_dataset reports it
  TimeCuts cuts{};
  std::uint64_t before = 0;
  const auto check = [&] {
    communicator.together([&] {
      if (before == 0) fail_nothing_before_cut();
    });
  };
  cuts.test = times.select(time_cut(times.count(), Split::test), &before);
  check();
  cuts.validation = times.select(time_cut(before, Split::validation), &before);
  check();
  return cuts;
}

}  // namespace halorec
