// Lists of neighbours with what each weighs, on the way from link tables to adjacencies.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <tuple>
#include <vector>

#include "partition/home_edges.hpp"

namespace halorec {

struct WeighedLists {
  std::vector<std::int64_t> begin{0};
  std::vector<std::uint32_t> values;  // ascending and distinct within a row
  std::vector<float> weights;

  // Of nodes that have none of these links.
  static WeighedLists none(std::int64_t num_rows) {
    return {std::vector<std::int64_t>(static_cast<std::size_t>(num_rows) + 1, 0), {}, {}};
  }
};

// By the row of whoever hears(pair); heard(pair) is the other end. Of links between the same two
// nodes the heaviest.
template <typename RowOf, typename Heard>
WeighedLists group_heaviest(const WeighedPairs& links, std::int64_t num_rows, const RowOf& row_of,
                            const Heard& heard) {
  std::vector<std::size_t> order(links.pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t k) {
    return std::tuple(row_of(links.pairs[k]), heard(links.pairs[k]), -links.weight[k]);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  WeighedLists lists;
  std::size_t next = 0;
  for (std::int64_t row = 0; row < num_rows; ++row) {
    for (; next < order.size() && row_of(links.pairs[order[next]]) == row; ++next) {
      const std::uint32_t far = heard(links.pairs[order[next]]);
      if (std::ssize(lists.values) > lists.begin.back() && lists.values.back() == far) continue;
      lists.values.push_back(far);
      lists.weights.push_back(links.weight[order[next]]);
    }
    lists.begin.push_back(std::ssize(lists.values));
  }
  return lists;
}

// The entries (row, value) that `keep` says.
template <typename Keep>
WeighedLists filter(const WeighedLists& lists, const Keep& keep) {
  WeighedLists kept;
  for (std::size_t row = 0; row + 1 < lists.begin.size(); ++row) {
    for (std::int64_t e = lists.begin[row]; e < lists.begin[row + 1]; ++e) {
      const auto entry = static_cast<std::size_t>(e);
      if (!keep(static_cast<std::int64_t>(row), lists.values[entry])) continue;
      kept.values.push_back(lists.values[entry]);
      kept.weights.push_back(lists.weights[entry]);
    }
    kept.begin.push_back(std::ssize(kept.values));
  }
  return kept;
}

// Gives each of two lists the values of the other, with weight zero.
inline void complete(WeighedLists& a, WeighedLists& b) {
  WeighedLists full_a, full_b;
  for (std::size_t row = 0; row + 1 < a.begin.size(); ++row) {
    auto of_a = static_cast<std::size_t>(a.begin[row]);
    auto of_b = static_cast<std::size_t>(b.begin[row]);
    const auto end_a = static_cast<std::size_t>(a.begin[row + 1]);
    const auto end_b = static_cast<std::size_t>(b.begin[row + 1]);
    while (of_a < end_a || of_b < end_b) {
      const bool in_a = of_a < end_a && (of_b == end_b || a.values[of_a] <= b.values[of_b]);
      const bool in_b = of_b < end_b && (of_a == end_a || b.values[of_b] <= a.values[of_a]);
      const std::uint32_t value = in_a ? a.values[of_a] : b.values[of_b];
      full_a.values.push_back(value);
      full_a.weights.push_back(in_a ? a.weights[of_a++] : 0);
      full_b.values.push_back(value);
      full_b.weights.push_back(in_b ? b.weights[of_b++] : 0);
    }
    full_a.begin.push_back(std::ssize(full_a.values));
    full_b.begin.push_back(std::ssize(full_b.values));
  }
  a = std::move(full_a);
  b = std::move(full_b);
}

}  // namespace halorec
