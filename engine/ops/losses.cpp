#include "engine/ops/losses.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "engine/kernels/bf16_product.hpp"
#include "engine/kernels/dense.hpp"
#include "engine/ops/scores.hpp"
#include "engine/parallel.hpp"

namespace halorec {
namespace {

// The products between blocks of users [n x dim] and the pool [m x dim], m > 0: scores, and the
// gradients of both from those of the scores [rows x m]. bf16: rows are rounded once, at the start,
// gradients of scores when they are multiplied.
template <typename T>
class BlockProducts {
 public:
  // Each of the threads has its own room for gradients of `block_rows` rows.
  BlockProducts(MatrixView<const T> users, MatrixView<const T> pool, ScoreFormat format,
                std::int64_t block_rows, int num_threads)
      : users_(users), pool_(pool), rounds_(format == ScoreFormat::bf16) {
    HALOREC_ASSERT_LIGHT(!rounds_ || (std::is_same_v<T, float>));
    if constexpr (std::is_same_v<T, float>) {
      if (!rounds_) return;
      ones_.assign(static_cast<std::size_t>(std::max({users.rows, pool.rows, block_rows})), 1.0F);
      const auto scale = [&](std::int64_t rows) {
        return std::span<const float>(ones_).first(static_cast<std::size_t>(rows));
      };
      store_rows(scale(users.rows), users, rounded_users_);
      store_rows(scale(pool.rows), pool, rounded_pool_);
      rounded_slopes_.resize(static_cast<std::size_t>(num_threads));
      for (auto& slopes : rounded_slopes_) {
        slopes.resize(static_cast<std::size_t>(block_rows * pool.rows));
      }
    }
  }

  // s [rows x m] = the scores of users [first, first + rows).
  void scores(std::int64_t first, std::int64_t rows, T* s) const {
    const std::int64_t m = pool_.rows, dim = pool_.cols;
    if constexpr (std::is_same_v<T, float>) {
      if (rounds_) {
        kernels::bf16_product(false, true, false, rows, m, dim, rounded_users_.data() + first * dim,
                              rounded_pool_.data(), s);
        return;
      }
    }
    kernels::matrix_product<T>(false, true, rows, m, dim, T{1}, users_.row(first), users_.stride,
                               pool_.data, pool_.stride, T{0}, s, m);
  }

  // user_gradient [rows x dim] = g pool; pool_gradient [m x dim] += g^T users. g [rows x m]: of the
  // scores of users [first, first + rows).
  void gradients(std::int64_t first, std::int64_t rows, const T* g, int thread, T* user_gradient,
                 T* pool_gradient) {
    const std::int64_t m = pool_.rows, dim = pool_.cols;
    if constexpr (std::is_same_v<T, float>) {
      if (rounds_) {
        kernels::Bf16* rounded = rounded_slopes_[static_cast<std::size_t>(thread)].data();
        kernels::store_rows(rows, m, ones_.data(), g, m, rounded);
        kernels::bf16_product(false, false, false, rows, dim, m, rounded, rounded_pool_.data(),
                              user_gradient);
        kernels::bf16_product(true, false, true, m, dim, rows, rounded,
                              rounded_users_.data() + first * dim, pool_gradient);
        return;
      }
    }
    kernels::matrix_product<T>(false, false, rows, dim, m, T{1}, g, m, pool_.data, pool_.stride,
                               T{0}, user_gradient, dim);
    kernels::matrix_product<T>(true, false, m, dim, rows, T{1}, g, m, users_.row(first),
                               users_.stride, T{1}, pool_gradient, dim);
  }

