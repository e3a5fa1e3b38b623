#include "engine/feature_map.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/dense.hpp"
#include "engine/row_length.hpp"

namespace halorec {
namespace {

constexpr int kMostIterations = 200;
constexpr double kLeft = 1e-12;  // of a residual's square

// y_r = sum over the entries of r of value times the row of x.
void multiply(const Csr& entries, std::span<const float> value, const Matrix<double>& x,
              Matrix<double>& y) {
#pragma omp parallel for schedule(dynamic, 64)
  for (std::int64_t r = 0; r < y.rows(); ++r) {
    const auto row = static_cast<std::size_t>(r);
    std::fill_n(y.row(r), y.cols(), 0.0);
    for (std::int64_t e = entries.row_begin[row]; e < entries.row_begin[row + 1]; ++e) {
      const auto entry = static_cast<std::size_t>(e);
      kernels::add_scaled(y.cols(), static_cast<double>(value[entry]), x.row(entries.column[entry]),
                          y.row(r));
    }
  }
}

void scale_rows(std::span<const double> factor, Matrix<double>& x) {
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    for (std::int64_t c = 0; c < x.cols(); ++c) x(r, c) *= factor[static_cast<std::size_t>(r)];
  }
}

// Of each column.
std::vector<double> inner_products(const Matrix<double>& x, const Matrix<double>& y) {
  std::vector<double> sums(static_cast<std::size_t>(x.cols()), 0.0);
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    for (std::int64_t c = 0; c < x.cols(); ++c)
      sums[static_cast<std::size_t>(c)] += x(r, c) * y(r, c);
  }
  return sums;
}

}  // namespace

FeatureMap::FeatureMap(const Shard& shard, const FeatureRows& features, double ridge)
    : shard_(&shard),
      num_features_(static_cast<std::int64_t>(features.num_features) + 1),
      ridge_(ridge) {
  HALOREC_ASSERT_LIGHT(ridge > 0);
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    fits_[static_cast<std::size_t>(kind)] = make_fit(features, kind);
  }
}

std::optional<FeatureMap::Fit> FeatureMap::make_fit(const FeatureRows& features,
                                                    NodeKind kind) const {
  if (std::none_of(features.columns.begin(), features.columns.end(),
                   [kind](const FeatureColumn& column) { return column.kind == kind; })) {
    return std::nullopt;
  }
  struct Rows {
    std::vector<std::int64_t> begin{0};
    std::vector<std::uint32_t> feature;
    std::vector<float> value;
    FeatureMatrix matrix(std::int64_t num_features) const {
      return {begin, feature, value, num_features};
    }
  };
  Rows of_trained, of_untrained;
  std::vector<std::int32_t> trained, untrained;
  std::vector<double> weight;
  double sums[2] = {0, 0};  // interactions of trained nodes, number of them
  const std::int64_t num_users = shard_->num_owned_users();
  const std::int64_t first = kind == NodeKind::user ? 0 : num_users;
  const std::int64_t last = kind == NodeKind::user ? num_users : shard_->num_owned();
  for (std::int64_t r = first; r < last; ++r) {
    const auto row = static_cast<std::size_t>(r);
    const double scale = shard_->scale()[row];  // 1 / sqrt(degree)
    Rows& to = scale > 0 ? of_trained : of_untrained;
    (scale > 0 ? trained : untrained).push_back(static_cast<std::int32_t>(r));
    const std::int64_t begin = features.row_begin[row], end = features.row_begin[row + 1];
    to.feature.insert(to.feature.end(), features.feature.begin() + begin,
                      features.feature.begin() + end);
    to.value.insert(to.value.end(), features.value.begin() + begin, features.value.begin() + end);
    // The one stands with all trained nodes, and with those of which something is known.
    if (scale > 0 || end > begin) {
      to.feature.push_back(static_cast<std::uint32_t>(num_features_ - 1));
      to.value.push_back(1);
    }
    to.begin.push_back(static_cast<std::int64_t>(to.feature.size()));
    if (scale == 0) continue;
    weight.push_back(1 / scale);
    sums[0] += 1 / (scale * scale);
    sums[1] += 1;
  }
  shard_->communicator().sum(std::span<double>(sums));
  const double mean = sums[1] > 0 ? sums[0] / sums[1] : 1;
  for (double& g : weight) g /= std::sqrt(mean);
  return Fit{std::move(trained), std::move(untrained), of_trained.matrix(num_features_),
             of_untrained.matrix(num_features_), std::move(weight)};
}

