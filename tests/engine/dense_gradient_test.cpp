// Operators on rows that pass no messages (linear, elementwise, combinations of layers, the GRU
// cell): values against formulas written out, backward passes against central differences.
#include <cmath>
#include <vector>

#include "engine/ops/combine.hpp"
#include "engine/ops/elementwise.hpp"
#include "engine/ops/gru.hpp"
#include "engine/ops/linear.hpp"
#include "engine/ops/perturbed_layers.hpp"
#include "tests/engine/gradient_fixture.hpp"
#include "tests/every_target.hpp"

namespace halorec {
namespace {

// The same on every rank, as replicated parameters are.
Matrix<double> shared_rows(std::int64_t rows, std::int64_t cols, std::uint64_t key) {
  const Random random(23, Purpose::test, key);
  Matrix<double> matrix(rows, cols);
  for (std::int64_t k = 0; k < matrix.size(); ++k) {
    matrix.values()[static_cast<std::size_t>(k)] = random.normal(static_cast<std::uint64_t>(k));
  }
  return matrix;
}

TEST_F(GradientTest, LinearOfTwoTermsWithBias) {
  const std::int64_t n = batch_of(world_, 6);
  Leaf x(own_rows(n, 3, 1)), y(own_rows(n, 2, 2));
  Leaf v(shared_rows(3, 4, 3), true), w(shared_rows(2, 4, 4), true), b(shared_rows(1, 4, 5), true);
  const Matrix<double> direction = own_rows(n, 4, 6);
  check_gradients(world_, {&x, &y, &v, &w, &b}, [&](Tape<double>& tape) {
    Variable<double>& sum =
        linear<double>(tape, {{x.on(tape), v.on(tape)}, {y.on(tape), w.on(tape)}}, &b.on(tape));
    for (std::int64_t r = 0; r < n; ++r) {
      for (std::int64_t c = 0; c < 4; ++c) {
        double expected = b.value(0, c);
        for (std::int64_t k = 0; k < 3; ++k) expected += x.value(r, k) * v.value(k, c);
        for (std::int64_t k = 0; k < 2; ++k) expected += y.value(r, k) * w.value(k, c);
        EXPECT_NEAR(sum.value(r, c), expected, 1e-12);
      }
    }
    return along(tape, sum, direction);
  });
}

// More rows than a block, fewer and more than pieces; gradients of parameters are overwritten once
// and added to when they are used twice.
TEST_F(GradientTest, LinearAppliedTwiceWithOneParameter) {
  for (const std::int64_t n : {5, 700}) {
    Matrix<double> x = own_rows(n, 3, 1);
    Matrix<double> w = shared_rows(3, 3, 2), dx(n, 3), dw(3, 3);
    dx.fill(1e9);
    dw.fill(1e9);
    const Matrix<double> direction = own_rows(n, 3, 3);
    Tape<double> tape;
    Variable<double>& in = tape.parameter(x.view(), dx.view());
    Variable<double>& once = linear<double>(tape, {{in, tape.parameter(w.view(), dw.view())}});
    Variable<double>& twice = linear<double>(tape, {{once, tape.parameter(w.view(), dw.view())}});
    along(tape, twice, direction);
    tape.backward();
    // dw = X^T G W^T + (X W)^T G,  dx = G W^T W^T, by plain loops.
    const auto product = [](const Matrix<double>& a, bool at, const Matrix<double>& b, bool bt) {
      const std::int64_t rows = at ? a.cols() : a.rows(), inner = at ? a.rows() : a.cols();
      Matrix<double> c(rows, bt ? b.rows() : b.cols());
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < c.cols(); ++j) {
          for (std::int64_t k = 0; k < inner; ++k) {
            c(i, j) += (at ? a(k, i) : a(i, k)) * (bt ? b(j, k) : b(k, j));
          }
        }
      }
      return c;
    };
    const Matrix<double> back = product(direction, false, w, true);
    Matrix<double> expected = product(x, true, back, false);
    const Matrix<double> second = product(product(x, false, w, false), true, direction, false);
    for (std::size_t k = 0; k < expected.values().size(); ++k) {
      expected.values()[k] += second.values()[k];
    }
    EXPECT_LT(relative_difference(dw, expected), 1e-13);
    EXPECT_LT(relative_difference(dx, product(back, false, w, true)), 1e-13);
  }
}