 private:
  MatrixView<const T> users_, pool_;
  bool rounds_;
  std::vector<float> ones_;
  LargeVector<kernels::Bf16> rounded_users_, rounded_pool_;
  std::vector<LargeVector<kernels::Bf16>> rounded_slopes_;
};

// (1 - P^q) / q with P = 1 / (1 + exp(loss)), and its slope by the loss; the loss itself without q.
struct Generalised {
  double value, slope;
};
Generalised generalised(double loss, double q) {
  if (q == 0) return {loss, 1};
  const double power = std::exp(-q * softplus(loss));  // P^q
  return {(1 - power) / q, power / (1 + std::exp(-loss))};
}

}  // namespace

template <typename T>
double bpr_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives, Variable<T>& negatives,
                std::int64_t global_batch) {
  const std::int64_t n = users.value.rows;
  const std::int64_t dim = users.value.cols;
  const std::int64_t m = n == 0 ? 1 : negatives.value.rows / n;
  HALOREC_ASSERT_LIGHT(positives.value.rows == n && negatives.value.rows == n * m && m >= 1);
  const double share = 1.0 / (static_cast<double>(global_batch) * static_cast<double>(m));
  std::vector<double> losses(static_cast<std::size_t>(n), 0.0);
  // d loss / d (s(u,n) - s(u,p)), kept for the backward pass.
  MatrixView<T> slope = tape.scratch(n, m).view();
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < n; ++k) {
    const T* u = users.value.row(k);
    const double positive = inner(u, positives.value.row(k), dim);
    for (std::int64_t j = 0; j < m; ++j) {
      const double gap = inner(u, negatives.value.row(k * m + j), dim) - positive;
      losses[static_cast<std::size_t>(k)] += share * softplus(gap);
      slope(k, j) = static_cast<T>(share / (1.0 + std::exp(-gap)));
    }
  }
  tape.record([&users, &positives, &negatives, slope, n, m, dim] {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < n; ++k) {
      const T* u = users.value.row(k);
      for (std::int64_t j = 0; j < m; ++j) {
        const T s = slope(k, j);
        const std::int64_t row = k * m + j;
        kernels::add_scaled(dim, s, negatives.value.row(row), users.gradient.row(k));
        kernels::add_scaled(dim, -s, positives.value.row(k), users.gradient.row(k));
        kernels::add_scaled(dim, -s, u, positives.gradient.row(k));
        kernels::add_scaled(dim, s, u, negatives.gradient.row(row));
      }
    }
  });
  return sum_of(losses);
}

