// The backward pass of operators on rows against central differences in double, over ranks; values
// against formulas written out; single precision against double. (loss_gradient_test.cpp: losses.)
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <span>
#include <vector>

#include "engine/ops/layer_sum.hpp"
#include "engine/ops/rows.hpp"
#include "tests/engine/gradient_fixture.hpp"

namespace halorec {
namespace {

TEST_F(GradientTest, LayerSum) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, random_dataset(9, 12, 0.3, 1), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    Propagation<double> propagation(shard);
    for (const std::int64_t num_layers : {0, 1, 3}) {
      Leaf embeddings(random_rows<double>(shard, 2, 1));
      Leaf weights(Matrix<double>(1, num_layers + 1), true);
      for (std::int64_t k = 0; k <= num_layers; ++k) weights.value(0, k) = 0.7 - 0.2 * double(k);
      // Every other row, and on one rank none.
      std::vector<std::int32_t> rows;
      for (std::int32_t r = 0; r < shard.num_owned() && world_.rank() != 2; r += 2) {
        rows.push_back(r);
      }
      const Matrix<double> direction = own_rows(std::ssize(rows), 2, 2);
      check_gradients(
          world_, {&embeddings, &weights},
          [&](Tape<double>& tape) {
            return along(tape,
                         layer_sum(tape, propagation, embeddings.on(tape), weights.on(tape), rows),
                         direction);
          },
          3);
      // Without a gradient wanted, the value is the same and the weights stay a constant.
      Tape<double> tape;
      const Matrix<double> before = embeddings.gradient.clone();
      // A parameter's gradient is overwritten, whatever stands there; a leaf's is added to.
      for (const bool is_parameter : {true, false}) {
        embeddings.gradient.fill(is_parameter ? 1e9 : 1);
        Variable<double>& constant = tape.leaf(weights.value.view(), {});
        Variable<double>& e =
            is_parameter ? tape.parameter(embeddings.value.view(), embeddings.gradient.view())
                         : tape.leaf(embeddings.value.view(), embeddings.gradient.view());
        along(tape, layer_sum(tape, propagation, e, constant, rows), direction);
        tape.backward();
        Matrix<double> expected = before.clone();
        if (!is_parameter) {
          for (double& value : expected.values()) value += 1;
        }
        EXPECT_LT(relative_difference(embeddings.gradient, expected), 1e-14);
        tape.clear();
      }
    }
  }
}

// Columns spread over the ranks give the values and gradients of rows spread over them.
TEST_F(GradientTest, LayerSumByColumns) {
  Communicator alone(MPI_COMM_SELF);
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, random_dataset(19, 22, 0.3, 1), TrainingPart::train, deal);
    const TinyGraph whole(alone, random_dataset(19, 22, 0.3, 1));
    const Shard& shard = graph.shard();
    const std::int64_t dim = 7;  // no multiple of the ranks
    Propagation<double> propagation(shard);
    ColumnPropagation<double> columns(shard, whole.shard(), dim);
    std::vector<std::int32_t> rows;
    for (std::int32_t r = 0; r < shard.num_owned() && world_.rank() != 2; r += 2) {
      rows.push_back(r);
    }
    const Matrix<double> direction = own_rows(std::ssize(rows), dim, 2);
    for (const std::int64_t num_layers : {0, 1, 3}) {
      for (const bool learns : {false, true}) {
        Matrix<double> e = random_rows<double>(shard, dim, 1);
        Matrix<double> w(1, num_layers + 1);
        for (std::int64_t k = 0; k <= num_layers; ++k) w(0, k) = 0.7 - 0.2 * double(k);
        const auto run = [&](auto& where, Matrix<double>& de, Matrix<double>& dw) {
          Tape<double> tape;
          Variable<double>& sum =
              layer_sum(tape, where, tape.parameter(e.view(), de.view()),
                        tape.parameter(w.view(), learns ? dw.view() : MatrixView<double>{}), rows);
          Matrix<double> value(sum.value.rows, dim);
          for (std::int64_t r = 0; r < value.rows(); ++r) {
            std::copy_n(sum.value.row(r), dim, value.row(r));
          }
          along(tape, sum, direction);
          tape.backward();
          world_.sum(dw.values());
          return value;
        };
        Matrix<double> de(e.rows(), dim), dw(1, num_layers + 1);
        Matrix<double> de2(e.rows(), dim), dw2(1, num_layers + 1);
        const Matrix<double> by_rows = run(propagation, de, dw);
        const Matrix<double> by_columns = run(columns, de2, dw2);
        if (!rows.empty()) {
          EXPECT_LT(relative_difference(by_columns, by_rows), 1e-13);
        }
        EXPECT_LT(relative_difference(collect(shard, de2), collect(shard, de)), 1e-13);
        EXPECT_LT(relative_difference(dw2, dw), 1e-13);
      }
    }
  }
}

