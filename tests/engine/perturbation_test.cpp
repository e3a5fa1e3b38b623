// What training perturbs: masks and noise are functions of global ids and steps, whatever the
// ranks; their shares and lengths are what was asked; products of the kept edges equal a dense one,
// and the layers' gradients equal central differences.
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "engine/ops/perturbed_layers.hpp"
#include "tests/engine/gradient_fixture.hpp"

namespace halorec {
namespace {

Dataset data() {
  return random_dataset(40, 33, 0.25, 5);
}

EdgeDropout dropout_of(double share, std::uint64_t step, std::uint32_t view = 0) {
  return {share, 9, Purpose::edge_dropout, step, view};
}

// The normalised adjacency times x, over the edges that are kept; naive and dense.
Matrix<double> kept_product(const Dataset& dataset, const EdgeDropout& dropout, bool renormalise,
                            const Matrix<double>& x) {
  const auto num_users = dataset.users.size(), n = num_users + dataset.items.size();
  const Interactions& train = dataset[Split::train];
  std::vector<double> degree(n, 0);
  std::vector<std::pair<std::size_t, std::size_t>> kept;
  for (std::size_t e = 0; e < train.size(); ++e) {
    const std::size_t u = train.user[e], i = num_users + train.item[e];
    const bool keeps =
        dropout.keeps({NodeKind::user, train.user[e]}, {NodeKind::item, train.item[e]});
    if (keeps) kept.emplace_back(u, i);
    if (keeps || !renormalise) {
      degree[u] += 1;
      degree[i] += 1;
    }
  }
  const double factor = renormalise ? 1 : 1 / (1 - dropout.share());
  Matrix<double> y(static_cast<std::int64_t>(n), x.cols());
  for (const auto& [u, i] : kept) {
    const double weight = factor / std::sqrt(degree[u] * degree[i]);
    for (std::int64_t c = 0; c < x.cols(); ++c) {
      const auto a = static_cast<std::int64_t>(u), b = static_cast<std::int64_t>(i);
      y(a, c) += weight * x(b, c);
      y(b, c) += weight * x(a, c);
    }
  }
  return y;
}

TEST(EdgeDropout, KeepsItsShareAlikeFromBothEnds) {
  const EdgeDropout first = dropout_of(0.3, 1), second = dropout_of(0.3, 2),
                    other_view = dropout_of(0.3, 1, 1);
  int dropped = 0, both_steps = 0, both_views = 0, total = 0;
  for (std::uint32_t u = 0; u < 200; ++u) {
    for (std::uint32_t i = 0; i < 200; ++i, ++total) {
      const GlobalId user(NodeKind::user, u), item(NodeKind::item, i);
      EXPECT_EQ(first.keeps(user, item), first.keeps(item, user));
      if (first.keeps(user, item)) continue;
      ++dropped;
      both_steps += second.keeps(user, item) ? 0 : 1;
      both_views += other_view.keeps(user, item) ? 0 : 1;
    }
  }
  // Six deviations: of 40,000 at 0.3 one is 92, of 12,000 it is 50.
  EXPECT_NEAR(dropped, 0.3 * total, 550);
  EXPECT_NEAR(both_steps, 0.3 * dropped, 300);  // masks know nothing of one another
  EXPECT_NEAR(both_views, 0.3 * dropped, 300);
}

TEST_F(GradientTest, ProductsOfKeptEdgesEqualTheDenseOnes) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, data(), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    for (const ExchangePlan exchange : {ExchangePlan::halo, ExchangePlan::hybrid}) {
      Propagation<double> propagation(shard, {exchange});
      const Matrix<double> x = random_rows<double>(shard, 5, 1);
      std::vector<std::int32_t> rows;
      for (std::int32_t r = 0; r < shard.num_owned(); r += 3) rows.push_back(r);
      Matrix<double> before(shard.num_owned(), 5), y(shard.num_owned(), 5);
      propagation.multiply(1, x.view(), {}, before.view());
      for (const std::uint64_t step : {1, 2}) {
        for (const bool renormalise : {false, true}) {
          const EdgeDropout dropout = dropout_of(0.4, step);
          propagation.drop_edges(dropout, renormalise);
          propagation.demand(rows);
          const Matrix<double> expected =
              kept_product(graph.data(), dropout, renormalise, collect(shard, x));
          propagation.multiply(1, x.view(), {}, y.view());
          EXPECT_LT(relative_difference(collect(shard, y), expected), 1e-14);

          // The products to and from few rows, over the same edges.
          Matrix<double> few(std::ssize(rows), 5), from(shard.num_owned(), 5);
          propagation.multiply_to_demanded(1, x.view(), {}, few.view());
          for (std::size_t k = 0; k < rows.size(); ++k) {
            for (std::int64_t c = 0; c < 5; ++c) {
              EXPECT_NEAR(few(static_cast<std::int64_t>(k), c), y(rows[k], c), 1e-14);
              from(rows[k], c) = few(static_cast<std::int64_t>(k), c);
            }
          }
          Matrix<double> back(shard.num_owned(), 5), expected_back(shard.num_owned(), 5);
          propagation.multiply_from_demanded(1, few.view(), {}, back.view());
          propagation.multiply(1, from.view(), {}, expected_back.view());
          EXPECT_LT(relative_difference(collect(shard, back), collect(shard, expected_back)),
                    1e-13);
        }
      }
      propagation.keep_all_edges();
      propagation.multiply(1, x.view(), {}, y.view());
      EXPECT_TRUE(same_bits(y, before));
    }
  }
}

