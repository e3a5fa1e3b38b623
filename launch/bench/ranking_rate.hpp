// How fast everyone is ranked beside how fast the scores alone are multiplied.
#pragma once

#include <cstdint>

#include "launch/bench/statistics.hpp"
#include "partition/shard.hpp"

namespace halorec {

struct RankingRate {
  std::int64_t num_people = 0;  // the first users, so many that a round stays short
  std::uint64_t num_items = 0;
  std::int64_t k = 0;
  double flops = 0;  // of all scores
  Summary seconds;
  // The same scores by the same matrix products, the better of two tiles, with nothing behind them.
  Summary product_seconds;
  Summary fraction;  // product over ranking, round by round
};

// Top k of random rows of `dim` floats, training items left out, all items and threads. One rank.
RankingRate measure_ranking(const Shard& shard, const DatasetFile& dataset, std::int64_t dim,
                            std::int64_t k, std::int64_t rounds, std::uint64_t seed);

}  // namespace halorec