TEST_F(GradientTest, SumsAndProducts) {
  const std::int64_t n = batch_of(world_, 4);
  Leaf x(own_rows(n, 3, 1)), y(own_rows(n, 3, 2));
  const Matrix<double> direction = own_rows(n, 3, 3);
  check_gradients(world_, {&x, &y}, [&](Tape<double>& tape) {
    Variable<double>&a = x.on(tape), &b = y.on(tape);
    // a b + 0.3 (a + b), and a squared: both arguments the same.
    Variable<double>& mixed = add(tape, hadamard(tape, a, b), scale(tape, 0.3, add(tape, a, b)));
    Variable<double>& all = add(tape, mixed, hadamard(tape, a, a));
    for (std::int64_t r = 0; r < n; ++r) {
      const double u = x.value(r, 1), v = y.value(r, 1);
      EXPECT_NEAR(all.value(r, 1), u * v + 0.3 * (u + v) + u * u, 1e-13);
    }
    return along(tape, all, direction);
  });
}

TEST_F(GradientTest, Activations) {
  const std::int64_t n = batch_of(world_, 5);
  const Matrix<double> direction = own_rows(n, 4, 2);
  const std::vector<std::pair<Activation, std::function<double(double)>>> all{
      {Activation::relu, [](double v) { return std::max(v, 0.0); }},
      {Activation::leaky_relu, [](double v) { return std::max(v, v / 5); }},
      {Activation::elu, [](double v) { return v > 0 ? v : std::exp(v) - 1; }},
      {Activation::sigmoid, [](double v) { return 1 / (1 + std::exp(-v)); }},
      {Activation::tanh, [](double v) { return std::tanh(v); }}};
  for (const auto& [activation, formula] : all) {
    Leaf x(own_rows(n, 4, 1));
    check_gradients(world_, {&x}, [&, kind = activation, f = formula](Tape<double>& tape) {
      Variable<double>& y = activate(tape, kind, x.on(tape));
      for (std::int64_t r = 0; r < n; ++r) EXPECT_NEAR(y.value(r, 2), f(x.value(r, 2)), 1e-14);
      return along(tape, y, direction);
    });
  }
}

TEST_F(GradientTest, PartsSideBySideAndTheirMean) {
  const std::int64_t n = batch_of(world_, 4);
  Leaf x(own_rows(n, 3, 1)), y(own_rows(n, 2, 2)), z(own_rows(n, 3, 3));
  const Matrix<double> wide = own_rows(n, 8, 4), narrow = own_rows(n, 3, 5);
  check_gradients(world_, {&x, &y, &z}, [&](Tape<double>& tape) {
    Variable<double>&a = x.on(tape), &b = y.on(tape), &c = z.on(tape);
    Variable<double>& side_by_side = concatenate_columns<double>(tape, {&a, &b, &c});
    Variable<double>& mean = mean_of<double>(tape, {&a, &c});
    for (std::int64_t r = 0; r < n; ++r) {
      EXPECT_EQ(side_by_side.value(r, 2), x.value(r, 2));
      EXPECT_EQ(side_by_side.value(r, 4), y.value(r, 1));
      EXPECT_EQ(side_by_side.value(r, 5), z.value(r, 0));
      EXPECT_NEAR(mean.value(r, 1), (x.value(r, 1) + z.value(r, 1)) / 2, 1e-15);
    }
    return along(tape, side_by_side, wide) + along(tape, mean, narrow);
  });
}

