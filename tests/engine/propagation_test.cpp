// y = A x over ranks against a dense product of the whole graph, its adjoint, and equal bits for
// equal input.
#include "engine/propagation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/engine/dense_product.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

template <typename T>
class PropagationOf : public testing::Test {
 protected:
  static constexpr double kTolerance = std::is_same_v<T, float> ? 5e-7 : 1e-14;
  static constexpr ExchangePlan kPlans[] = {ExchangePlan::halo, ExchangePlan::hybrid};

  static std::vector<std::int32_t> every_third(const Shard& shard) {
    std::vector<std::int32_t> rows;
    for (std::int32_t r = 0; r < shard.num_owned(); r += 3) rows.push_back(r);
    return rows;
  }
  static Matrix<T> rows_at(const Matrix<T>& matrix, const std::vector<std::int32_t>& rows) {
    Matrix<T> at(std::ssize(rows), matrix.cols());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      std::copy_n(matrix.row(rows[k]), matrix.cols(), at.row(static_cast<std::int64_t>(k)));
    }
    return at;
  }

  Communicator world_;
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(PropagationOf, Reals);

TYPED_TEST(PropagationOf, EqualsTheDenseProductOfTheWholeGraph) {
  using T = TypeParam;
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(this->world_, random_dataset(60, 45, 0.15, 1), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    for (const auto& [exchange, cols] :
         {std::pair{ExchangePlan::halo, 1}, std::pair{ExchangePlan::halo, 65},
          std::pair{ExchangePlan::hybrid, 3}, std::pair{ExchangePlan::hybrid, 16}}) {
      Propagation<T> propagation(shard, {exchange});
      const Matrix<T> x = random_rows<T>(shard, cols, 1);
      const Matrix<T> expected = dense_product(graph.data(), collect(shard, x));
      Matrix<T> y = random_rows<T>(shard, cols, 2);  // what stood there does not matter
      propagation.multiply(T{1}, x.view(), {}, y.view());
      EXPECT_LT(relative_difference(collect(shard, y), expected), this->kTolerance);
    }
  }
}

// y = a A x + z for each kind of z.
TYPED_TEST(PropagationOf, AddsWhatItIsToldTo) {
  using T = TypeParam;
  for (const ExchangePlan exchange : this->kPlans) {
    const TinyGraph graph(this->world_, random_dataset(60, 45, 0.15, 6));
    const Shard& shard = graph.shard();
    Propagation<T> propagation(shard, {exchange});
    const Matrix<T> x = random_rows<T>(shard, 20, 1), z = random_rows<T>(shard, 20, 2);
    const auto rows = this->every_third(shard);
    propagation.demand(rows);
    const Matrix<T> few = this->rows_at(z, rows);
    Matrix<T> on_demanded(z.rows(), 20);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      std::copy_n(z.row(rows[k]), 20, on_demanded.row(rows[k]));
    }
    const T a = T(-0.75), b = T(1.5);
    const auto expect = [&](const AddedTo<T>& added, T factor, const Matrix<T>& rows_of_z) {
      Matrix<T> sum = dense_product(graph.data(), collect(shard, x));
      const Matrix<T> all = collect(shard, rows_of_z);
      for (std::size_t k = 0; k < sum.values().size(); ++k) {
        sum.values()[k] = a * sum.values()[k] + factor * all.values()[k];
      }
      Matrix<T> y = z.clone();
      propagation.multiply(a, x.view(), added, y.view());
      EXPECT_LT(relative_difference(collect(shard, y), sum), this->kTolerance);
    };
    expect({}, T{0}, z);
    expect(AddedTo<T>::y(), T{1}, z);
    expect(AddedTo<T>::owned(b, z.view()), b, z);
    expect(AddedTo<T>::demanded(b, few.view()), b, on_demanded);
  }
}

// Messages of a row each, sent while the product runs, bring what one message brings.
TYPED_TEST(PropagationOf, PiecesHaveNoEffect) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, random_dataset(400, 300, 0.05, 8));
  const Shard& shard = graph.shard();
  const Matrix<T> x = random_rows<T>(shard, 9, 1);
  for (const ExchangePlan exchange : this->kPlans) {
    for (const WireFormat wire : {WireFormat::full, WireFormat::bf16, WireFormat::int8}) {
      PropagationOptions options{exchange, wire};
      Matrix<T> at_once(shard.num_owned(), 9), in_pieces(shard.num_owned(), 9);
      Propagation<T>(shard, options).multiply(T{1}, x.view(), {}, at_once.view());
      options.piece_bytes = 1;
      Propagation<T> propagation(shard, options);
      const auto before = this->world_.counters().messages_sent;
      for (int round = 0; round < 2; ++round) {
        propagation.multiply(T{1}, x.view(), {}, in_pieces.view());
        EXPECT_TRUE(std::equal(in_pieces.values().begin(), in_pieces.values().end(),
                               at_once.values().begin()));
      }
      const auto sent = this->world_.counters().messages_sent - before;
      if (this->world_.size() > 1) {
        EXPECT_GT(this->world_.sum(static_cast<std::int64_t>(sent)), 20 * this->world_.size());
      }
    }
  }
}

