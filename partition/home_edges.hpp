// How interactions get from the dataset file to the ranks that hold their ends: every rank reads a
// slice of a split, sends each pair to the rank that a rule names, and groups what arrives by row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "comm/communicator.hpp"
#include "partition/dataset.hpp"
#include "partition/graph.hpp"

namespace halorec {

struct Pair {
  std::uint32_t user;
  std::uint32_t item;
  friend auto operator<=>(const Pair&, const Pair&) = default;
};

// Reads this rank's slice of a split, a chunk at a time, and hands each chunk to `deliver`, which
// may communicate: every rank delivers equally often. Collective.
template <typename Deliver>
void read_slices(Communicator& communicator, const DatasetFile& dataset, Split split,
                 const Deliver& deliver, bool all_columns = false) {
  constexpr std::uint64_t kChunk = std::uint64_t{1} << 22;
  const std::uint64_t total = dataset.num_interactions(split);
  const auto num_ranks = static_cast<std::uint64_t>(communicator.size());
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  const std::uint64_t first = total * rank / num_ranks;
  const std::uint64_t last = total * (rank + 1) / num_ranks;
  const std::uint64_t largest = (total + num_ranks - 1) / num_ranks;
  for (std::uint64_t done = 0; done < largest; done += kChunk) {
    Interactions chunk;
    const std::uint64_t begin = std::min(last, first + done);
    const std::uint64_t end = std::min(last, begin + kChunk);
    communicator.together([&] { chunk = dataset.read(split, begin, end - begin, all_columns); });
    deliver(chunk);
  }
}

// The same for every split that the part counts.
template <typename Deliver>
void read_slices(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
                 const Deliver& deliver) {
  read_slices(communicator, dataset, Split::train, deliver);
  if (part == TrainingPart::train) return;
  read_slices(communicator, dataset, Split::validation, deliver);
}

// Sends each interaction to the rank that `owner_of(user, item)` names. Collective.
template <typename OwnerOf>
std::vector<Pair> send_home(Communicator& communicator, const Interactions& chunk,
                            const OwnerOf& owner_of) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(communicator.size()), 0);
  for (std::size_t e = 0; e < chunk.user.size(); ++e) {
    ++counts[static_cast<std::size_t>(owner_of(chunk.user[e], chunk.item[e]))];
  }
  std::vector<std::int64_t> next(counts.size(), 0);
  std::exclusive_scan(counts.begin(), counts.end(), next.begin(), std::int64_t{0});
  std::vector<std::uint64_t> packed(chunk.user.size());
  for (std::size_t e = 0; e < chunk.user.size(); ++e) {
    auto& slot = next[static_cast<std::size_t>(owner_of(chunk.user[e], chunk.item[e]))];
    packed[static_cast<std::size_t>(slot++)] =
        static_cast<std::uint64_t>(chunk.user[e]) << 32 | chunk.item[e];
  }
  const auto received = communicator.all_to_all<std::uint64_t>(packed, counts);
  std::vector<Pair> pairs(received.size());
  std::transform(received.begin(), received.end(), pairs.begin(), [](std::uint64_t both) {
    return Pair{static_cast<std::uint32_t>(both >> 32), static_cast<std::uint32_t>(both)};
  });
  return pairs;
}

// The same with what is known of each interaction; `has_times`: of the data set, the same on every
// rank, whether or not a chunk is empty. Collective.
struct WeighedPairs {
  std::vector<Pair> pairs;
  std::vector<float> weight;
  std::vector<std::int64_t> time;  // empty without times
};

template <typename OwnerOf>
WeighedPairs send_home_weighed(Communicator& communicator, const Interactions& chunk,
                               bool has_times, const OwnerOf& owner_of) {
  WeighedPairs arrived;
  arrived.pairs = send_home(communicator, chunk, owner_of);
  // Weights and times travel apart, in the order of the pairs.
  std::vector<std::int64_t> counts(static_cast<std::size_t>(communicator.size()), 0);
  for (std::size_t e = 0; e < chunk.user.size(); ++e) {
    ++counts[static_cast<std::size_t>(owner_of(chunk.user[e], chunk.item[e]))];
  }
  const auto send = [&]<typename V>(const std::vector<V>& values) {
    std::vector<std::int64_t> next(counts.size(), 0);
    std::exclusive_scan(counts.begin(), counts.end(), next.begin(), std::int64_t{0});
    std::vector<V> packed(values.size());
    for (std::size_t e = 0; e < values.size(); ++e) {
      auto& slot = next[static_cast<std::size_t>(owner_of(chunk.user[e], chunk.item[e]))];
      packed[static_cast<std::size_t>(slot++)] = values[e];
    }
    return communicator.all_to_all<V>(packed, counts);
  };
  arrived.weight = send(chunk.weight);
  if (has_times) arrived.time = send(chunk.time);
  return arrived;
}

// Rows of distinct ascending values: groups (row, value) pairs by row.
struct Lists {
  std::vector<std::int64_t> begin;
  std::vector<std::uint32_t> values;
};

template <typename RowOf, typename ValueOf>
Lists group(const std::vector<Pair>& pairs, std::int64_t num_rows, const RowOf& row_of,
            const ValueOf& value_of) {
  Lists lists;
  lists.begin.assign(static_cast<std::size_t>(num_rows) + 1, 0);
  for (const Pair& pair : pairs) ++lists.begin[static_cast<std::size_t>(row_of(pair)) + 1];
  std::partial_sum(lists.begin.begin(), lists.begin.end(), lists.begin.begin());
  lists.values.resize(pairs.size());
  std::vector<std::int64_t> next(lists.begin.begin(), lists.begin.end() - 1);
  for (const Pair& pair : pairs) {
    lists.values[static_cast<std::size_t>(next[static_cast<std::size_t>(row_of(pair))]++)] =
        value_of(pair);
  }
  std::int64_t kept = 0;
  for (std::size_t r = 0; r < static_cast<std::size_t>(num_rows); ++r) {
    const auto first = lists.values.begin() + lists.begin[r];
    const auto last = lists.values.begin() + lists.begin[r + 1];
    std::sort(first, last);
    const auto end = std::unique(first, last);
    lists.begin[r] = kept;
    std::copy(first, end, lists.values.begin() + kept);
    kept += end - first;
  }
  lists.begin.back() = kept;
  lists.values.resize(static_cast<std::size_t>(kept));
  lists.values.shrink_to_fit();
  return lists;
}

}  // namespace halorec
