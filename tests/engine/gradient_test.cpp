// Every operator's backward pass against central differences in double, over ranks; values against
// formulas written out; single precision against double.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <span>
#include <vector>

#include "engine/ops/layer_sum.hpp"
#include "engine/ops/losses.hpp"
#include "engine/ops/rows.hpp"
#include "tests/engine/central_differences.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

class GradientTest : public testing::Test {
 protected:
  // Rows of this rank alone, drawn by rank.
  Matrix<double> own_rows(std::int64_t rows, std::int64_t cols, std::uint64_t key) const {
    const Random random(17, Purpose::test, key);
    Matrix<double> matrix(rows, cols);
    for (std::int64_t k = 0; k < matrix.size(); ++k) {
      matrix.values()[static_cast<std::size_t>(k)] = random.normal(
          static_cast<std::uint64_t>(world_.rank()) << 32 | static_cast<std::uint64_t>(k));
    }
    return matrix;
  }

  Communicator world_;
};

// The batch of a loss: rank 1 (if any) has no positives.
std::int64_t batch_of(const Communicator& world, std::int64_t usual) {
  return world.rank() == 1 ? 0 : usual + world.rank();
}

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

TEST_F(GradientTest, BprLoss) {
  for (const std::int64_t m : {1, 3}) {
    const std::int64_t n = batch_of(world_, 6);
    Leaf users(own_rows(n, 3, 1)), positives(own_rows(n, 3, 2)), negatives(own_rows(n * m, 3, 3));
    const std::int64_t global = 6 * world_.size() + 100;  // any number
    double expected = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      for (std::int64_t j = 0; j < m; ++j) {
        double gap = 0;
        for (std::int64_t c = 0; c < 3; ++c) {
          gap += users.value(k, c) * (negatives.value(k * m + j, c) - positives.value(k, c));
        }
        expected += std::log(1 + std::exp(gap)) / double(global * m);
      }
    }
    check_gradients(world_, {&users, &positives, &negatives}, [&](Tape<double>& tape) {
      return bpr_loss(tape, users.on(tape), positives.on(tape), negatives.on(tape), global);
    });
    Tape<double> tape;
    EXPECT_NEAR(bpr_loss(tape, users.on(tape), positives.on(tape), negatives.on(tape), global),
                expected, 1e-14);
  }
}

TEST_F(GradientTest, BprLossIsFiniteFarFromZero) {
  Matrix<float> one(1, 1), gradient(1, 1), far(1, 1), near(1, 1);
  one.fill(1);
  far.fill(-2000);
  Tape<float> tape;
  const auto leaf = [&](Matrix<float>& m) -> Variable<float>& {
    return tape.leaf(m.view(), gradient.view());
  };
  EXPECT_EQ(bpr_loss(tape, leaf(one), leaf(far), leaf(near), 1), 2000);  // a gap of 2000
  tape.backward();
  EXPECT_TRUE(std::isfinite(gradient(0, 0)));
  EXPECT_EQ(bpr_loss(tape, leaf(one), leaf(near), leaf(far), 1), 0);  // a gap of -2000
}

struct SoftmaxCase {
  const char* name;
  std::int64_t rows, pool;
  std::uint32_t num_items;  // pool entries and positives are drawn below it: repeats, accidents
  double tau, tau2;
};

void PrintTo(const SoftmaxCase& c, std::ostream* out) {
  *out << c.name;
}

class SoftmaxTest : public GradientTest, public testing::WithParamInterface<SoftmaxCase> {};
INSTANTIATE_TEST_SUITE_P(
    Cases, SoftmaxTest,
    testing::Values(SoftmaxCase{"plain", 5, 7, 1000, 0.5, 1},
                    SoftmaxCase{"two temperatures", 5, 7, 1000, 0.3, 0.84},
                    SoftmaxCase{"accidental positives, repeats", 6, 12, 5, 0.7, 1.3},
                    SoftmaxCase{"whole pool left out", 4, 3, 1, 0.7, 0.9},
                    SoftmaxCase{"no pool", 4, 0, 3, 0.7, 1},
                    SoftmaxCase{"several blocks of rows", 150, 9, 30, 0.4, 0.84}),
    [](const auto& one) { return "Case" + std::to_string(one.index); });

