// y = A x over ranks against a dense product of the whole graph, its adjoint, and equal bits for
// equal input.
#include "engine/propagation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

// The normalised adjacency of the training pairs, written out. [nodes x nodes], row-major.
std::vector<double> dense_adjacency(const Dataset& data, std::size_t* num_nodes) {
  const std::size_t users = data.users.size();
  *num_nodes = users + data.items.size();
  const Interactions& train = data[Split::train];
  std::vector<double> degree(*num_nodes, 0), a(*num_nodes * *num_nodes, 0);
  for (std::size_t k = 0; k < train.user.size(); ++k) {
    ++degree[train.user[k]];
    ++degree[users + train.item[k]];
  }
  for (std::size_t k = 0; k < train.user.size(); ++k) {
    const std::size_t u = train.user[k], i = users + train.item[k];
    a[u * *num_nodes + i] = a[i * *num_nodes + u] = 1 / std::sqrt(degree[u] * degree[i]);
  }
  return a;
}

template <typename T>
Matrix<T> dense_product(const Dataset& data, const Matrix<T>& x) {
  std::size_t n = 0;
  const std::vector<double> a = dense_adjacency(data, &n);
  Matrix<T> y(x.rows(), x.cols());
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    for (std::int64_t c = 0; c < x.cols(); ++c) {
      double sum = 0;
      for (std::int64_t k = 0; k < x.rows(); ++k) {
        sum += a[static_cast<std::size_t>(r) * n + static_cast<std::size_t>(k)] *
               static_cast<double>(x(k, c));
      }
      y(r, c) = static_cast<T>(sum);
    }
  }
  return y;
}

template <typename T>
class PropagationOf : public testing::Test {
 protected:
  Communicator world_;
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(PropagationOf, Reals);

TYPED_TEST(PropagationOf, EqualsTheDenseProductOfTheWholeGraph) {
  using T = TypeParam;
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(this->world_, random_dataset(60, 45, 0.15, 1), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    Propagation<T> propagation(shard);
    for (const std::int64_t cols : {1, 3, 16, 65}) {
      const Matrix<T> x = random_rows<T>(shard, cols, 1);
      const Matrix<T> expected = dense_product(graph.data(), collect(shard, x));
      Matrix<T> y = random_rows<T>(shard, cols, 2);  // what stood there does not matter
      propagation.multiply(x.view(), y.view());
      // The shard's weights are floats.
      EXPECT_LT(relative_difference(collect(shard, y), expected), 5e-7);
      y = random_rows<T>(shard, cols, 2);
      propagation.multiply_transposed(x.view(), y.view());
      EXPECT_LT(relative_difference(collect(shard, y), expected), 5e-7);
    }
  }
}

TYPED_TEST(PropagationOf, LargeEnoughForManyChunks) {
  using T = TypeParam;
  // Some 60,000 nonzeros a side: several chunks of 2048, local and cross.
  const TinyGraph graph(this->world_, random_dataset(500, 400, 0.3, 2));
  const Shard& shard = graph.shard();
  Propagation<T> propagation(shard);
  const Matrix<T> x = random_rows<T>(shard, 4, 1);
  const Matrix<T> expected = dense_product(graph.data(), collect(shard, x));
  Matrix<T> y(shard.num_owned(), 4);
  propagation.multiply(x.view(), y.view());
  EXPECT_LT(relative_difference(collect(shard, y), expected), 1e-6);
  propagation.multiply_transposed(x.view(), y.view());
  EXPECT_LT(relative_difference(collect(shard, y), expected), 1e-6);
}

TYPED_TEST(PropagationOf, TransposedIsTheAdjoint) {
  using T = TypeParam;
  const double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-13;
  const TinyGraph graph(this->world_, random_dataset(80, 50, 0.2, 3));
  const Shard& shard = graph.shard();
  Propagation<T> propagation(shard);
  const Matrix<T> x = random_rows<T>(shard, 9, 1), y = random_rows<T>(shard, 9, 2);
  Matrix<T> ax(shard.num_owned(), 9), aty(shard.num_owned(), 9);
  propagation.multiply(x.view(), ax.view());
  propagation.multiply_transposed(y.view(), aty.view());
  const double size = std::sqrt(global_dot(shard, x, x) * global_dot(shard, y, y));
  EXPECT_NEAR(global_dot(shard, ax, y), global_dot(shard, x, aty), tolerance * size);
  EXPECT_GT(std::abs(global_dot(shard, ax, y)), 100 * tolerance * size);
}

TYPED_TEST(PropagationOf, EqualInputGivesEqualBits) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, random_dataset(300, 200, 0.3, 4));
  const Shard& shard = graph.shard();
  Propagation<T> propagation(shard), other(shard);
  const Matrix<T> x = random_rows<T>(shard, 33, 1);
  Matrix<T> first(shard.num_owned(), 33), again(shard.num_owned(), 33);
  for (int k = 0; k < 3; ++k) {
    propagation.multiply(x.view(), first.view());
    other.multiply(x.view(), again.view());
    EXPECT_TRUE(same_bits(first, again));
    propagation.multiply_transposed(x.view(), first.view());
    other.multiply_transposed(x.view(), again.view());
    EXPECT_TRUE(same_bits(first, again));
  }
}

TYPED_TEST(PropagationOf, ColumnBlocksAreTheColumns) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, random_dataset(70, 60, 0.2, 5));
  const Shard& shard = graph.shard();
  Propagation<T> propagation(shard);
  const std::int64_t n = shard.num_owned();
  const Matrix<T> x = random_rows<T>(shard, 24, 1);
  Matrix<T> whole(n, 24), blocks = random_rows<T>(shard, 24, 2);
  const Matrix<T> before = blocks.clone();
  for (const bool transposed : {false, true}) {
    const auto multiply = [&](MatrixView<const T> from, MatrixView<T> to) {
      transposed ? propagation.multiply_transposed(from, to) : propagation.multiply(from, to);
    };
    multiply(x.view(), whole.view());
    // Columns [3, 10) and [10, 21); the rest stays.
    for (const auto& [first, last] : {std::pair{3, 10}, std::pair{10, 21}}) {
      multiply({x.data() + first, n, last - first, 24},
               {blocks.data() + first, n, last - first, 24});
    }
    for (std::int64_t r = 0; r < n; ++r) {
      for (std::int64_t c = 0; c < 24; ++c) {
        if (c < 3 || c >= 21) {
          ASSERT_EQ(blocks(r, c), before(r, c));
        } else {
          // Another width may round another way (fused or not), no more.
          ASSERT_NEAR(blocks(r, c), whole(r, c), (std::is_same_v<T, float> ? 2e-6 : 1e-14));
        }
      }
    }
  }
}

TEST(Propagation, NodesWithoutEdgesGetZero) {
  Communicator world;
  // User 1 and item 0 touch nothing; user 0 and item 1 only each other (weight 1).
  const TinyGraph graph(world, make_dataset(2, 2, {{0, 1}}));
  const Shard& shard = graph.shard();
  Propagation<double> propagation(shard);
  const Matrix<double> x = random_rows<double>(shard, 2, 1);
  Matrix<double> y = random_rows<double>(shard, 2, 2);
  propagation.multiply(x.view(), y.view());
  const Matrix<double> from = collect(shard, x), to = collect(shard, y);
  for (std::int64_t c = 0; c < 2; ++c) {
    EXPECT_EQ(to(0, c), from(3, c));
    EXPECT_EQ(to(1, c), 0);
    EXPECT_EQ(to(2, c), 0);
    EXPECT_EQ(to(3, c), from(0, c));
  }
}

}  // namespace
}  // namespace halorec
