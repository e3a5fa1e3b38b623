// Models that know when interactions were, and how much they weigh: decayed edges, mixtures of
// half-lives, and the recurrent model over slices of time. The rank count does not change the
// answer, gradients of whole steps by central differences, and the first forward pass of the last
// two against the same written out.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/engine/weighted_graph.hpp"
#include "tests/models/step_checks.hpp"

namespace halorec {
namespace {

constexpr double kDay = 86400;
constexpr double kEndless = std::numeric_limits<double>::infinity();

struct Case {
  const char* name;  // of the case
  const char* model;
  std::int64_t num_layers = 2;
  std::vector<double> half_lives;  // one: in the interactions' place; several: mixed
  WeightRule rule = WeightRule::one;
  std::int64_t num_slices = 0;
  bool learn_layer_weights = false;
  LossKind loss = LossKind::softmax;
  Deal deal = Deal::scattered;
  double edge_dropout = 0;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

Dataset small_data() {
  return dated_dataset(70, 55, 0.25, 6);
}

// A training over the graphs of a case.
template <typename T>
class TemporalTraining {
 public:
  TemporalTraining(const TinyGraph& graph, const Case& c, Setting setting)
      : graphs_(graphs_of(graph, c)), training_(graph.shard(), with_graphs(c, setting)) {}
  SmallTraining<T>* operator->() { return &training_; }
  SmallTraining<T>& operator*() { return training_; }
  const std::vector<Adjacency>& graphs() const { return graphs_; }

 private:
  static std::vector<Adjacency> graphs_of(const TinyGraph& graph, const Case& c) {
    const InteractionFacts facts(graph.shard(), graph.file(), TrainingPart::train);
    if (c.num_slices > 0) return time_slices(facts, c.num_slices);
    std::vector<Adjacency> graphs;
    for (const double half_life : c.half_lives) {
      graphs.push_back(weighted_adjacency(facts, c.rule, half_life));
    }
    return graphs;
  }
  const Setting& with_graphs(const Case& c, Setting& setting) const {
    if (c.num_slices == 0 && graphs_.size() == 1) {
      setting.model_options.interactions = &graphs_.front();
    } else {
      setting.model_options.time_graphs = graphs_;
    }
    return setting;
  }

  std::vector<Adjacency> graphs_;
  SmallTraining<T> training_;
};

Setting setting_of(const Case& c) {
  Setting setting;
  setting.model = c.model;
  setting.model_options.dim = 12;
  setting.model_options.num_layers = c.num_layers;
  setting.model_options.learn_layer_weights = c.learn_layer_weights;
  setting.model_options.seed = 4;
  setting.model_options.perturbation.edge_dropout = c.edge_dropout;
  setting.model_options.perturbation.seed = 4;
  setting.loss.terms = c.loss;
  setting.loss.num_negatives = c.loss == LossKind::bpr ? 2 : 70;
  setting.loss.temperature = 0.2;
  setting.loss.l2 = 1e-3;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 150;
  return setting;
}

class TemporalTest : public testing::TestWithParam<Case> {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};

constexpr auto kOne = WeightRule::one;
constexpr auto kBpr = LossKind::bpr;
constexpr auto kSoftmax = LossKind::softmax;
constexpr auto kEmpty = Deal::all_on_last;
INSTANTIATE_TEST_SUITE_P(
    Models, TemporalTest,
    testing::Values(
        Case{"Decay", "lightgcn", 3, {20 * kDay}},
        Case{"DecayOneLayerBpr", "lightgcn", 1, {20 * kDay}, kOne, 0, false, kBpr},
        Case{"DecayEmptyRanks", "lightgcn", 2, {5 * kDay}, kOne, 0, true, kSoftmax, kEmpty},
        Case{"DecayDropout", "lightgcn", 2, {9 * kDay}, kOne, 0, false, kBpr, kEmpty, 0.3},
        Case{"Rating", "lightgcn", 2, {kEndless}, WeightRule::rating},
        Case{"RatingDecayNgcf", "ngcf", 2, {20 * kDay}, WeightRule::rating},
        Case{"Log1pSage", "sage", 2, {kEndless}, WeightRule::log1p},
        Case{"DecayGgnn", "ggnn", 2, {20 * kDay}},
        Case{"Mixture", "lightgcn", 2, {5 * kDay, 40 * kDay, kEndless}},
        Case{"MixtureLayerWeightsBpr", "lightgcn", 3, {9 * kDay, kEndless}, kOne, 0, true, kBpr},
        Case{"MixtureEmptyRanks",
             "lightgcn",
             1,
             {5 * kDay, kEndless},
             WeightRule::log1p,
             0,
             false,
             kSoftmax,
             kEmpty},
        Case{"Roland", "roland", 2, {}, kOne, 4},
        Case{"RolandOneLayerBpr", "roland", 1, {}, kOne, 3, false, kBpr},
        Case{"RolandThreeLayersEmptyRanks", "roland", 3, {}, kOne, 2, false, kSoftmax, kEmpty},
        Case{"RolandNoLayers", "roland", 0, {}, kOne, 2}),
    [](const auto& one) { return std::string(one.param.name); });

// Losses, parameters and final rows over ranks against one process.
TEST_P(TemporalTest, TheRankCountDoesNotChangeTheAnswer) {
  const Setting setting = setting_of(GetParam());
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, small_data());
  TemporalTraining<double> training(graph, GetParam(), setting);
  TemporalTraining<double> reference(alone, GetParam(), setting);
  expect_same_answer(graph.shard(), alone.shard(), *training, *reference);
}

TEST_P(TemporalTest, SinglePrecisionOfOneRankAndTheSameBits) {
  const Setting setting = setting_of(GetParam());
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, small_data());
  TemporalTraining<float> training(graph, GetParam(), setting), again(graph, GetParam(), setting);
  TemporalTraining<float> reference(alone, GetParam(), setting);
  for (int step = 1; step <= 20; ++step) {
    const double loss = training->advance(), expected = reference->advance();
    ASSERT_EQ(loss, again->advance());
    ASSERT_NEAR(loss, expected, 1e-5 * std::abs(expected)) << "at step " << step;
  }
}

TEST_P(TemporalTest, TheLossGoesDown) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  TemporalTraining<float> training(graph, GetParam(), setting_of(GetParam()));
  expect_loss_goes_down(*training);
}

