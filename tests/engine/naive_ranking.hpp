// Coarse rows to rank by, and what a ranking by them should be, the naive way.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "comm/random.hpp"
#include "engine/matrix.hpp"
#include "engine/ranking.hpp"
#include "engine/scorer.hpp"
#include "tests/engine/coarse_number.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {

inline constexpr std::int64_t kDim = 5;

inline Matrix<float> coarse_rows(const Shard& shard) {
  Matrix<float> rows(shard.num_owned(), kDim);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < kDim; ++c) rows(r, c) = coarse_number(shard.global_id(r), c);
  }
  return rows;
}

// What a list should be: every candidate scored, all sorted.
struct Naive {
  const Dataset& data;
  std::vector<std::vector<std::uint32_t>> train = items_by_user(data, Split::train);
  std::vector<std::vector<std::uint32_t>> validation = items_by_user(data, Split::validation);
  std::vector<std::uint32_t> degree = degrees();

  std::vector<std::uint32_t> degrees() const {
    std::vector<std::uint32_t> counts(data.items.size(), 0);
    for (const std::uint32_t item : data[Split::train].item) ++counts[item];
    return counts;
  }
  float score(std::uint32_t user, std::uint32_t item) const {
    if (train[user].empty()) return static_cast<float>(degree[item]);
    float sum = 0;
    for (std::int64_t c = 0; c < kDim; ++c) {
      sum += coarse_number({NodeKind::user, user}, c) * coarse_number({NodeKind::item, item}, c);
    }
    return sum;
  }
  std::vector<RankedItem> list(std::uint32_t user, std::size_t k, bool exclude_train,
                               bool exclude_validation,
                               const std::set<std::uint32_t>* only = nullptr) const {
    std::vector<RankedItem> all;
    for (std::uint32_t i = 0; i < data.items.size(); ++i) {
      const auto holds = [i](const std::vector<std::uint32_t>& items) {
        return std::find(items.begin(), items.end(), i) != items.end();
      };
      if (degree[i] == 0 || (only != nullptr && only->count(i) == 0)) continue;
      if (exclude_train && holds(train[user])) continue;
      if (exclude_validation && holds(validation[user])) continue;
      all.push_back({i, score(user, i)});
    }
    std::sort(all.begin(), all.end(), [this](const RankedItem& a, const RankedItem& b) {
      if (a.score != b.score) return a.score > b.score;
      return hash_bytes(data.items[a.item]) < hash_bytes(data.items[b.item]);
    });
    all.resize(std::min(all.size(), k));
    return all;
  }
};

inline std::vector<std::int32_t> all_people(const Shard& shard) {
  std::vector<std::int32_t> people;
  for (std::int32_t row = 0; row < shard.num_owned_users(); ++row) people.push_back(row);
  return people;
}

// The lists of this rank's users, k items each. Collective.
inline RankedLists rank_everyone(Scorer& scorer, const Catalogue& catalogue, std::int64_t k) {
  const auto people = all_people(scorer.shard());
  RankingQuery query;
  query.k = k;
  query.people = people;
  return rank_items(scorer, catalogue, query);
}

class Ranking : public testing::TestWithParam<Deal> {};

}  // namespace halorec