TEST_F(GradientTest, LayerSumIsThePolynomialOfPowers) {
  const TinyGraph graph(world_, random_dataset(30, 25, 0.2, 2));
  const Shard& shard = graph.shard();
  Propagation<double> propagation(shard);
  Leaf embeddings(random_rows<double>(shard, 5, 1)), weights(Matrix<double>(1, 4), true);
  for (std::int64_t k = 0; k < 4; ++k) weights.value(0, k) = 1.0 / double(k + 2);
  Matrix<double> expected(shard.num_owned(), 5), power = embeddings.value.clone();
  for (std::int64_t k = 0; k < 4; ++k) {
    for (std::size_t e = 0; e < expected.values().size(); ++e) {
      expected.values()[e] += weights.value(0, k) * power.values()[e];
    }
    Matrix<double> next(shard.num_owned(), 5);
    propagation.multiply(1, power.view(), {}, next.view());
    power = std::move(next);
  }
  Tape<double> tape;
  std::vector<std::int32_t> rows;
  for (std::int32_t r = 0; r < shard.num_owned(); ++r) rows.push_back(r);
  const Variable<double>& sum =
      layer_sum(tape, propagation, embeddings.on(tape), weights.on(tape), rows);
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    for (std::int64_t c = 0; c < 5; ++c) EXPECT_NEAR(sum.value(r, c), expected(r, c), 1e-13);
  }
}

TEST_F(GradientTest, GatherRowsWithRepeats) {
  const std::int64_t num_rows = batch_of(world_, 4);
  Leaf rows(own_rows(num_rows, 3, 1));
  // Every row of every rank, rank 0's first row twice more.
  std::vector<RowAddress> wanted;
  const auto counts = world_.all_gather(num_rows);
  for (int r = 0; r < world_.size(); ++r) {
    for (std::int32_t k = 0; k < counts[static_cast<std::size_t>(r)]; ++k) wanted.push_back({r, k});
  }
  wanted.push_back({0, 0});
  wanted.insert(wanted.begin(), {0, 0});
  const BatchGather plan(world_, wanted);
  const Matrix<double> direction = own_rows(plan.num_wanted(), 3, 2);
  check_gradients(world_, {&rows}, [&](Tape<double>& tape) {
    return along(tape, gather_rows(tape, plan, rows.on(tape)), direction);
  });
}

TEST_F(GradientTest, SelectRows) {
  Leaf rows(own_rows(7, 2, 1));
  const std::vector<std::int32_t> some{0, 3, 4};
  const Matrix<double> one = own_rows(3, 2, 2), other = own_rows(7, 2, 3);
  check_gradients(world_, {&rows}, [&](Tape<double>& tape) {
    Variable<double>& all = rows.on(tape);
    return along(tape, select_rows(tape, all, some), one) + along(tape, all, other);
  });
  // What no operator touches is zero, not what stood there.
  Tape<double> tape;
  rows.gradient.fill(1e9);
  tape.parameter(rows.value.view(), rows.gradient.view());
  tape.backward();
  for (const double value : rows.gradient.values()) EXPECT_EQ(value, 0);
}

TEST_F(GradientTest, RowRangesShareTheirRows) {
  Leaf rows(own_rows(7, 2, 1));
  const Matrix<double> one = own_rows(5, 2, 2), other = own_rows(4, 2, 3);
  check_gradients(world_, {&rows}, [&](Tape<double>& tape) {
    Variable<double>& all = rows.on(tape);
    // Rows 2, 3 and 4 are in both.
    return along(tape, row_range(tape, all, 0, 5), one) +
           along(tape, row_range(tape, all, 2, 4), other);
  });
}

TEST_F(GradientTest, NormaliseRows) {
  Leaf rows(own_rows(batch_of(world_, 5), 4, 1));
  const Matrix<double> direction = own_rows(rows.value.rows(), 4, 2);
  check_gradients(world_, {&rows}, [&](Tape<double>& tape) {
    Variable<double>& unit = normalise_rows(tape, rows.on(tape));
    for (std::int64_t r = 0; r < unit.value.rows; ++r) {
      double square = 0;
      for (const double x : unit.value.row_span(r)) square += x * x;
      EXPECT_NEAR(square, 1, 1e-14);
    }
    return along(tape, unit, direction);
  });
}

// A zero row has no direction: it stays zero, and must not send a gradient of 1e12 home.
TEST_F(GradientTest, AZeroRowStaysZeroAndSendsNoGradient) {
  Leaf rows(own_rows(3, 4, 1));
  for (std::int64_t c = 0; c < 4; ++c) rows.value(1, c) = 0;
  Tape<double> tape;
  Variable<double>& unit = normalise_rows(tape, rows.on(tape));
  along(tape, unit, own_rows(3, 4, 2));
  tape.backward();
  for (std::int64_t c = 0; c < 4; ++c) {
    EXPECT_EQ(unit.value(1, c), 0);
    EXPECT_EQ(rows.gradient(1, c), 0);
    EXPECT_NE(rows.gradient(0, c), 0);
  }
}

// Rows of tiny norm in single precision, whose squares underflow there: still unit rows.
TEST_F(GradientTest, TinyRowsAreNormalisedInSinglePrecision) {
  Matrix<float> value(1, 3), gradient(1, 3);
  value(0, 0) = 3e-25F;
  value(0, 1) = 4e-25F;
  Tape<float> tape;
  const Variable<float>& unit = normalise_rows(tape, tape.leaf(value.view(), gradient.view()));
  EXPECT_EQ(unit.value(0, 0), 0);  // below 1e-12: no direction
  value(0, 0) = 3e-11F;
  value(0, 1) = 4e-11F;
  const Variable<float>& again = normalise_rows(tape, tape.leaf(value.view(), gradient.view()));
  EXPECT_NEAR(again.value(0, 0), 0.6F, 1e-6F);
  EXPECT_NEAR(again.value(0, 1), 0.8F, 1e-6F);
}

}  // namespace
}  // namespace halorec