Matrix<double> FeatureMap::solve(const Fit& fit, const Matrix<double>& targets) const {
  const std::int64_t cols = targets.cols();
  const auto num_cols = static_cast<std::size_t>(cols);
  // to = V' G from, over all ranks.
  const auto gather = [&](Matrix<double>& from, Matrix<double>& to) {
    scale_rows(fit.weight, from);
    multiply(fit.of_trained.transposed(), fit.of_trained.transposed_value(), from, to);
    shard_->communicator().sum(to.values());
  };
  Matrix<double> w(num_features_, cols), residual(num_features_, cols), image(num_features_, cols);
  Matrix<double> fitted = targets.clone();
  gather(fitted, residual);
  Matrix<double> direction = residual.clone();
  std::vector<double> square = inner_products(residual, residual);
  const std::vector<double> start = square;
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    bool is_done = true;
    for (std::size_t c = 0; c < num_cols; ++c) is_done = is_done && square[c] <= kLeft * start[c];
    if (is_done) break;
    multiply(fit.of_trained.entries(), fit.of_trained.value(), direction, fitted);
    gather(fitted, image);
    for (std::int64_t k = 0; k < image.size(); ++k) {
      image.data()[k] += ridge_ * direction.data()[k];
    }
    const std::vector<double> along = inner_products(direction, image);
    std::vector<double> step(num_cols), turn(num_cols);
    for (std::size_t c = 0; c < num_cols; ++c) step[c] = along[c] > 0 ? square[c] / along[c] : 0;
    for (std::int64_t f = 0; f < num_features_; ++f) {
      for (std::int64_t c = 0; c < cols; ++c) {
        const double length = step[static_cast<std::size_t>(c)];
        w(f, c) += length * direction(f, c);
        residual(f, c) -= length * image(f, c);
      }
    }
    const std::vector<double> next = inner_products(residual, residual);
    for (std::size_t c = 0; c < num_cols; ++c) turn[c] = square[c] > 0 ? next[c] / square[c] : 0;
    for (std::int64_t f = 0; f < num_features_; ++f) {
      for (std::int64_t c = 0; c < cols; ++c) {
        direction(f, c) = residual(f, c) + turn[static_cast<std::size_t>(c)] * direction(f, c);
      }
    }
    square = next;
  }
  return w;
}

void FeatureMap::fill_untrained(Matrix<float>& rows) const {
  for (const std::optional<Fit>& fit : fits_) {
    if (!fit) continue;
    Matrix<double> targets(std::ssize(fit->trained), rows.cols());
    double sums[2] = {0, static_cast<double>(fit->trained.size())};  // lengths, number
    for (std::int64_t k = 0; k < targets.rows(); ++k) {
      const float* row = rows.row(fit->trained[static_cast<std::size_t>(k)]);
      const double length = row_length(row, rows.cols());
      sums[0] += length;
      for (std::int64_t c = 0; c < rows.cols() && length > 0; ++c) targets(k, c) = row[c] / length;
    }
    shard_->communicator().sum(std::span<double>(sums));
    const double mean = sums[1] > 0 ? sums[0] / sums[1] : 0;
    const Matrix<double> w = solve(*fit, targets);
    Matrix<double> made(std::ssize(fit->untrained), rows.cols());
    multiply(fit->of_untrained.entries(), fit->of_untrained.value(), w, made);
    for (std::int64_t k = 0; k < made.rows(); ++k) {
      float* row = rows.row(fit->untrained[static_cast<std::size_t>(k)]);
      for (std::int64_t c = 0; c < rows.cols(); ++c) row[c] = static_cast<float>(mean * made(k, c));
    }
  }
}

}  // namespace halorec