// The gradients that a whole step leaves in the parameters, by central differences; away from the
// first numbers of what is shared, some of which are zero.
TEST_P(TemporalTest, GradientsOfAStep) {
  Setting setting = setting_of(GetParam());
  setting.model_options.dim = 3;
  setting.batch_size = 20;
  setting.loss.num_negatives = GetParam().loss == kBpr ? 2 : 15;
  const TinyGraph graph(world_, dated_dataset(12, 11, 0.3, 8), TrainingPart::train,
                        GetParam().deal);
  TemporalTraining<double> training(graph, GetParam(), setting);
  const Random random(12, Purpose::test);
  for (std::size_t p = 0; p < training->parameters().size(); ++p) {
    Parameter<double>& parameter = *training->parameters()[p];
    if (!parameter.replicated) continue;
    for (std::size_t k = 0; k < parameter.value.values().size(); ++k) {
      parameter.value.values()[k] += 0.3 * random.normal(k, static_cast<std::uint32_t>(p));
    }
  }
  check_gradients_of_step(world_, *training);
}

class WrittenOut : public testing::Test {
 protected:
  // The normalised product with the edges that have this weight.
  Matrix<double> product(const WeightOf& weight, const Matrix<double>& x) const {
    return weighted_product(70, 55, weight, x);
  }
  static void add(double a, const Matrix<double>& x, Matrix<double>& sum) {
    for (std::size_t k = 0; k < sum.values().size(); ++k) sum.values()[k] += a * x.values()[k];
  }

  Communicator world_;
  TinyGraph graph_{world_, small_data()};
  const Shard& shard_ = graph_.shard();
  KnownEdges edges_ = known_edges(graph_.data(), TrainingPart::train);
};

// Equal shares at first: E/3 + B E/3 + B B E/3 with B the mean of the graphs.
TEST_F(WrittenOut, AMixtureBeforeItsFirstStep) {
  const Case c{"", "lightgcn", 2, {5 * kDay, 40 * kDay, kEndless}};
  TemporalTraining<double> training(graph_, c, setting_of(c));
  std::int64_t last = 0;
  for (const auto& [pair, edge] : edges_) last = std::max(last, edge.time);
  const auto mixed = [&](const Matrix<double>& x) {
    Matrix<double> sum(x.rows(), x.cols());
    for (const double half_life : c.half_lives) {
      const Matrix<double> one = product(
          [&](std::uint32_t u, std::uint32_t i) {
            const auto found = edges_.find({u, i});
            if (found == edges_.end()) return 0.0;
            return std::exp2(-static_cast<double>(last - found->second.time) / half_life);
          },
          x);
      add(1.0 / 3, one, sum);
    }
    return sum;
  };
  const Matrix<double> e = collect(shard_, training->embeddings().value);
  const Matrix<double> first = mixed(e), second = mixed(first);
  Matrix<double> expected(e.rows(), e.cols());
  for (const auto* part : {&e, &first, &second}) add(1.0 / 3, *part, expected);
  EXPECT_LT(relative_difference(collect(shard_, training->final_rows()), expected), 2e-7);
}

// The cell's first numbers make h = (tanh(heard) + h) / 2 of every slice.
TEST_F(WrittenOut, RolandBeforeItsFirstStep) {
  const Case c{"", "roland", 2, {}, kOne, 3};
  TemporalTraining<double> training(graph_, c, setting_of(c));
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = 0;
  for (const auto& [pair, edge] : edges_) {
    first = std::min(first, edge.time);
    last = std::max(last, edge.time);
  }
  const Matrix<double> e = collect(shard_, training->embeddings().value);
  Matrix<double> states[2] = {e.clone(), e.clone()};
  for (std::int64_t slice = 0; slice < 3; ++slice) {
    const Matrix<double>* x = &e;
    for (Matrix<double>& state : states) {
      const Matrix<double> heard = product(
          [&](std::uint32_t u, std::uint32_t i) {
            const auto found = edges_.find({u, i});
            if (found == edges_.end()) return 0.0;
            const std::int64_t at = (found->second.time - first) * 3 / (last - first);
            return std::min<std::int64_t>(at, 2) == slice ? 1.0 : 0.0;
          },
          *x);
      for (std::size_t k = 0; k < state.values().size(); ++k) {
        state.values()[k] = 0.5 * std::tanh(heard.values()[k]) + 0.5 * state.values()[k];
      }
      x = &state;
    }
  }
  Matrix<double> expected(e.rows(), e.cols());
  add(1.0 / 3, e, expected);
  for (const Matrix<double>& state : states) add(1.0 / 3, state, expected);
  EXPECT_LT(relative_difference(collect(shard_, training->final_rows()), expected), 1e-12);
}

}  // namespace
}  // namespace halorec