// The formula, term by term.
double naive_softmax(const Matrix<double>& users, const Matrix<double>& positives,
                     const Matrix<double>& pool,
                     const std::vector<std::span<const std::uint32_t>>& left_out,
                     const std::vector<std::uint32_t>& pool_items, double tau, double tau2,
                     std::int64_t global) {
  const auto score = [](const double* x, const double* y, std::int64_t n) {
    double sum = 0;
    for (std::int64_t c = 0; c < n; ++c) sum += x[c] * y[c];
    return sum;
  };
  double total = 0;
  for (std::int64_t k = 0; k < users.rows(); ++k) {
    double sum = 0;
    for (std::int64_t j = 0; j < pool.rows(); ++j) {
      const auto& own = left_out[static_cast<std::size_t>(k)];
      if (std::find(own.begin(), own.end(), pool_items[static_cast<std::size_t>(j)]) == own.end()) {
        sum += std::exp(score(users.row(k), pool.row(j), users.cols()) / tau);
      }
    }
    total -= score(users.row(k), positives.row(k), users.cols()) / tau;
    if (sum > 0) total += tau2 * std::log(sum);
  }
  return total / static_cast<double>(global);
}

TEST_P(SoftmaxTest, GradientAndValue) {
  const SoftmaxCase& c = GetParam();
  const std::int64_t n = batch_of(world_, c.rows), dim = 3;
  Leaf users(own_rows(n, dim, 1)), positives(own_rows(n, dim, 2)), pool(own_rows(c.pool, dim, 3));
  const Random random(23, Purpose::test);
  // Zero to four items that a row leaves out, ascending.
  std::vector<std::vector<std::uint32_t>> lists;
  std::vector<std::uint32_t> pool_items;
  for (std::int64_t k = 0; k < n; ++k) {
    std::set<std::uint32_t> items;
    for (std::uint32_t i = 0; i < k % 5; ++i) {
      items.insert(
          static_cast<std::uint32_t>(random.below(c.num_items, static_cast<std::uint64_t>(k), i)));
    }
    lists.emplace_back(items.begin(), items.end());
  }
  const std::vector<std::span<const std::uint32_t>> left_out(lists.begin(), lists.end());
  for (std::int64_t j = 0; j < c.pool; ++j) {
    pool_items.push_back(
        static_cast<std::uint32_t>(random.below(c.num_items, static_cast<std::uint64_t>(j), 9)));
  }
  const std::int64_t global = 1000;
  const auto loss = [&](Tape<double>& tape) {
    return softmax_loss(tape, users.on(tape), positives.on(tape), pool.on(tape), left_out,
                        pool_items, c.tau, c.tau2, global);
  };
  check_gradients(world_, {&users, &positives, &pool}, loss, c.rows > 100 ? 17 : 1);
  Tape<double> tape;
  EXPECT_NEAR(loss(tape),
              naive_softmax(users.value, positives.value, pool.value, left_out, pool_items, c.tau,
                            c.tau2, global),
              1e-13);

  // Single precision: the same numbers to its digits.
  const auto narrow = [](const Matrix<double>& from) {
    Matrix<float> to(from.rows(), from.cols());
    std::copy(from.values().begin(), from.values().end(), to.data());
    return to;
  };
  users.gradient.fill(0);
  positives.gradient.fill(0);
  pool.gradient.fill(0);
  tape.backward();
  Matrix<float> u = narrow(users.value), p = narrow(positives.value), q = narrow(pool.value);
  Matrix<float> du(n, dim), dp(n, dim), dq(c.pool, dim);
  Tape<float> single;
  const double value =
      softmax_loss(single, single.leaf(u.view(), du.view()), single.leaf(p.view(), dp.view()),
                   single.leaf(q.view(), dq.view()), left_out, pool_items, c.tau, c.tau2, global);
  single.backward();
  EXPECT_NEAR(value, loss(tape), 1e-5);
  EXPECT_LT(relative_difference(du, narrow(users.gradient)), 1e-4);
  EXPECT_LT(relative_difference(dp, narrow(positives.gradient)), 1e-4);
  EXPECT_LT(relative_difference(dq, narrow(pool.gradient)), 1e-4);
}

