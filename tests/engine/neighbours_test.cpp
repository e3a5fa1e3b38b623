// Operators that pass messages: values against naive loops over the whole graph, backward passes
// against central differences, for all rows and for demanded ones, over ranks.
#include <cmath>
#include <functional>
#include <vector>

#include "engine/ops/attention.hpp"
#include "engine/ops/neighbours.hpp"
#include "tests/engine/gradient_fixture.hpp"
#include "tests/every_target.hpp"

namespace halorec {
namespace {

constexpr double kLeak = 0.2;

// Neighbours of every node of the whole graph, users first.
std::vector<std::vector<std::int64_t>> neighbour_lists(const Dataset& data, bool with_self) {
  const auto num_users = static_cast<std::int64_t>(data.users.size());
  std::vector<std::vector<std::int64_t>> lists(data.users.size() + data.items.size());
  for (std::size_t k = 0; with_self && k < lists.size(); ++k) {
    lists[k].push_back(static_cast<std::int64_t>(k));
  }
  const Interactions& train = data[Split::train];
  for (std::uint64_t k = 0; k < train.size(); ++k) {
    lists[train.user[k]].push_back(num_users + train.item[k]);
    lists[static_cast<std::size_t>(num_users) + train.item[k]].push_back(train.user[k]);
  }
  return lists;
}

double dot(const Matrix<double>& x, std::int64_t r, const Matrix<double>& y, std::int64_t s) {
  double sum = 0;
  for (std::int64_t c = 0; c < x.cols(); ++c) sum += x(r, c) * y(s, c);
  return sum;
}

// Row `node` of the result, given the whole graph's rows.
using Naive = std::function<std::vector<double>(const Matrix<double>& x, std::int64_t node,
                                                const std::vector<std::int64_t>& neighbours)>;

class NeighboursTest : public GradientTest {
 protected:
  // The operator under test, of rows x [num_owned x cols]; `more`: its other arguments.
  using Operator = std::function<Variable<double>&(Tape<double>&, MessageGraph<double>&,
                                                   Variable<double>&, Rows)>;

  // Every deal, all rows and some (on rank 2 none): the naive value and central differences.
  void check(
      std::int64_t cols, bool with_self, const Operator& op, const Naive& naive,
      const std::function<std::vector<Leaf*>()>& shared = [] { return std::vector<Leaf*>{}; },
      PropagationOptions options = {}) {
    for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
      const TinyGraph graph(world_, random_dataset(9, 12, 0.35, 1), TrainingPart::train, deal);
      const Shard& shard = graph.shard();
      MessageGraph<double> messages(shard, options);
      const auto lists = neighbour_lists(graph.data(), with_self);
      for (const Rows rows : {Rows::all, Rows::demanded}) {
        std::vector<std::int32_t> listed;
        const int every = rows == Rows::all ? 1 : 2;
        for (std::int32_t r = 0; r < shard.num_owned(); r += every) {
          if (rows == Rows::all || world_.rank() != 2) listed.push_back(r);
        }
        messages.demand(listed);
        Leaf x(random_rows<double>(shard, cols, 1));
        const Matrix<double> whole = collect(shard, x.value);
        {
          Tape<double> tape(false);
          const Variable<double>& y = op(tape, messages, x.on(tape), rows);
          ASSERT_EQ(y.value.rows, std::ssize(listed));
          for (std::size_t k = 0; k < listed.size(); ++k) {
            const std::int64_t node = whole_row(shard, shard.global_id(listed[k]));
            const auto expected = naive(whole, node, lists[static_cast<std::size_t>(node)]);
            for (std::int64_t c = 0; c < y.value.cols; ++c) {
              EXPECT_NEAR(y.value(static_cast<std::int64_t>(k), c),
                          expected[static_cast<std::size_t>(c)], 1e-12);
            }
          }
        }
        Tape<double> sizes(false);
        const std::int64_t wide = op(sizes, messages, x.on(sizes), rows).value.cols;
        const Matrix<double> direction = GradientTest::own_rows(std::ssize(listed), wide, 2);
        std::vector<Leaf*> leaves = shared();
        leaves.push_back(&x);
        check_gradients(
            world_, leaves,
            [&](Tape<double>& tape) {
              return along(tape, op(tape, messages, x.on(tape), rows), direction);
            },
            3);
        expect_parameters_overwritten(messages, op, rows, x, direction);
      }
    }
  }

