// Losses of single scores: values by hand and by formula, gradients against central differences in
// double, over ranks; and the weight of a term.
#include <cmath>

#include "engine/ops/losses.hpp"
#include "engine/ops/pointwise_losses.hpp"
#include "tests/engine/gradient_fixture.hpp"

namespace halorec {
namespace {

double dot_of(const Matrix<double>& x, std::int64_t r, const Matrix<double>& y, std::int64_t s) {
  double sum = 0;
  for (std::int64_t c = 0; c < x.cols(); ++c) sum += x(r, c) * y(s, c);
  return sum;
}

TEST_F(GradientTest, LogisticLoss) {
  for (const std::int64_t m : {1, 3}) {
    const std::int64_t n = batch_of(world_, 6);
    Leaf users(own_rows(n, 3, 1)), positives(own_rows(n, 3, 2)), negatives(own_rows(n * m, 3, 3));
    const std::int64_t global = 6 * world_.size() + 100;  // any number
    double expected = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      expected -= std::log(1 / (1 + std::exp(-dot_of(users.value, k, positives.value, k))));
      for (std::int64_t j = 0; j < m; ++j) {
        const double score = dot_of(users.value, k, negatives.value, k * m + j);
        expected -= std::log(1 - 1 / (1 + std::exp(-score)));
      }
    }
    expected /= static_cast<double>(global * (1 + m));
    const auto loss = [&](Tape<double>& tape) {
      return logistic_loss(tape, users.on(tape), positives.on(tape), negatives.on(tape), global);
    };
    check_gradients(world_, {&users, &positives, &negatives}, loss);
    Tape<double> tape;
    EXPECT_NEAR(loss(tape), expected, 1e-13);
  }
}

// <(1, 2), (3, -1)> = 1: a positive costs ln(1 + 1/e); <(1, 2), (0, 1)> = 2: a negative ln(1 +
// e^2).
TEST_F(GradientTest, LogisticLossByHand) {
  Leaf users(Matrix<double>(1, 2)), positives(Matrix<double>(1, 2)),
      negatives(Matrix<double>(1, 2));
  users.value(0, 0) = 1;
  users.value(0, 1) = 2;
  positives.value(0, 0) = 3;
  positives.value(0, 1) = -1;
  negatives.value(0, 1) = 1;
  Tape<double> tape;
  const double loss =
      logistic_loss(tape, users.on(tape), positives.on(tape), negatives.on(tape), 1);
  EXPECT_NEAR(loss, (0.31326168751822286 + 2.1269280110429727) / 2, 1e-15);
  tape.backward();
  // d / d positive = (sigmoid(1) - 1) / 2 times the user's row.
  EXPECT_NEAR(positives.gradient(0, 1), -0.2689414213699951, 1e-15);
}

TEST_F(GradientTest, LogisticLossIsFiniteFarFromZero) {
  Matrix<float> one(1, 1), far(1, 1), gradient(1, 1);
  one.fill(1);
  far.fill(-2000);
  Tape<float> tape;
  const auto leaf = [&](Matrix<float>& m) -> Variable<float>& {
    return tape.leaf(m.view(), gradient.view());
  };
  EXPECT_EQ(logistic_loss(tape, leaf(one), leaf(far), leaf(far), 1), 1000);
  tape.backward();
  EXPECT_TRUE(std::isfinite(gradient(0, 0)));
}

TEST_F(GradientTest, RatingLoss) {
  const std::int64_t n = batch_of(world_, 6), global = 77;
  Leaf users(own_rows(n, 3, 1)), positives(own_rows(n, 3, 2));
  std::vector<double> targets;
  double expected = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    targets.push_back(0.5 * static_cast<double>(k) - 1);
    const double error = targets.back() - dot_of(users.value, k, positives.value, k);
    expected += error * error / static_cast<double>(global);
  }
  const auto loss = [&](Tape<double>& tape) {
    return rating_loss(tape, users.on(tape), positives.on(tape), targets, global);
  };
  check_gradients(world_, {&users, &positives}, loss);
  Tape<double> tape;
  EXPECT_NEAR(loss(tape), expected, 1e-13);
}

// A weight changes what flows back, not what is seen; terms over the same rows add up.
TEST_F(GradientTest, WeightsOfTerms) {
  const std::int64_t n = batch_of(world_, 4), global = 50;
  Leaf users(own_rows(n, 3, 1)), positives(own_rows(n, 3, 2)), negatives(own_rows(n, 3, 3));
  check_gradients(world_, {&users, &positives, &negatives}, [&](Tape<double>& tape) {
    Variable<double>&u = users.on(tape), &p = positives.on(tape), &q = negatives.on(tape);
    const auto weighed = [&](Variable<double>& rows, double w) -> Variable<double>& {
      return weigh_gradient(tape, rows, w);
    };
    return 0.3 * bpr_loss(tape, weighed(u, 0.3), weighed(p, 0.3), weighed(q, 0.3), global) +
           1.7 * logistic_loss(tape, weighed(u, 1.7), weighed(p, 1.7), weighed(q, 1.7), global);
  });
}

}  // namespace
}  // namespace halorec