TEST_F(GradientTest, NoDroppedEdgesIsTheWholeGraph) {
  const TinyGraph graph(world_, data());
  const Shard& shard = graph.shard();
  Propagation<double> propagation(shard);
  const Matrix<double> x = random_rows<double>(shard, 5, 1);
  Matrix<double> whole(shard.num_owned(), 5), kept(shard.num_owned(), 5);
  propagation.multiply(1, x.view(), {}, whole.view());
  for (const bool renormalise : {false, true}) {
    propagation.drop_edges(dropout_of(0, 1), renormalise);
    propagation.multiply(1, x.view(), {}, kept.view());
    EXPECT_TRUE(same_bits(kept, whole));
  }
}

Perturbation everything() {
  Perturbation what;
  what.edge_dropout = 0.2;
  what.node_dropout = 0.3;
  what.message_dropout = 0.25;
  what.embedding_noise = 0.5;
  what.contrast = Contrast::xsimgcl;
  what.layer_noise = 0.7;
  what.seed = 3;
  return what;
}

TEST_F(GradientTest, RowsChangeAlikeOnAnyRanks) {
  Communicator self(MPI_COMM_SELF);
  const TinyGraph graph(world_, data()), alone(self, data());
  const auto changed = [](const Shard& shard, std::uint64_t step, int which) {
    const RowPerturbation perturbation(shard, everything(), {step, 0});
    Matrix<double> rows(shard.num_owned(), 7);
    rows.fill(1);
    if (which == 0) perturbation.drop_nodes(rows.view());
    if (which == 1) perturbation.drop_messages(2, rows.view());
    if (which == 2) perturbation.add_noise(1, rows.view());
    return collect(shard, rows);
  };
  for (int which = 0; which < 3; ++which) {
    const Matrix<double> rows = changed(graph.shard(), 4, which);
    EXPECT_TRUE(same_bits(rows, changed(alone.shard(), 4, which)));
    EXPECT_FALSE(same_bits(rows, changed(graph.shard(), 5, which)));
  }
}

