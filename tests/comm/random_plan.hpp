// Halo plans drawn alike on every rank, and rows whose values every rank knows.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/random.hpp"

namespace halorec {

// The ghosts of every rank, so that each rank can work out naively what the others do. Every third
// plan has a rank that owns nothing; some ranks want nothing.
struct RandomPlan {
  std::vector<std::int64_t> num_owned;
  std::vector<std::vector<std::int32_t>> ghost_owner, ghost_row;  // by rank

  RandomPlan(int num_ranks, std::uint64_t seed) {
    const Random random(seed, Purpose::test);
    std::uint64_t draw = 0;
    for (int r = 0; r < num_ranks; ++r) {
      const bool empty = seed % 3 == 0 && r == static_cast<int>(seed / 3) % num_ranks;
      num_owned.push_back(empty ? 0 : 1 + static_cast<std::int64_t>(random.below(40, draw++)));
    }
    for (int r = 0; r < num_ranks; ++r) {
      auto& owner = ghost_owner.emplace_back();
      auto& row = ghost_row.emplace_back();
      const double share = random.below(4, draw++) == 0 ? 0 : random.uniform(draw++);
      for (int from = 0; from < num_ranks; ++from) {
        for (std::int32_t k = 0; k < num_owned[static_cast<std::size_t>(from)]; ++k) {
          if (from == r || random.uniform(draw++) >= share) continue;
          owner.push_back(from);
          row.push_back(k);
        }
      }
    }
  }
};

template <typename T>
T element(std::uint64_t seed, int rank, std::int64_t row, std::int64_t column) {
  return static_cast<T>(
      Random(seed, Purpose::test, 1)
          .normal(static_cast<std::uint64_t>(rank) << 32 | static_cast<std::uint64_t>(row),
                  static_cast<std::uint32_t>(column)));
}

// The rows of a rank, `stride` apart; the gaps hold a value that must never travel or change.
constexpr int kGap = -12345;
template <typename T>
std::vector<T> rows_of(std::uint64_t seed, int rank, std::int64_t num_rows, std::int64_t width,
                       std::int64_t stride) {
  std::vector<T> rows(static_cast<std::size_t>(num_rows * stride), T{kGap});
  for (std::int64_t r = 0; r < num_rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      rows[static_cast<std::size_t>(r * stride + c)] = element<T>(seed, rank, r, c);
    }
  }
  return rows;
}

}  // namespace halorec