  // The gradient of a parameter is defined by the step alone, whatever stood there.
  void expect_parameters_overwritten(MessageGraph<double>& messages, const Operator& op, Rows rows,
                                     Leaf& x, const Matrix<double>& direction) {
    const auto run = [&](Tape<double>& tape, Variable<double>& variable) {
      along(tape, op(tape, messages, variable, rows), direction);
      tape.backward();
    };
    x.gradient.fill(0);
    Tape<double> by_leaf, by_parameter;
    run(by_leaf, x.on(by_leaf));
    const Matrix<double> expected = x.gradient.clone();
    x.gradient.fill(1e9);
    run(by_parameter, by_parameter.parameter(x.value.view(), x.gradient.view()));
    EXPECT_LT(relative_difference(x.gradient, expected), 1e-12);
  }
};

TEST_F(NeighboursTest, WeightedSums) {
  const auto lists = neighbour_lists(random_dataset(9, 12, 0.35, 1), false);
  const auto degree = [&](std::int64_t node) {
    return static_cast<double>(lists[static_cast<std::size_t>(node)].size());
  };
  for (const ExchangePlan plan : {ExchangePlan::halo, ExchangePlan::hybrid}) {
    PropagationOptions options;
    options.exchange = plan;
    for (const Normalisation weights :
         {Normalisation::symmetric, Normalisation::mean, Normalisation::sum}) {
      check(
          3, false,
          [&](auto& tape, auto& graph, auto& x, Rows rows) -> Variable<double>& {
            return weighted_sum(tape, graph, weights, x, rows);
          },
          [&](const Matrix<double>& x, std::int64_t node, const auto& neighbours) {
            std::vector<double> y(3, 0.0);
            for (const std::int64_t j : neighbours) {
              const double w = weights == Normalisation::symmetric
                                   ? 1 / std::sqrt(degree(node) * degree(j))
                               : weights == Normalisation::mean ? 1 / degree(node)
                                                                : 1;
              for (std::int64_t c = 0; c < 3; ++c) y[static_cast<std::size_t>(c)] += w * x(j, c);
            }
            return y;
          },
          [] { return std::vector<Leaf*>{}; }, options);
    }
  }
}

TEST_F(NeighboursTest, RootsOfDegrees) {
  const auto lists = neighbour_lists(random_dataset(9, 12, 0.35, 1), false);
  check(
      3, false,
      [](auto& tape, auto& graph, auto& x, Rows rows) -> Variable<double>& {
        return times_root_degree(
            tape, graph, weighted_sum(tape, graph, Normalisation::symmetric, x, rows), rows);
      },
      [&](const Matrix<double>& x, std::int64_t, const auto& neighbours) {
        std::vector<double> y(3, 0.0);
        for (const std::int64_t j : neighbours) {
          const auto degree = static_cast<double>(lists[static_cast<std::size_t>(j)].size());
          for (std::int64_t c = 0; c < 3; ++c) {
            y[static_cast<std::size_t>(c)] += x(j, c) / std::sqrt(degree);
          }
        }
        return y;
      });
}

TEST_F(NeighboursTest, Max) {
  check(
      3, false,
      [](auto& tape, auto& graph, auto& x, Rows rows) -> Variable<double>& {
        return neighbour_max(tape, graph.neighbourhood(false), neighbour_rows(tape, graph, x),
                             rows);
      },
      [](const Matrix<double>& x, std::int64_t, const auto& neighbours) {
        std::vector<double> y(3, neighbours.empty() ? 0.0 : -1e300);
        for (const std::int64_t j : neighbours) {
          for (std::int64_t c = 0; c < 3; ++c) {
            y[static_cast<std::size_t>(c)] = std::max(y[static_cast<std::size_t>(c)], x(j, c));
          }
        }
        return y;
      });
}

// All neighbours alike: the gradient goes to the one of the lowest global id, on any ranks.
TEST_F(NeighboursTest, MaxOfEqualsGoesToTheLowestId) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, random_dataset(9, 12, 0.35, 1), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    MessageGraph<double> messages(shard, {});
    Leaf x(Matrix<double>(shard.num_owned(), 2));
    Tape<double> tape;
    Variable<double>& y = neighbour_max(tape, messages.neighbourhood(false),
                                        neighbour_rows(tape, messages, x.on(tape)), Rows::all);
    Matrix<double> ones(shard.num_owned(), 2);
    ones.fill(1);
    along(tape, y, ones);
    tape.backward();
    auto lists = neighbour_lists(graph.data(), false);
    Matrix<double> expected(std::ssize(lists), 2);
    for (auto& list : lists) {
      if (list.empty()) continue;
      const std::int64_t lowest = *std::min_element(list.begin(), list.end());
      for (std::int64_t c = 0; c < 2; ++c) expected(lowest, c) += 1;
    }
    EXPECT_TRUE(same_bits(collect(shard, x.gradient), expected));
  }
}