TEST_F(GradientTest, SharesAndLengthsAreWhatWasAsked) {
  Communicator self(MPI_COMM_SELF);
  const TinyGraph graph(self, random_dataset(1200, 800, 0.01, 2));
  const Shard& shard = graph.shard();
  const RowPerturbation perturbation(shard, everything(), {1, 0});
  const std::int64_t n = shard.num_owned(), dim = 40;
  Matrix<double> nodes(n, dim), messages(n, dim), noise(n, dim);
  nodes.fill(1);
  messages.fill(1);
  perturbation.drop_nodes(nodes.view());
  perturbation.drop_messages(1, messages.view());
  perturbation.add_noise(2, noise.view());
  double zero_nodes = 0, zero_messages = 0, negative = 0;
  for (std::int64_t r = 0; r < n; ++r) {
    zero_nodes += nodes(r, 0) == 0 ? 1 : 0;
    double square = 0;
    for (std::int64_t c = 0; c < dim; ++c) {
      EXPECT_EQ(nodes(r, c), nodes(r, 0));  // a node is silent as a whole
      EXPECT_TRUE(nodes(r, c) == 0 || nodes(r, c) == 1 / 0.7);
      EXPECT_TRUE(messages(r, c) == 0 || messages(r, c) == 1 / 0.75);
      zero_messages += messages(r, c) == 0 ? 1 : 0;
      negative += noise(r, c) < 0 ? 1 : 0;
      square += noise(r, c) * noise(r, c);
    }
    EXPECT_NEAR(std::sqrt(square), 0.7, 1e-14);
  }
  const auto rows = static_cast<double>(n), numbers = rows * static_cast<double>(dim);
  EXPECT_NEAR(zero_nodes / rows, 0.3, 0.06);  // six deviations of 2000
  EXPECT_NEAR(zero_messages / numbers, 0.25, 0.01);
  EXPECT_NEAR(negative / numbers, 0.5, 0.011);
}

// The layers, one by one, by dense products.
TEST_F(GradientTest, PerturbedLayersByTheirDefinition) {
  const TinyGraph graph(world_, data());
  const Shard& shard = graph.shard();
  const Perturbation what = everything();
  const RowPerturbation perturbation(shard, what, {6, 0});
  Propagation<double> propagation(shard);
  const EdgeDropout dropout = dropout_of(what.edge_dropout, 6);
  propagation.drop_edges(dropout, false);
  Leaf embeddings(random_rows<double>(shard, 4, 1));
  std::vector<std::int32_t> rows;
  for (std::int32_t r = 0; r < shard.num_owned(); r += 2) rows.push_back(r);
  Tape<double> tape;
  const auto layers =
      perturbed_layers(tape, propagation, perturbation, embeddings.on(tape), 3, rows);
  Matrix<double> h = embeddings.value.clone();
  perturbation.add_noise(0, h.view());
  for (std::int64_t k = 0; k <= 3; ++k) {
    if (k > 0) {
      perturbation.drop_nodes(h.view());
      h = own_rows_of(shard, kept_product(graph.data(), dropout, false, collect(shard, h)));
      perturbation.drop_messages(k, h.view());
      perturbation.add_noise(k, h.view());
    }
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (std::int64_t c = 0; c < 4; ++c) {
        EXPECT_NEAR(layers[static_cast<std::size_t>(k)]->value(static_cast<std::int64_t>(r), c),
                    h(rows[r], c), 1e-13);
      }
    }
  }
}

TEST_F(GradientTest, PerturbedLayers) {
  const TinyGraph graph(world_, random_dataset(9, 12, 0.4, 1));
  const Shard& shard = graph.shard();
  Propagation<double> propagation(shard);
  propagation.drop_edges(dropout_of(0.2, 6), false);
  std::vector<std::int32_t> rows;
  for (std::int32_t r = 0; r < shard.num_owned() && world_.rank() != 2; r += 2) rows.push_back(r);
  for (const std::int64_t num_layers : {0, 1, 3}) {
    const RowPerturbation perturbation(shard, everything(), {6, 0});
    Leaf embeddings(random_rows<double>(shard, 2, 1));
    Leaf weights(Matrix<double>(1, num_layers + 1), true);
    for (std::int64_t k = 0; k <= num_layers; ++k) weights.value(0, k) = 0.7 - 0.2 * double(k);
    const Matrix<double> to_sum = own_rows(std::ssize(rows), 2, 2);
    const Matrix<double> to_layer = own_rows(std::ssize(rows), 2, 3);
    check_gradients(
        world_, {&embeddings, &weights},
        [&](Tape<double>& tape) {
          const auto layers = perturbed_layers(tape, propagation, perturbation, embeddings.on(tape),
                                               num_layers, rows);
          Variable<double>& one = *layers[static_cast<std::size_t>(num_layers) / 2];
          return along(tape, combine_layers(tape, layers, weights.on(tape)), to_sum) +
                 along(tape, one, to_layer);
        },
        3);
  }
}

}  // namespace
}  // namespace halorec
