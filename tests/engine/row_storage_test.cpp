// Products of rows stored as bfloat16: every edge, of one rank or between two, reads the same
// rounded row, and sums are of full precision.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/ops/layer_sum.hpp"
#include "tests/engine/dense_product.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

constexpr double kTolerance = 5e-7;  // of sums of floats
constexpr ExchangePlan kPlans[] = {ExchangePlan::halo, ExchangePlan::hybrid};

PropagationOptions stored(ExchangePlan exchange) {
  return {.exchange = exchange, .store = RowStorage::bf16};
}

// round(scale x) / scale: what A is multiplied with. Zero where nothing reads it.
Matrix<double> as_stored(const Shard& shard, const Matrix<float>& x) {
  const std::vector<float> scale(shard.scale().begin(), shard.scale().end());
  std::vector<kernels::Bf16> rounded(x.values().size());
  kernels::store_rows(x.rows(), x.cols(), scale.data(), x.data(), x.cols(), rounded.data());
  Matrix<double> rows(x.rows(), x.cols());
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    const double times = scale[static_cast<std::size_t>(r)];
    for (std::int64_t c = 0; c < x.cols() && times != 0; ++c) {
      rows(r, c) = kernels::to_float(rounded[static_cast<std::size_t>(r * x.cols() + c)]) / times;
    }
  }
  return rows;
}

Matrix<float> to_float(const Matrix<double>& x) {
  Matrix<float> y(x.rows(), x.cols());
  for (std::size_t k = 0; k < x.values().size(); ++k) {
    y.values()[k] = static_cast<float>(x.values()[k]);
  }
  return y;
}

std::vector<std::int32_t> every_third(const Shard& shard) {
  std::vector<std::int32_t> rows;
  for (std::int32_t r = 0; r < shard.num_owned(); r += 3) rows.push_back(r);
  return rows;
}

Matrix<float> rows_at(const Matrix<float>& matrix, const std::vector<std::int32_t>& rows) {
  Matrix<float> at(std::ssize(rows), matrix.cols());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    std::copy_n(matrix.row(rows[k]), matrix.cols(), at.row(static_cast<std::int64_t>(k)));
  }
  return at;
}

class RowStorageTest : public testing::Test {
 protected:
  Communicator world_;
};

// Were a ghost not rounded, or rounded before it is scaled, it would show.
TEST_F(RowStorageTest, EqualsTheDenseProductOfRoundedRows) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, random_dataset(60, 45, 0.15, 1), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    for (const ExchangePlan exchange : kPlans) {
      for (const std::int64_t cols : {1, 3, 16, 65}) {
        Propagation<float> propagation(shard, stored(exchange));
        const Matrix<float> x = random_rows<float>(shard, cols, 1);
        const Matrix<double> rounded = collect(shard, as_stored(shard, x));
        const Matrix<float> expected = to_float(dense_product(graph.data(), rounded));
        Matrix<float> y = random_rows<float>(shard, cols, 2);  // what stood there does not matter
        propagation.multiply(1, x.view(), {}, y.view());
        EXPECT_LT(relative_difference(collect(shard, y), expected), kTolerance);
        const Matrix<float> exact = dense_product(graph.data(), collect(shard, x));
        const double rounding = relative_difference(collect(shard, y), exact);
        EXPECT_LT(rounding, 4e-3);
        EXPECT_GT(rounding, 1e-4);
      }
    }
  }
}

TEST_F(RowStorageTest, DemandedRowsAreThoseOfTheWholeProduct) {
  const TinyGraph graph(world_, random_dataset(60, 45, 0.15, 7));
  const Shard& shard = graph.shard();
  for (const ExchangePlan exchange : kPlans) {
    Propagation<float> propagation(shard, stored(exchange));
    const Matrix<float> x = random_rows<float>(shard, 20, 1), z = random_rows<float>(shard, 20, 2);
    Matrix<float> whole = z.clone();
    propagation.multiply(2, x.view(), AddedTo<float>::owned(3, z.view()), whole.view());
    const auto some = every_third(shard);
    for (const auto& rows : {some, std::vector<std::int32_t>{}, some}) {
      propagation.demand(rows);
      Matrix<float> few(std::ssize(rows), 20);
      propagation.multiply_to_demanded(2, x.view(), AddedTo<float>::owned(3, z.view()), few.view());
      if (!rows.empty()) {
        EXPECT_LT(relative_difference(few, rows_at(whole, rows)), kTolerance);
      }
      // Of rows that are zero elsewhere.
      Matrix<float> padded(shard.num_owned(), 20);
      for (const std::int32_t row : rows) std::copy_n(z.row(row), 20, padded.row(row));
      Matrix<float> back = z.clone(), expected = z.clone();
      propagation.multiply_from_demanded(1, rows_at(z, rows).view(), {}, back.view());
      propagation.multiply(1, padded.view(), {}, expected.view());
      EXPECT_LT(relative_difference(collect(shard, back), collect(shard, expected)), kTolerance);
    }
  }
}