// The scores of a block of rows against the pool never outlive the block, so the gradients are
// computed together with the loss, and the record only adds them.
template <typename T>
double softmax_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives, Variable<T>& pool,
                    std::span<const std::span<const std::uint32_t>> left_out,
                    std::span<const std::uint32_t> pool_items, const SoftmaxOptions& options,
                    std::int64_t global_batch) {
  constexpr std::int64_t kBlockRows = 64;
  const std::int64_t n = users.value.rows;
  const std::int64_t dim = users.value.cols;
  const std::int64_t m = pool.value.rows;
  HALOREC_ASSERT_LIGHT(std::ssize(left_out) == n && std::ssize(pool_items) == m);
  const double share = 1.0 / static_cast<double>(global_batch);
  const double tau = options.tau, tau2 = options.tau2;
  checked_int(m, "pool of negatives");  // here, since nothing may be thrown among the threads

  // Where each item stands in the pool: entries sorted by item.
  std::vector<std::int32_t> by_item(static_cast<std::size_t>(m));
  std::iota(by_item.begin(), by_item.end(), 0);
  const auto item_of = [&](std::int32_t j) { return pool_items[static_cast<std::size_t>(j)]; };
  std::sort(by_item.begin(), by_item.end(), [&](std::int32_t a, std::int32_t b) {
    return item_of(a) != item_of(b) ? item_of(a) < item_of(b) : a < b;
  });
  // Few items are in the pool: one bit says so before a search does.
  std::vector<bool> in_pool(m == 0 ? 0 : item_of(by_item.back()) + std::size_t{1}, false);
  for (const std::uint32_t item : pool_items) in_pool[item] = true;

  const int num_threads = omp_get_max_threads();
  MatrixView<T> user_gradient = tape.scratch(n, dim).view();
  MatrixView<T> pool_gradient = tape.scratch(m * num_threads, dim).view();
  MatrixView<T> slopes = tape.scratch(n, 1).view();  // of s(u,p), below zero
  std::vector<double> losses(static_cast<std::size_t>(n), 0.0);
  std::vector<Matrix<T>*> scores;
  scores.reserve(static_cast<std::size_t>(num_threads));
  for (int t = 0; t < num_threads; ++t) scores.push_back(&tape.scratch(kBlockRows, m));

  BlockProducts<T> products(users.value, pool.value, options.format, kBlockRows, num_threads);
  const std::int64_t num_blocks = (n + kBlockRows - 1) / kBlockRows;
  int team = 0;  // may be fewer than asked for
#pragma omp parallel num_threads(num_threads)
  {
    const int thread = omp_get_thread_num();
    if (thread == 0) team = omp_get_num_threads();
    MatrixView<T> own = pool_gradient.rows_from(thread * m, m);
    for (std::int64_t j = 0; j < m; ++j) std::fill_n(own.row(j), dim, T{0});
    Matrix<T>& block = *scores[static_cast<std::size_t>(thread)];
    // Static, so that each thread's sum over its blocks has one order.
#pragma omp for schedule(static)
    for (std::int64_t b = 0; b < num_blocks; ++b) {
      const std::int64_t first = b * kBlockRows;
      const std::int64_t rows = std::min(kBlockRows, n - first);
      if (m > 0) products.scores(first, rows, block.data());
      for (std::int64_t k = 0; k < rows; ++k) {
        const std::int64_t row = first + k;
        T* s = block.row(k);
        std::int64_t num_left_out = 0;
        auto same = by_item.begin();
        for (const std::uint32_t item : left_out[static_cast<std::size_t>(row)]) {
          if (item >= in_pool.size()) break;  // ascending: neither are the others
          if (!in_pool[item]) continue;
          same = std::lower_bound(same, by_item.end(), item,
                                  [&](std::int32_t j, std::uint32_t i) { return item_of(j) < i; });
          for (; same != by_item.end() && item_of(*same) == item; ++same, ++num_left_out) {
            s[*same] = -std::numeric_limits<T>::infinity();
          }
        }
        const double positive = inner(users.value.row(row), positives.value.row(row), dim) / tau;
        double loss = -positive, sum = 0;
        if (num_left_out < m) {
          T largest = T{0};
          sum = kernels::exponentials<T>(m, static_cast<T>(1.0 / tau), s, &largest);
          loss += tau2 * (std::log(sum) + static_cast<double>(largest) / tau);
        }
        const Generalised row_loss = generalised(loss, options.gce);
        const double slope = share * row_loss.slope / tau;
        if (num_left_out < m) {
          kernels::scale_into<T>(m, static_cast<T>(slope * tau2 / sum), s, s);
        } else {
          std::fill_n(s, m, T{0});
        }
        losses[static_cast<std::size_t>(row)] = share * row_loss.value;
        slopes(row, 0) = static_cast<T>(-slope);
      }
      if (m > 0) {
        products.gradients(first, rows, block.data(), thread, user_gradient.row(first), own.data);
      } else {
        for (std::int64_t k = 0; k < rows; ++k)
          std::fill_n(user_gradient.row(first + k), dim, T{0});
      }
    }
  }

  tape.record([&users, &positives, &pool, user_gradient, pool_gradient, slopes, n, dim, m, team] {
    add_scaled(T{1}, MatrixView<const T>(user_gradient), users.gradient);
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < n; ++k) {
      kernels::add_scaled(dim, slopes(k, 0), positives.value.row(k), users.gradient.row(k));
      kernels::add_scaled(dim, slopes(k, 0), users.value.row(k), positives.gradient.row(k));
    }
    for (int t = 0; t < team; ++t) {
      add_scaled(T{1}, MatrixView<const T>(pool_gradient.rows_from(t * m, m)), pool.gradient);
    }
  });
  return sum_of(losses);
}

template <typename T>
double l2_penalty(Tape<T>& tape, Variable<T>& rows, std::span<const T> factors) {
  const std::int64_t n = rows.value.rows;
  const std::int64_t dim = rows.value.cols;
  HALOREC_ASSERT_LIGHT(std::ssize(factors) == n);
  std::vector<double> losses(static_cast<std::size_t>(n), 0.0);
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < n; ++k) {
    const T factor = factors[static_cast<std::size_t>(k)];
    if (factor == T{0}) continue;
    losses[static_cast<std::size_t>(k)] =
        static_cast<double>(factor) / 2 * inner(rows.value.row(k), rows.value.row(k), dim);
  }
  tape.record([&rows, factors, n, dim] {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < n; ++k) {
      const T factor = factors[static_cast<std::size_t>(k)];
      if (factor == T{0}) continue;
      kernels::add_scaled(dim, factor, rows.value.row(k), rows.gradient.row(k));
    }
  });
  return sum_of(losses);
}

#define HALOREC_INSTANTIATE(T)                                                                   \
  template double bpr_loss<T>(Tape<T>&, Variable<T>&, Variable<T>&, Variable<T>&, std::int64_t); \
  template double softmax_loss<T>(Tape<T>&, Variable<T>&, Variable<T>&, Variable<T>&,            \
                                  std::span<const std::span<const std::uint32_t>>,               \
                                  std::span<const std::uint32_t>, const SoftmaxOptions&,         \
                                  std::int64_t);                                                 \
  template double l2_penalty<T>(Tape<T>&, Variable<T>&, std::span<const T>);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