// Rows on demand are the rows of the whole product, and the other way they are its adjoint.
TYPED_TEST(PropagationOf, DemandedRowsAreThoseOfTheWholeProduct) {
  using T = TypeParam;
  for (const WireFormat wire : {WireFormat::full, WireFormat::bf16, WireFormat::int8}) {
    const double tolerance = wire == WireFormat::full   ? this->kTolerance
                             : wire == WireFormat::bf16 ? 1e-2
                                                        : 8e-2;
    const TinyGraph graph(this->world_, random_dataset(60, 45, 0.15, 7));
    const Shard& shard = graph.shard();
    Propagation<T> propagation(shard, {ExchangePlan::hybrid, wire});
    const Matrix<T> x = random_rows<T>(shard, 20, 1), z = random_rows<T>(shard, 20, 2);
    Matrix<T> whole = z.clone();
    propagation.multiply(T{2}, x.view(), AddedTo<T>::owned(T{3}, z.view()), whole.view());
    // Some rows, none, all: one after the other, as steps do.
    std::vector<std::int32_t> all;
    for (std::int32_t r = 0; r < shard.num_owned(); ++r) all.push_back(r);
    for (const auto& rows : {this->every_third(shard), std::vector<std::int32_t>{}, all,
                             this->world_.is_root() ? all : std::vector<std::int32_t>{}}) {
      propagation.demand(rows);
      ASSERT_EQ(propagation.num_demanded(), std::ssize(rows));
      Matrix<T> few(std::ssize(rows), 20);
      propagation.multiply_to_demanded(T{2}, x.view(), AddedTo<T>::owned(T{3}, z.view()),
                                       few.view());
      if (!rows.empty()) {
        EXPECT_LT(relative_difference(few, this->rows_at(whole, rows)), tolerance);
      }

      // <(A x)[rows], y> = <x, A y on rows>.
      const Matrix<T> y = this->rows_at(z, rows);
      Matrix<T> back = z.clone();
      propagation.multiply_to_demanded(T{1}, x.view(), {}, few.view());
      propagation.multiply_from_demanded(T{1}, y.view(), {}, back.view());
      double left = 0;
      for (std::size_t k = 0; k < y.values().size(); ++k) {
        left += static_cast<double>(few.values()[k]) * static_cast<double>(y.values()[k]);
      }
      left = this->world_.sum(left);
      EXPECT_NEAR(left, global_dot(shard, x, back), tolerance * (10 + std::abs(left)));
    }
  }
}

// Half the bytes and 8 bits of mantissa; or a byte a number and four a row, and 127 steps.
TYPED_TEST(PropagationOf, TheWireFormatRoundsWhatTravels) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, random_dataset(60, 45, 0.15, 1));
  const Shard& shard = graph.shard();
  const Matrix<T> x = random_rows<T>(shard, 16, 1);
  const auto bytes_of = [&](WireFormat wire, Matrix<T>& y) {
    Propagation<T> propagation(shard, {ExchangePlan::hybrid, wire});
    const auto before = this->world_.counters().bytes_sent;
    propagation.multiply(T{1}, x.view(), {}, y.view());
    return this->world_.counters().bytes_sent - before;
  };
  Matrix<T> exact(shard.num_owned(), 16), rounded(shard.num_owned(), 16);
  const auto full = bytes_of(WireFormat::full, exact);
  EXPECT_EQ(bytes_of(WireFormat::bf16, rounded) * sizeof(T), full * 2);
  EXPECT_LT(relative_difference(collect(shard, rounded), collect(shard, exact)), 1e-2);
  const bool nothing_travels = this->world_.sum(full) == 0;
  EXPECT_EQ(same_bits(collect(shard, rounded), collect(shard, exact)), nothing_travels);

  Matrix<T> coarse(shard.num_owned(), 16), again(shard.num_owned(), 16);
  EXPECT_EQ(bytes_of(WireFormat::int8, coarse) * sizeof(T) * 16, full * 20);
  EXPECT_LT(relative_difference(collect(shard, coarse), collect(shard, exact)), 3e-2);
  EXPECT_EQ(same_bits(collect(shard, coarse), collect(shard, exact)), nothing_travels);
  bytes_of(WireFormat::int8, again);
  EXPECT_TRUE(same_bits(coarse, again));
}