// OpenMP may give a team fewer threads than it was asked for (limits, nesting). What the missing
// threads would have summed must not be taken from memory that an earlier step left.
TEST_F(GradientTest, SoftmaxLossWithFewerThreadsThanAskedFor) {
  omp_set_num_threads(3);
  Leaf users(own_rows(200, 3, 1)), positives(own_rows(200, 3, 2)), pool(own_rows(4, 3, 3));
  const std::vector<std::uint32_t> pool_items{0, 1, 2, 3};
  const std::vector<std::span<const std::uint32_t>> left_out(200);
  Tape<double> tape;
  const auto gradient = [&] {
    tape.clear();
    pool.gradient.fill(0);
    softmax_loss(tape, users.on(tape), positives.on(tape), pool.on(tape), left_out, pool_items, 0.5,
                 1, 200);
    tape.backward();
    return pool.gradient.clone();
  };
  const Matrix<double> expected = gradient();
  Matrix<double> nested;
#pragma omp parallel num_threads(2)
#pragma omp master
  {
    EXPECT_EQ(omp_get_max_active_levels(), 1);
    nested = gradient();  // a region within a region: a team of one
  }
  omp_set_num_threads(2);
  EXPECT_LT(relative_difference(nested, expected), 1e-12);
}

TEST_F(GradientTest, L2Penalty) {
  Leaf rows(own_rows(batch_of(world_, 5), 3, 1));
  std::vector<double> factors;
  for (std::int64_t k = 0; k < rows.value.rows(); ++k)
    factors.push_back(k == 2 ? 0 : 0.1 * double(k));
  double expected = 0;
  for (std::int64_t k = 0; k < rows.value.rows(); ++k) {
    for (std::int64_t c = 0; c < 3; ++c) {
      expected += factors[static_cast<std::size_t>(k)] / 2 * rows.value(k, c) * rows.value(k, c);
    }
  }
  check_gradients(world_, {&rows}, [&](Tape<double>& tape) {
    const double loss = l2_penalty(tape, rows.on(tape), std::span<const double>(factors));
    return loss;
  });
  Tape<double> tape;
  EXPECT_NEAR(l2_penalty(tape, rows.on(tape), std::span<const double>(factors)), expected, 1e-14);
}

TEST_F(GradientTest, ATapeReusesItsMemoryAndForgetsItsRecords) {
  Leaf rows(own_rows(4, 2, 1));
  const Matrix<double> direction = own_rows(4, 2, 2);
  Tape<double> tape;
  const double* first = nullptr;
  for (int step = 0; step < 3; ++step) {
    tape.clear();
    rows.gradient.fill(0);
    Variable<double>& unit = normalise_rows(tape, rows.on(tape));
    const double* low = std::min<const double*>(unit.value.data, unit.gradient.data);
    if (step == 0) first = low;
    EXPECT_EQ(low, first);
    for (std::int64_t r = 0; r < 4; ++r) {
      for (std::int64_t c = 0; c < 2; ++c) EXPECT_EQ(unit.gradient(r, c), 0);
    }
    along(tape, unit, direction);
    tape.backward();
  }
  const Matrix<double> once = rows.gradient.clone();
  tape.clear();
  tape.backward();  // nothing is left to run
  EXPECT_TRUE(same_bits(once, rows.gradient));
}

}  // namespace
}  // namespace halorec
