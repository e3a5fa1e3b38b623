#include "engine/ops/pointwise_losses.hpp"

#include <cmath>
#include <vector>

#include "engine/kernels/dense.hpp"
#include "engine/ops/scores.hpp"
#include "engine/parallel.hpp"

namespace halorec {
namespace {

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

// Adds slope * y to the gradient of x, and slope * x to that of y, for one pair of rows.
template <typename T>
void add_pair(Variable<T>& x, std::int64_t x_row, Variable<T>& y, std::int64_t y_row, T slope) {
  const std::int64_t dim = x.value.cols;
  kernels::add_scaled(dim, slope, y.value.row(y_row), x.gradient.row(x_row));
  kernels::add_scaled(dim, slope, x.value.row(x_row), y.gradient.row(y_row));
}

}  // namespace

template <typename T>
double logistic_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives,
                     Variable<T>& negatives, std::int64_t global_batch) {
  const std::int64_t n = users.value.rows;
  const std::int64_t dim = users.value.cols;
  const std::int64_t m = n == 0 ? 1 : negatives.value.rows / n;
  HALOREC_ASSERT_LIGHT(positives.value.rows == n && negatives.value.rows == n * m && m >= 1);
  const double share = 1.0 / (static_cast<double>(global_batch) * static_cast<double>(1 + m));
  std::vector<double> losses(static_cast<std::size_t>(n), 0.0);
  // d loss / d score: of the positive in column 0, of its negatives behind it.
  MatrixView<T> slope = tape.scratch(n, 1 + m).view();
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < n; ++k) {
    const T* u = users.value.row(k);
    const double positive = inner(u, positives.value.row(k), dim);
    double loss = softplus(-positive);
    slope(k, 0) = static_cast<T>(-share * sigmoid(-positive));
    for (std::int64_t j = 0; j < m; ++j) {
      const double score = inner(u, negatives.value.row(k * m + j), dim);
      loss += softplus(score);
      slope(k, 1 + j) = static_cast<T>(share * sigmoid(score));
    }
    losses[static_cast<std::size_t>(k)] = share * loss;
  }
  tape.record([&users, &positives, &negatives, slope, n, m] {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < n; ++k) {
      add_pair(users, k, positives, k, slope(k, 0));
      for (std::int64_t j = 0; j < m; ++j)
        add_pair(users, k, negatives, k * m + j, slope(k, 1 + j));
    }
  });
  return sum_of(losses);
}

template <typename T>
double rating_loss(Tape<T>& tape, Variable<T>& users, Variable<T>& positives,
                   std::span<const double> targets, std::int64_t global_batch) {
  const std::int64_t n = users.value.rows;
  HALOREC_ASSERT_LIGHT(positives.value.rows == n && std::ssize(targets) == n);
  const double share = 1.0 / static_cast<double>(global_batch);
  std::vector<double> losses(static_cast<std::size_t>(n), 0.0);
  MatrixView<T> slope = tape.scratch(n, 1).view();
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < n; ++k) {
    const double error = inner(users.value.row(k), positives.value.row(k), users.value.cols) -
                         targets[static_cast<std::size_t>(k)];
    losses[static_cast<std::size_t>(k)] = share * error * error;
    slope(k, 0) = static_cast<T>(2 * share * error);
  }
  tape.record([&users, &positives, slope, n] {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < n; ++k) add_pair(users, k, positives, k, slope(k, 0));
  });
  return sum_of(losses);
}

template <typename T>
Variable<T>& weigh_gradient(Tape<T>& tape, Variable<T>& rows, T factor) {
  Matrix<T>& gradient = tape.scratch(rows.value.rows, rows.value.cols);
  gradient.fill(T{0});
  Variable<T>& weighed = tape.leaf(rows.value, gradient.view());
  tape.record([&rows, &weighed, factor] {
    add_scaled(factor, MatrixView<const T>(weighed.gradient), rows.gradient);
  });
  return weighed;
}

#define HALOREC_INSTANTIATE(T)                                                                  \
  template double logistic_loss<T>(Tape<T>&, Variable<T>&, Variable<T>&, Variable<T>&,          \
                                   std::int64_t);                                               \
  template double rating_loss<T>(Tape<T>&, Variable<T>&, Variable<T>&, std::span<const double>, \
                                 std::int64_t);                                                 \
  template Variable<T>& weigh_gradient<T>(Tape<T>&, Variable<T>&, T);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
