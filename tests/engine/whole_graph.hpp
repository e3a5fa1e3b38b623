// What a test needs to compare ranks with one process that sees everything: node matrices filled by
// global id, and gathered again into one matrix whose rows are all users, then all items.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "comm/random.hpp"
#include "engine/matrix.hpp"
#include "partition/shard.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {

// Row of a node in a matrix over the whole graph.
inline std::int64_t whole_row(const Shard& shard, GlobalId id) {
  return id.kind() == NodeKind::user ? id.index()
                                     : std::int64_t{shard.num_users()} + std::int64_t{id.index()};
}

// Normal numbers of (key, node, column): the same for a node on any number of ranks.
template <typename T>
Matrix<T> random_rows(const Shard& shard, std::int64_t cols, std::uint64_t key) {
  const Random random(3, Purpose::test, key);
  Matrix<T> rows(shard.num_owned(), cols);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      rows(r, c) =
          static_cast<T>(random.normal(shard.global_id(r).bits(), static_cast<std::uint32_t>(c)));
    }
  }
  return rows;
}

// The rows of all ranks, on every rank: [num_users + num_items x cols]. Collective.
template <typename T>
Matrix<T> collect(const Shard& shard, const Matrix<T>& own) {
  std::vector<std::int64_t> at;
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    at.push_back(whole_row(shard, shard.global_id(r)));
  }
  const auto rows = shard.communicator().all_gather(std::span<const std::int64_t>(at));
  const auto values = shard.communicator().all_gather(own.values());
  Matrix<T> whole(std::int64_t{shard.num_users()} + std::int64_t{shard.num_items()}, own.cols());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(k) * own.cols(), own.cols(),
                whole.row(rows[k]));
  }
  return whole;
}

// The rows of `whole` that this rank owns.
template <typename T>
Matrix<T> own_rows_of(const Shard& shard, const Matrix<T>& whole) {
  Matrix<T> own(shard.num_owned(), whole.cols());
  for (std::int64_t r = 0; r < own.rows(); ++r) {
    std::copy_n(whole.row(whole_row(shard, shard.global_id(r))), whole.cols(), own.row(r));
  }
  return own;
}

// Sum of products over all ranks' rows. Collective.
template <typename T>
double global_dot(const Shard& shard, const Matrix<T>& x, const Matrix<T>& y) {
  double sum = 0;
  for (std::size_t k = 0; k < x.values().size(); ++k) {
    sum += static_cast<double>(x.values()[k]) * static_cast<double>(y.values()[k]);
  }
  return shard.communicator().sum(sum);
}

template <typename T>
bool same_bits(const Matrix<T>& x, const Matrix<T>& y) {
  return x.rows() == y.rows() && x.cols() == y.cols() &&
         std::equal(x.values().begin(), x.values().end(), y.values().begin());
}

// Largest difference over the largest number of `expected` (or 1e-30).
template <typename T>
double relative_difference(const Matrix<T>& actual, const Matrix<T>& expected) {
  double difference = 0, size = 1e-30;
  for (std::size_t k = 0; k < expected.values().size(); ++k) {
    const auto x = static_cast<double>(actual.values()[k]);
    const auto y = static_cast<double>(expected.values()[k]);
    if (!(std::abs(x - y) <= 1e300)) return 1e300;
    difference = std::max(difference, std::abs(x - y));
    size = std::max(size, std::abs(y));
  }
  return difference / size;
}

}  // namespace halorec