// Within the rounding.
TEST_F(RowStorageTest, IsItsOwnAdjoint) {
  constexpr double kRounding = 2e-4;
  const TinyGraph graph(world_, random_dataset(80, 50, 0.2, 3));
  const Shard& shard = graph.shard();
  const Matrix<float> x = random_rows<float>(shard, 9, 1), y = random_rows<float>(shard, 9, 2);
  for (const ExchangePlan exchange : kPlans) {
    Propagation<float> propagation(shard, stored(exchange));
    Matrix<float> ax(shard.num_owned(), 9), ay(shard.num_owned(), 9);
    propagation.multiply(1, x.view(), {}, ax.view());
    propagation.multiply(1, y.view(), {}, ay.view());
    const double size = std::sqrt(global_dot(shard, x, x) * global_dot(shard, y, y));
    EXPECT_NEAR(global_dot(shard, ax, y), global_dot(shard, x, ay), kRounding * size);
    EXPECT_GT(std::abs(global_dot(shard, ax, y)), 10 * kRounding * size);
  }
}

// Values and gradients of all layers are those of full rows, within the rounding, and equal input
// gives equal bits.
TEST_F(RowStorageTest, LayerSum) {
  const TinyGraph graph(world_, random_dataset(70, 50, 0.2, 4));
  const Shard& shard = graph.shard();
  const std::int64_t dim = 17;
  const auto rows = every_third(shard);
  Matrix<float> e = random_rows<float>(shard, dim, 1);
  const Matrix<float> direction = rows_at(random_rows<float>(shard, dim, 2), rows);
  for (const bool learns : {false, true}) {
    Matrix<float> w(1, 4);
    for (std::int64_t k = 0; k < 4; ++k) w(0, k) = 1 / static_cast<float>(k + 2);
    struct Result {
      Matrix<float> value, gradient, weights_gradient;
    };
    const auto run = [&](const PropagationOptions& options) {
      Propagation<float> propagation(shard, options);
      Result result{{}, Matrix<float>(e.rows(), dim), Matrix<float>(1, 4)};
      Tape<float> tape;
      Variable<float>& sum = layer_sum(
          tape, propagation, tape.parameter(e.view(), result.gradient.view()),
          tape.parameter(w.view(), learns ? result.weights_gradient.view() : MatrixView<float>{}),
          rows);
      Matrix<float> own(e.rows(), dim);
      for (std::int64_t k = 0; k < sum.value.rows; ++k) {
        std::copy_n(sum.value.row(k), dim, own.row(rows[static_cast<std::size_t>(k)]));
      }
      result.value = collect(shard, own);
      tape.record([&] {
        for (std::int64_t k = 0; k < direction.rows(); ++k) {
          for (std::int64_t c = 0; c < dim; ++c) sum.gradient(k, c) += direction(k, c);
        }
      });
      tape.backward();
      result.gradient = collect(shard, result.gradient);
      world_.sum(result.weights_gradient.values());
      return result;
    };
    const Result full = run({}), first = run(stored(ExchangePlan::hybrid)),
                 again = run(stored(ExchangePlan::hybrid)), plain = run(stored(ExchangePlan::halo));
    const auto compare = [&](const Matrix<float>& rounded, const Matrix<float>& exact) {
      EXPECT_LT(relative_difference(rounded, exact), 5e-3);
      EXPECT_GT(relative_difference(rounded, exact), 1e-5);
    };
    compare(first.value, full.value);
    compare(first.gradient, full.gradient);
    if (learns) compare(first.weights_gradient, full.weights_gradient);
    EXPECT_TRUE(same_bits(first.value, again.value));
    EXPECT_TRUE(same_bits(first.gradient, again.gradient));
    // The other plan adds in another order: a sum in hundreds may be rounded to the other side.
    EXPECT_LT(relative_difference(plain.value, first.value), 2e-3);
    EXPECT_LT(relative_difference(plain.gradient, first.gradient), 2e-3);
  }
}

// A hybrid plan sends as many sums as rows.
TEST_F(RowStorageTest, RowsTravelAsStoredAndSumsInFull) {
  const TinyGraph graph(world_, random_dataset(60, 45, 0.15, 1));
  const Shard& shard = graph.shard();
  const Matrix<float> x = random_rows<float>(shard, 16, 1);
  const auto bytes_of = [&](const PropagationOptions& options) {
    Propagation<float> propagation(shard, options);
    const auto before = world_.counters().bytes_sent;
    Matrix<float> y(shard.num_owned(), 16);
    propagation.multiply(1, x.view(), {}, y.view());
    return world_.sum(world_.counters().bytes_sent - before);
  };
  EXPECT_EQ(2 * bytes_of(stored(ExchangePlan::halo)), bytes_of({ExchangePlan::halo}));
  EXPECT_EQ(4 * bytes_of(stored(ExchangePlan::hybrid)), 3 * bytes_of({ExchangePlan::hybrid}));
  EXPECT_EQ(2 * bytes_of({ExchangePlan::hybrid, WireFormat::bf16, 0, RowStorage::bf16}),
            bytes_of({ExchangePlan::hybrid}));
}

}  // namespace
}  // namespace halorec
