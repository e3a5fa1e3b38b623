#include "partition/side/co_occurrence.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "partition/parallel.hpp"
#include "partition/readers/side_lists.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kMostItems = 1000;
constexpr std::uint32_t kFewestTogether = 2;

// Items of each basket, ascending and distinct.
struct Baskets {
  std::vector<std::uint64_t> begin{0};
  std::vector<std::uint32_t> item;
  std::uint64_t too_large = 0;

  std::uint64_t size() const { return begin.size() - 1; }
  void close() {
    const auto first = item.begin() + static_cast<std::ptrdiff_t>(begin.back());
    std::sort(first, item.end());
    item.erase(std::unique(first, item.end()), item.end());
    const std::uint64_t count = item.size() - begin.back();
    if (count > kMostItems) {
      ++too_large;
      item.resize(begin.back());
    } else if (count > 0) {
      begin.push_back(item.size());
    }
  }
};

Baskets find_baskets(const Interactions& train, std::uint64_t session_gap) {
  Baskets baskets;
  std::vector<std::pair<std::int64_t, std::uint32_t>> rows;  // of one user: time, item
  for (std::uint64_t k = 0; k < train.size();) {
    const std::uint32_t user = train.user[k];
    rows.clear();
    for (; k < train.size() && train.user[k] == user; ++k) {
      rows.emplace_back(train.time.empty() ? 0 : train.time[k], train.item[k]);
    }
    std::sort(rows.begin(), rows.end());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      // The difference of two times may not fit 63 bits; as unsigned numbers it does.
      const bool pause = r > 0 && static_cast<std::uint64_t>(rows[r].first) -
                                          static_cast<std::uint64_t>(rows[r - 1].first) >
                                      session_gap;
      if (pause) baskets.close();
      baskets.item.push_back(rows[r].second);
    }
    baskets.close();
  }
  return baskets;
}

struct Candidate {
  double pmi;
  std::uint32_t together, item;
};

}  // namespace

LinkTable derive_co_occurrence(const Interactions& train, std::uint64_t num_items,
                               const CoOccurrenceOptions& options, nlohmann::ordered_json& counts) {
  const Baskets baskets = find_baskets(train, options.session_gap);
  // Baskets of each item: the transpose.
  std::vector<std::uint64_t> begin(num_items + 1, 0);
  for (const std::uint32_t item : baskets.item) ++begin[item + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<std::uint64_t> basket(baskets.item.size());
  std::vector<std::uint64_t> next(begin.begin(), begin.end() - 1);
  for (std::uint64_t b = 0; b < baskets.size(); ++b) {
    for (std::uint64_t k = baskets.begin[b]; k < baskets.begin[b + 1]; ++k) {
      basket[next[baskets.item[k]]++] = b;
    }
  }
  const auto num_baskets = static_cast<double>(baskets.size());
  const auto baskets_of = [&](std::uint64_t item) {
    return static_cast<double>(begin[item + 1] - begin[item]);
  };
  std::vector<std::vector<RawLink>> chosen(num_items);
  parallel_for(num_items, 64, [&](std::uint64_t i) {
    static thread_local std::vector<std::uint32_t> together;
    static thread_local std::vector<std::uint32_t> met;
    static thread_local std::vector<Candidate> candidates;
    together.resize(std::max<std::size_t>(together.size(), num_items), 0);
    met.clear();
    candidates.clear();
    for (std::uint64_t e = begin[i]; e < begin[i + 1]; ++e) {
      for (std::uint64_t k = baskets.begin[basket[e]]; k < baskets.begin[basket[e] + 1]; ++k) {
        if (together[baskets.item[k]]++ == 0) met.push_back(baskets.item[k]);
      }
    }
    for (const std::uint32_t j : met) {
      const std::uint32_t count = std::exchange(together[j], 0U);
      if (j == i || count < kFewestTogether) continue;
      // Symmetric to the last bit: both ends give a link the same weight.
      const double pmi = std::log(count * num_baskets / (baskets_of(i) * baskets_of(j)));
      if (pmi > 0) candidates.push_back({pmi, count, j});
    }
    const std::size_t top = std::min<std::size_t>(options.top, candidates.size());
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(top),
                      candidates.end(), [](const Candidate& a, const Candidate& b) {
                        return std::tie(b.pmi, b.together, a.item) <
                               std::tie(a.pmi, a.together, b.item);
                      });
    for (std::size_t k = 0; k < top; ++k) {
      chosen[i].push_back({static_cast<std::uint32_t>(i), candidates[k].item,
                           static_cast<float>(candidates[k].pmi)});
    }
  });
  std::vector<RawLink> links;
  for (const std::vector<RawLink>& of_item : chosen) {
    links.insert(links.end(), of_item.begin(), of_item.end());
  }
  counts["baskets"] = baskets.size();
  counts["baskets_too_large"] = baskets.too_large;
  return make_link_table(NodeKind::item, std::string(kCoOccurrenceName), false, num_items,
                         std::move(links));
}

}  // namespace halorec