TEST_F(GradientTest, AttentionOverParts) {
  const std::int64_t n = batch_of(world_, 4);
  Leaf x(own_rows(n, 3, 1)), y(own_rows(n, 3, 2)), z(own_rows(n, 3, 3));
  Leaf q(shared_rows(1, 3, 4), true);
  const Matrix<double> direction = own_rows(n, 3, 5);
  check_gradients(world_, {&x, &y, &z, &q}, [&](Tape<double>& tape) {
    Variable<double>& all =
        attend_parts<double>(tape, {&x.on(tape), &y.on(tape), &z.on(tape)}, q.on(tape));
    for (std::int64_t r = 0; r < n; ++r) {
      double sum = 0, expected = 0;
      for (const Leaf* part : {&x, &y, &z}) {
        double score = 0;
        for (std::int64_t c = 0; c < 3; ++c) score += q.value(0, c) * part->value(r, c);
        sum += std::exp(score);
        expected += std::exp(score) * part->value(r, 1);
      }
      EXPECT_NEAR(all.value(r, 1), expected / sum, 1e-13);
    }
    return along(tape, all, direction);
  });
}

// Shares of a mixture: the softmax of a shared row, weighing matrices.
TEST_F(GradientTest, SoftmaxOfARowWeighsParts) {
  const std::int64_t n = batch_of(world_, 4);
  Leaf x(own_rows(n, 3, 1)), y(own_rows(n, 3, 2)), shares(shared_rows(1, 2, 3), true);
  const Matrix<double> direction = own_rows(n, 3, 4);
  check_gradients(world_, {&x, &y, &shares}, [&](Tape<double>& tape) {
    Variable<double>& all =
        combine_layers<double>(tape, {&x.on(tape), &y.on(tape)}, softmax(tape, shares.on(tape)));
    const double first = 1 / (1 + std::exp(shares.value(0, 1) - shares.value(0, 0)));
    for (std::int64_t r = 0; r < n; ++r) {
      const double expected = first * x.value(r, 2) + (1 - first) * y.value(r, 2);
      EXPECT_NEAR(all.value(r, 2), expected, 1e-13);
    }
    return along(tape, all, direction);
  });
}

TEST_F(GradientTest, GruCell) {
  on_every_target([&] {
    const std::int64_t n = batch_of(world_, 3);
    for (const std::int64_t dim : {1, 5}) {  // less and more than a vector
      Leaf input(own_rows(n, 3 * dim, 1)), state(own_rows(n, 3 * dim, 2)), h(own_rows(n, dim, 3));
      const Matrix<double> direction = own_rows(n, dim, 4);
      const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
      check_gradients(world_, {&input, &state, &h}, [&](Tape<double>& tape) {
        Variable<double>& y = gru_cell(tape, input.on(tape), state.on(tape), h.on(tape));
        for (std::int64_t r = 0; r < n; ++r) {
          for (std::int64_t c = 0; c < dim; ++c) {
            const auto block = [&](const Leaf& leaf, std::int64_t k) {
              return leaf.value(r, k * dim + c);
            };
            const double reset = sigmoid(block(input, 0) + block(state, 0));
            const double update = sigmoid(block(input, 1) + block(state, 1));
            const double proposed = std::tanh(block(input, 2) + reset * block(state, 2));
            EXPECT_NEAR(y.value(r, c), (1 - update) * proposed + update * h.value(r, c), 1e-13);
          }
        }
        return along(tape, y, direction);
      });
    }
  });
}

// Gates that are wide open or shut: their exponentials overflow, their values must not.
TEST_F(GradientTest, GruCellOfLargeArguments) {
  on_every_target([&] {
    Matrix<float> input(1, 9), state(1, 9), h(1, 3);
    for (std::int64_t c = 0; c < 3; ++c) {
      input(0, 3 + c) = c == 0 ? 1e4F : -1e4F;
      input(0, 6 + c) = 1e4F;
      h(0, c) = 0.5F;
    }
    Tape<float> tape(false);
    const Variable<float>& y = gru_cell(tape, tape.leaf(input.view(), {}),
                                        tape.leaf(state.view(), {}), tape.leaf(h.view(), {}));
    EXPECT_NEAR(y.value(0, 0), 0.5F, 1e-6F);
    EXPECT_NEAR(y.value(0, 1), 1.0F, 1e-6F);
    EXPECT_NEAR(y.value(0, 2), 1.0F, 1e-6F);
  });
}

}  // namespace
}  // namespace halorec
