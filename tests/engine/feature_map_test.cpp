// Rows made of features against a dense solution of the same least squares, whatever the ranks;
// what stays as it is, and what nothing is known of.
#include "engine/feature_map.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kUsers = 40, kItems = 50, kFeatures = 6;
constexpr std::int64_t kDim = 3;
constexpr double kRidge = 0.7;

// Of a node, by its id alone: a number for each feature it has. A third of the items has none.
std::vector<float> features_of(GlobalId id) {
  std::vector<float> values(kFeatures, 0.0F);
  if (id.kind() == NodeKind::item && id.index() % 3 == 0) return values;
  const Random random(5, Purpose::test, 3);
  for (std::uint32_t f = 0; f < kFeatures; ++f) {
    const double u = random.uniform(id.bits(), f);
    if (u < 0.6) values[f] = static_cast<float>(u + 0.2);
  }
  return values;
}

FeatureRows feature_rows(const Shard& shard, std::initializer_list<NodeKind> kinds) {
  FeatureRows rows;
  rows.num_features = kFeatures;
  for (const NodeKind kind : kinds) rows.columns.push_back({.name = "x", .kind = kind});
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    const std::vector<float> values = features_of(shard.global_id(r));
    for (std::uint32_t f = 0; f < kFeatures; ++f) {
      if (values[f] == 0) continue;
      rows.feature.push_back(f);
      rows.value.push_back(values[f]);
    }
    rows.row_begin.push_back(static_cast<std::int64_t>(rows.feature.size()));
  }
  return rows;
}

// x with A x = b for each column of b, by elimination; A is positive definite.
Matrix<double> solution(Matrix<double> a, Matrix<double> b) {
  for (std::int64_t k = 0; k < a.rows(); ++k) {
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      if (i == k) continue;
      const double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < a.cols(); ++j) a(i, j) -= factor * a(k, j);
      for (std::int64_t c = 0; c < b.cols(); ++c) b(i, c) -= factor * b(k, c);
    }
  }
  for (std::int64_t k = 0; k < a.rows(); ++k) {
    for (std::int64_t c = 0; c < b.cols(); ++c) b(k, c) /= a(k, k);
  }
  return b;
}

// What rows of all nodes become, users first.
Matrix<double> expected_rows(const Dataset& data, const Matrix<float>& rows, NodeKind kind) {
  Matrix<double> result(rows.rows(), kDim);
  for (std::int64_t k = 0; k < rows.size(); ++k) result.data()[k] = rows.data()[k];
  const bool users = kind == NodeKind::user;
  const std::uint32_t count = users ? kUsers : kItems;
  const std::int64_t first = users ? 0 : kUsers;
  std::vector<double> degree(count, 0);
  const Interactions& train = data[Split::train];
  for (const std::uint32_t node : users ? train.user : train.item) degree[node] += 1;
  double sum = 0, trained = 0, lengths = 0;
  for (const double d : degree) {
    sum += d;
    trained += d > 0 ? 1 : 0;
  }
  const auto with_one = [&](std::uint32_t node) {
    std::vector<float> values = features_of({kind, node});
    values.push_back(1);
    return values;
  };
  Matrix<double> a(kFeatures + 1, kFeatures + 1), b(kFeatures + 1, kDim);
  for (std::uint32_t f = 0; f <= kFeatures; ++f) a(f, f) = kRidge;
  for (std::uint32_t n = 0; n < count; ++n) {
    if (degree[n] == 0) continue;
    const double g = std::sqrt(degree[n] / (sum / trained));
    double square = 0;
    for (std::int64_t c = 0; c < kDim; ++c) square += std::pow(double(rows(first + n, c)), 2);
    lengths += std::sqrt(square);
    const auto v = with_one(n);
    for (std::uint32_t f = 0; f <= kFeatures; ++f) {
      for (std::uint32_t h = 0; h <= kFeatures; ++h) a(f, h) += g * double(v[f]) * double(v[h]);
      for (std::int64_t c = 0; c < kDim; ++c) {
        b(f, c) += g * double(v[f]) * double(rows(first + n, c)) / std::sqrt(square);
      }
    }
  }
  const Matrix<double> w = solution(std::move(a), std::move(b));
  for (std::uint32_t n = 0; n < count; ++n) {
    if (degree[n] > 0) continue;
    const auto v = with_one(n);
    const bool known = std::any_of(v.begin(), v.end() - 1, [](float x) { return x != 0; });
    for (std::int64_t c = 0; c < kDim; ++c) {
      double made = 0;
      for (std::uint32_t f = 0; f <= kFeatures; ++f) made += double(v[f]) * w(f, c);
      result(first + n, c) = known ? lengths / trained * made : 0;
    }
  }
  return result;
}

class FeatureMapTest : public testing::TestWithParam<Deal> {
 protected:
  Communicator world_;
  // Sparse enough that some users and items have no interactions.
  TinyGraph graph_{world_, random_dataset(kUsers, kItems, 0.05, 4), TrainingPart::train,
                   GetParam()};
  const Shard& shard() const { return graph_.shard(); }
};

TEST_P(FeatureMapTest, IsTheRidgeRegressionOfTrainedRows) {
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    const FeatureMap map(shard(), feature_rows(shard(), {kind}), kRidge);
    EXPECT_TRUE(map.maps(kind));
    EXPECT_FALSE(map.maps(kind == NodeKind::user ? NodeKind::item : NodeKind::user));
    Matrix<float> rows = random_rows<float>(shard(), kDim, 2);
    const Matrix<float> before = collect(shard(), rows);
    map.fill_untrained(rows);
    const Matrix<float> after = collect(shard(), rows);
    const Matrix<double> expected = expected_rows(graph_.data(), before, kind);
    int num_changed = 0, num_zero = 0;
    for (std::int64_t r = 0; r < after.rows(); ++r) {
      num_changed += after(r, 0) != before(r, 0) ? 1 : 0;
      num_zero += after(r, 0) == 0 ? 1 : 0;
      for (std::int64_t c = 0; c < kDim; ++c) EXPECT_NEAR(after(r, c), expected(r, c), 1e-6) << r;
    }
    EXPECT_GT(num_changed, 1);
    if (kind == NodeKind::item) {
      EXPECT_GT(num_zero, 0);
    }
  }
}

TEST_P(FeatureMapTest, KindsDoNotMeet) {
  const FeatureMap both(shard(), feature_rows(shard(), {NodeKind::user, NodeKind::item}), kRidge);
  Matrix<float> rows = random_rows<float>(shard(), kDim, 2), apart = rows.clone();
  both.fill_untrained(rows);
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    FeatureMap(shard(), feature_rows(shard(), {kind}), kRidge).fill_untrained(apart);
  }
  EXPECT_TRUE(same_bits(rows, apart));
}

TEST_P(FeatureMapTest, AStrongRidgeLeavesNothing) {
  const FeatureMap map(shard(), feature_rows(shard(), {NodeKind::item}), 1e12);
  Matrix<float> rows = random_rows<float>(shard(), kDim, 2);
  map.fill_untrained(rows);
  for (std::int64_t r = shard().num_owned_users(); r < rows.rows(); ++r) {
    if (shard().scale()[static_cast<std::size_t>(r)] > 0) continue;
    for (std::int64_t c = 0; c < kDim; ++c) EXPECT_NEAR(rows(r, c), 0, 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, FeatureMapTest,
                         testing::Values(Deal::scattered, Deal::reordered, Deal::all_on_last));

}  // namespace
}  // namespace halorec