TYPED_TEST(PropagationOf, LargeEnoughForManyChunks) {
  using T = TypeParam;
  // Some 60,000 nonzeros a side: several chunks of 2048, local and cross.
  const TinyGraph graph(this->world_, random_dataset(500, 400, 0.3, 2));
  const Shard& shard = graph.shard();
  const Matrix<T> x = random_rows<T>(shard, 4, 1);
  const Matrix<T> expected = dense_product(graph.data(), collect(shard, x));
  for (const ExchangePlan exchange : this->kPlans) {
    Propagation<T> propagation(shard, {exchange});
    Matrix<T> y(shard.num_owned(), 4);
    propagation.multiply(T{1}, x.view(), {}, y.view());
    EXPECT_LT(relative_difference(collect(shard, y), expected), 1e-6);
  }
}

TYPED_TEST(PropagationOf, IsItsOwnAdjoint) {
  using T = TypeParam;
  const double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-13;
  const TinyGraph graph(this->world_, random_dataset(80, 50, 0.2, 3));
  const Shard& shard = graph.shard();
  const Matrix<T> x = random_rows<T>(shard, 9, 1), y = random_rows<T>(shard, 9, 2);
  for (const ExchangePlan exchange : this->kPlans) {
    Propagation<T> propagation(shard, {exchange});
    Matrix<T> ax(shard.num_owned(), 9), ay(shard.num_owned(), 9);
    propagation.multiply(T{1}, x.view(), {}, ax.view());
    propagation.multiply(T{1}, y.view(), {}, ay.view());
    const double size = std::sqrt(global_dot(shard, x, x) * global_dot(shard, y, y));
    EXPECT_NEAR(global_dot(shard, ax, y), global_dot(shard, x, ay), tolerance * size);
    EXPECT_GT(std::abs(global_dot(shard, ax, y)), 100 * tolerance * size);
  }
}

TYPED_TEST(PropagationOf, EqualInputGivesEqualBits) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, random_dataset(300, 200, 0.3, 4));
  const Shard& shard = graph.shard();
  Propagation<T> propagation(shard), other(shard);
  const auto rows = this->every_third(shard);
  propagation.demand(rows);
  other.demand(rows);
  const Matrix<T> x = random_rows<T>(shard, 33, 1), few = this->rows_at(x, rows);
  Matrix<T> first(shard.num_owned(), 33), again(shard.num_owned(), 33);
  Matrix<T> first_few(few.rows(), 33), again_few(few.rows(), 33);
  for (int k = 0; k < 3; ++k) {
    propagation.multiply(T{1}, x.view(), {}, first.view());
    other.multiply(T{1}, x.view(), {}, again.view());
    EXPECT_TRUE(same_bits(first, again));
    propagation.multiply_from_demanded(T{1}, few.view(), {}, first.view());
    other.multiply_from_demanded(T{1}, few.view(), {}, again.view());
    EXPECT_TRUE(same_bits(first, again));
    propagation.multiply_to_demanded(T{1}, x.view(), {}, first_few.view());
    other.multiply_to_demanded(T{1}, x.view(), {}, again_few.view());
    EXPECT_TRUE(same_bits(first_few, again_few));
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
  propagation.multiply(T{1}, x.view(), {}, whole.view());
  // Columns [3, 10) and [10, 21); the rest stays.
  for (const auto& [first, last] : {std::pair{3, 10}, std::pair{10, 21}}) {
    propagation.multiply(T{1}, {x.data() + first, n, last - first, 24}, {},
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

TEST(Propagation, NodesWithoutEdgesGetZero) {
  Communicator world;
  // User 1 and item 0 touch nothing; user 0 and item 1 only each other (weight 1).
  const TinyGraph graph(world, make_dataset(2, 2, {{0, 1}}));
  const Shard& shard = graph.shard();
  Propagation<double> propagation(shard);
  const Matrix<double> x = random_rows<double>(shard, 2, 1);
  Matrix<double> y = random_rows<double>(shard, 2, 2);
  propagation.multiply(1, x.view(), {}, y.view());
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