TEST_F(NeighboursTest, GatAttention) {
  on_every_target([&] {
    struct Case {
      std::int64_t num_heads;
      bool with_self, is_scaled;
    };
    const std::int64_t dim = 6;
    const auto lists = neighbour_lists(random_dataset(9, 12, 0.35, 1), false);
    const auto degree = [&](std::int64_t node) {
      return static_cast<double>(lists[static_cast<std::size_t>(node)].size());
    };
    for (const Case& one : {Case{1, false, false}, Case{1, true, false}, Case{3, false, false},
                            Case{3, true, false}, Case{1, false, true}, Case{3, false, true}}) {
      Leaf a(Matrix<double>(1, dim), true);
      for (std::int64_t c = 0; c < dim; ++c) a.value(0, c) = 0.9 - 0.35 * static_cast<double>(c);
      check(
          dim, one.with_self,
          [&](auto& tape, auto& graph, auto& x, Rows rows) -> Variable<double>& {
            Variable<double>& targets = halorec::own_rows(tape, graph, x, rows);
            return gat_attention(tape, graph.neighbourhood(one.with_self), targets,
                                 neighbour_rows(tape, graph, x), a.on(tape), one.num_heads, rows,
                                 one.is_scaled ? &inverse_root_degrees(tape, graph) : nullptr);
          },
          [&](const Matrix<double>& x, std::int64_t node, const auto& neighbours) {
            std::vector<double> y(static_cast<std::size_t>(dim), 0.0);
            const std::int64_t width = dim / one.num_heads;
            for (std::int64_t h = 0; h < one.num_heads; ++h) {
              double sum = 0;
              for (const std::int64_t j : neighbours) {
                double score = 0;
                for (std::int64_t c = h * width; c < (h + 1) * width; ++c) {
                  const double v = x(node, c) + x(j, c);
                  score += a.value(0, c) * std::max(v, kLeak * v);
                }
                sum += std::exp(score);
                const double scale = one.is_scaled ? 1 / std::sqrt(degree(j)) : 1;
                for (std::int64_t c = h * width; c < (h + 1) * width; ++c) {
                  y[static_cast<std::size_t>(c)] += std::exp(score) * scale * x(j, c);
                }
              }
              for (std::int64_t c = h * width; c < (h + 1) * width && sum > 0; ++c) {
                y[static_cast<std::size_t>(c)] /= sum;
              }
            }
            return y;
          },
          [&] { return std::vector<Leaf*>{&a}; });
    }
  });
}

// Scores whose exponentials overflow: the softmax is of what they exceed the largest by.
TEST_F(NeighboursTest, GatAttentionOfLargeScores) {
  on_every_target([&] {
    const TinyGraph graph(world_, random_dataset(9, 12, 0.35, 1));
    const Shard& shard = graph.shard();
    MessageGraph<float> messages(shard, {});
    Matrix<float> x = random_rows<float>(shard, 4, 1), dx(shard.num_owned(), 4);
    Matrix<float> a(1, 4), da(1, 4);
    a.fill(1e4F);
    Tape<float> tape;
    Variable<float>& in = tape.parameter(x.view(), dx.view());
    Variable<float>& y =
        gat_attention(tape, messages.neighbourhood(false), in, neighbour_rows(tape, messages, in),
                      tape.parameter(a.view(), da.view()), 1, Rows::all);
    tape.record([&y] {
      for (std::int64_t r = 0; r < y.gradient.rows; ++r) {
        for (float& g : y.gradient.row_span(r)) g = 1;
      }
    });
    tape.backward();
    for (std::int64_t r = 0; r < y.value.rows; ++r) {
      for (const float value : y.value.row_span(r)) EXPECT_LT(std::abs(value), 10);
    }
    for (const float value : dx.values()) EXPECT_TRUE(std::isfinite(value));
  });
}

