// Losses: backward passes against central differences in double, over ranks; values against
// formulas written out.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <span>
#include <vector>

#include "engine/ops/losses.hpp"
#include "tests/engine/gradient_fixture.hpp"

namespace halorec {
namespace {

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
  double tau, tau2, gce = 0;
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
                    SoftmaxCase{"several blocks of rows", 150, 9, 30, 0.4, 0.84},
                    SoftmaxCase{"generalised", 6, 12, 5, 0.5, 1, 0.3},
                    SoftmaxCase{"generalised, two temperatures", 150, 9, 30, 0.4, 0.84, 0.7},
                    SoftmaxCase{"generalised, whole pool left out", 4, 3, 1, 0.7, 0.9, 1}),
    [](const auto& one) { return "Case" + std::to_string(one.index); });

// The formula, term by term.
double naive_softmax(const Matrix<double>& users, const Matrix<double>& positives,
                     const Matrix<double>& pool,
                     const std::vector<std::span<const std::uint32_t>>& left_out,
                     const std::vector<std::uint32_t>& pool_items, const SoftmaxOptions& options,
                     std::int64_t global) {
  const double tau = options.tau, q = options.gce;
  const auto score = [](const double* x, const double* y, std::int64_t n) {
    double sum = 0;
    for (std::int64_t c = 0; c < n; ++c) sum += x[c] * y[c];
    return sum;
  };
  double total = 0;
  for (std::int64_t k = 0; k < users.rows(); ++k) {
    double sum = 0;
    for (std::int64_t j = 0; j < pool.rows(); ++j) {
      const auto& out = left_out[static_cast<std::size_t>(k)];
      if (std::find(out.begin(), out.end(), pool_items[static_cast<std::size_t>(j)]) == out.end()) {
        sum += std::exp(score(users.row(k), pool.row(j), users.cols()) / tau);
      }
    }
    const double own = score(users.row(k), positives.row(k), users.cols()) / tau;
    const double others = sum > 0 ? options.tau2 * std::log(sum) : 0;
    const double chance = std::exp(own) / (std::exp(own) + std::exp(others));
    total += q == 0 ? others - own : (1 - std::pow(chance, q)) / q;
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
  const SoftmaxOptions options{c.tau, c.tau2, c.gce};
  const auto loss = [&](Tape<double>& tape) {
    return softmax_loss(tape, users.on(tape), positives.on(tape), pool.on(tape), left_out,
                        pool_items, options, global);
  };
  check_gradients(world_, {&users, &positives, &pool}, loss, c.rows > 100 ? 17 : 1);
  Tape<double> tape;
  EXPECT_NEAR(loss(tape),
              naive_softmax(users.value, positives.value, pool.value, left_out, pool_items, options,
                            global),
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
                   single.leaf(q.view(), dq.view()), left_out, pool_items, options, global);
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
    softmax_loss(tape, users.on(tape), positives.on(tape), pool.on(tape), left_out, pool_items,
                 {0.5}, 200);
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

}  // namespace
}  // namespace halorec