TEST_F(NeighboursTest, NeighbourAwareSum) {
  on_every_target([&] {
    const std::int64_t dim = 4;
    check(
        dim, false,
        [](auto& tape, auto& graph, auto& x, Rows rows) -> Variable<double>& {
          return neighbour_aware_sum(tape, graph.neighbourhood(false),
                                     neighbour_rows(tape, graph, x), rows);
        },
        [&](const Matrix<double>& x, std::int64_t, const auto& neighbours) {
          std::vector<double> y(static_cast<std::size_t>(dim), 0.0);
          const auto count = static_cast<double>(neighbours.size());
          for (const std::int64_t j : neighbours) {
            double weight = 0;  // of all pairs
            for (const std::int64_t k : neighbours) {
              weight += dot(x, j, x, k) / std::sqrt(dot(x, j, x, j) * dot(x, k, x, k)) / count;
            }
            weight = std::max(weight, 0.0) / std::sqrt(count);
            for (std::int64_t c = 0; c < dim; ++c)
              y[static_cast<std::size_t>(c)] += weight * x(j, c);
          }
          return y;
        });
  });
}

// A neighbour at zero has no direction, and sends no gradient of 1e12.
TEST_F(NeighboursTest, NeighbourAwareSumOfZeroRows) {
  on_every_target([&] {
    const TinyGraph graph(world_, random_dataset(9, 12, 0.35, 1));
    const Shard& shard = graph.shard();
    MessageGraph<double> messages(shard, {});
    Leaf x(Matrix<double>(shard.num_owned(), 3));
    Tape<double> tape;
    Variable<double>& y = neighbour_aware_sum(
        tape, messages.neighbourhood(false), neighbour_rows(tape, messages, x.on(tape)), Rows::all);
    along(tape, y, random_rows<double>(shard, 3, 2));
    tape.backward();
    for (const double value : x.gradient.values()) EXPECT_EQ(value, 0);
  });
}

// Sums over neighbours in the order of their ids: the same bits on any ranks, and on these twice.
TEST_F(NeighboursTest, AttentionHasTheBitsOfOneRank) {
  Communicator self(MPI_COMM_SELF);
  const TinyGraph graph(world_, random_dataset(60, 50, 0.3, 4));
  const TinyGraph alone(self, random_dataset(60, 50, 0.3, 4));
  const auto run = [](const Shard& shard, Matrix<float>& dx) {
    MessageGraph<float> messages(shard, {});
    Matrix<float> x = random_rows<float>(shard, 16, 1), a(1, 16);
    a.fill(0.5F);
    Tape<float> tape;
    dx = Matrix<float>(shard.num_owned(), 16);
    Variable<float>& in = tape.parameter(x.view(), dx.view());
    Variable<float>& y =
        gat_attention(tape, messages.neighbourhood(true), in, neighbour_rows(tape, messages, in),
                      tape.leaf(a.view(), {}), 2, Rows::all);
    const Matrix<float> direction = random_rows<float>(shard, 16, 2);
    tape.record([&y, &direction] {
      for (std::int64_t r = 0; r < y.gradient.rows; ++r) {
        std::copy_n(direction.row(r), 16, y.gradient.row(r));
      }
    });
    Matrix<float> value(y.value.rows, 16);
    for (std::int64_t r = 0; r < value.rows(); ++r) std::copy_n(y.value.row(r), 16, value.row(r));
    tape.backward();
    return collect(shard, value);
  };
  Matrix<float> dx, again, reference;
  const Matrix<float> value = run(graph.shard(), dx), expected = run(alone.shard(), reference);
  EXPECT_TRUE(same_bits(value, expected));
  run(graph.shard(), again);
  EXPECT_TRUE(same_bits(dx, again));
  EXPECT_LT(relative_difference(collect(graph.shard(), dx), collect(alone.shard(), reference)),
            1e-5);
}

}  // namespace
}  // namespace halorec
