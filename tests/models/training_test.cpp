// The rank count does not change the answer: every model, loss and optimizer over ranks against one
// process; equal bits for equal ranks; gradients of whole steps by central differences; and the
// loss goes down.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/engine/whole_graph.hpp"
#include "tests/models/step_checks.hpp"

namespace halorec {
namespace {

constexpr int kNumSteps = 50;

struct Case {
  const char* model;
  LossKind loss;
  OptimizerKind optimizer;
  bool learn_layer_weights;
  Deal deal = Deal::scattered;
  const char* exchange = "hybrid";
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.model;
}

Setting setting_of(const Case& c) {
  Setting setting;
  setting.model = c.model;
  setting.model_options.dim = 12;
  setting.model_options.num_layers = 3;
  setting.model_options.learn_layer_weights = c.learn_layer_weights;
  setting.model_options.seed = 4;
  setting.loss.terms = c.loss;
  setting.loss.num_negatives = c.loss == LossKind::bpr ? 2 : 70;
  setting.loss.temperature = 0.2;
  setting.loss.temperature2 = 0.84;
  setting.loss.l2 = 1e-2;
  setting.optimizer.kind = c.optimizer;
  setting.optimizer.learning_rate = c.optimizer == OptimizerKind::adam ? 0.01 : 2.0;
  setting.batch_size = 150;  // more rows than one block of the softmax, on one rank
  return setting;
}

Dataset small_data() {
  return random_dataset(70, 55, 0.25, 6);
}

class TrainingTest : public testing::TestWithParam<Case> {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};

  template <typename T>
  void expect_same_as_one_rank(double tolerance) {
    const Setting setting = setting_of(GetParam());
    const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
    const TinyGraph alone(self_, small_data());
    Setting over_ranks = setting;
    const std::string_view exchange = GetParam().exchange;
    if (exchange == "halo") over_ranks.model_options.propagation.exchange = ExchangePlan::halo;
    const TinyGraph whole(self_, small_data(), TrainingPart::train, Deal::reordered);
    if (exchange == "columns") over_ranks.model_options.whole_graph = &whole.shard();
    SmallTraining<T> training(graph.shard(), over_ranks), reference(alone.shard(), setting);
    for (int step = 1; step <= kNumSteps; ++step) {
      const double loss = training.advance(), expected = reference.advance();
      ASSERT_NEAR(loss, expected, tolerance * std::abs(expected)) << "at step " << step;
    }
    const Matrix<T> rows = collect(graph.shard(), training.embeddings().value);
    const Matrix<T> expected = collect(alone.shard(), reference.embeddings().value);
    EXPECT_LT(relative_difference(rows, expected), 10 * tolerance);
    ASSERT_EQ(training.parameters().size(), GetParam().learn_layer_weights ? 2U : 1U);
    for (std::size_t p = 1; p < training.parameters().size(); ++p) {
      EXPECT_LT(
          relative_difference(training.parameters()[p]->value, reference.parameters()[p]->value),
          10 * tolerance);
    }
  }
};

constexpr auto kBpr = LossKind::bpr;
constexpr auto kSoftmax = LossKind::softmax;
constexpr auto kAdam = OptimizerKind::adam;
constexpr auto kSgd = OptimizerKind::sgd;
INSTANTIATE_TEST_SUITE_P(
    Cases, TrainingTest,
    testing::Values(Case{"mf", kBpr, kAdam, false}, Case{"mf", kBpr, kSgd, false},
                    Case{"mf", kSoftmax, kAdam, false}, Case{"mf", kSoftmax, kSgd, false},
                    Case{"lightgcn", kBpr, kAdam, false}, Case{"lightgcn", kBpr, kSgd, true},
                    Case{"lightgcn", kBpr, kAdam, true}, Case{"lightgcn", kSoftmax, kAdam, false},
                    Case{"lightgcn", kSoftmax, kSgd, false},
                    Case{"lightgcn", kSoftmax, kAdam, true},
                    Case{"lightgcn", kSoftmax, kAdam, true, Deal::all_on_last},
                    Case{"lightgcn", kBpr, kSgd, false, Deal::all_on_last},
                    Case{"lightgcn", kBpr, kAdam, false, Deal::scattered, "halo"},
                    Case{"lightgcn", kBpr, kAdam, true, Deal::scattered, "columns"},
                    Case{"lightgcn", kSoftmax, kAdam, false, Deal::all_on_last, "columns"}),
    [](const auto& one) {
      const Case& c = one.param;
      return std::string(c.model) + (c.loss == kBpr ? "Bpr" : "Softmax") +
             (c.optimizer == kAdam ? "Adam" : "Sgd") +
             (c.learn_layer_weights ? "LearnedWeights" : "") +
             (c.deal == Deal::all_on_last ? "EmptyRanks" : "") +
             (std::string_view(c.exchange) == "hybrid" ? "" : c.exchange);
    });

TEST_P(TrainingTest, SinglePrecisionOfOneRank) {
  expect_same_as_one_rank<float>(1e-5);
}
TEST_P(TrainingTest, DoublePrecisionOfOneRank) {
  expect_same_as_one_rank<double>(1e-9);
}

TEST_P(TrainingTest, TheSameRanksGiveTheSameBits) {
  const Setting setting = setting_of(GetParam());
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  SmallTraining<float> first(graph.shard(), setting), second(graph.shard(), setting);
  for (int step = 1; step <= kNumSteps; ++step) ASSERT_EQ(first.advance(), second.advance());
  for (std::size_t p = 0; p < first.parameters().size(); ++p) {
    EXPECT_TRUE(same_bits(first.parameters()[p]->value, second.parameters()[p]->value));
  }
}

TEST_P(TrainingTest, TheLossGoesDown) {
  Setting setting = setting_of(GetParam());
  setting.loss.l2 = 1e-4;  // the usual; more would only pull these random pairs to zero
  // Plain descent on BPR crawls away from rows near zero.
  if (GetParam().optimizer == kSgd && GetParam().loss == kBpr) {
    setting.optimizer.learning_rate = GetParam().learn_layer_weights ? 10 : 60;
  }
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  SmallTraining<float> training(graph.shard(), setting);
  expect_loss_goes_down(training);
}

// The gradients that a whole step leaves in the parameters, by central differences.
TEST_P(TrainingTest, GradientsOfAStep) {
  Setting setting = setting_of(GetParam());
  setting.model_options.dim = 3;
  setting.batch_size = 20;
  setting.loss.num_negatives = GetParam().loss == kBpr ? 2 : 15;
  const TinyGraph graph(world_, random_dataset(12, 11, 0.3, 8), TrainingPart::train,
                        GetParam().deal);
  SmallTraining<double> training(graph.shard(), setting);
  check_gradients_of_step(world_, training, 1e-5, 1);
}

TEST(Models, StartFromTheSameRowsOnAnyRanks) {
  Communicator world, self(MPI_COMM_SELF);
  const TinyGraph graph(world, small_data()), alone(self, small_data());
  ModelOptions options;
  options.dim = 9;
  options.seed = 5;
  for (const std::string& name : trained_model_names()) {
    const auto model = make_model<float>(name, graph.shard(), options);
    const auto reference = make_model<float>(name, alone.shard(), options);
    EXPECT_TRUE(same_bits(collect(graph.shard(), model->parameters()[0]->value),
                          collect(alone.shard(), reference->parameters()[0]->value)));
    options.seed = 6;
    const auto other = make_model<float>(name, alone.shard(), options);
    EXPECT_FALSE(same_bits(other->parameters()[0]->value, reference->parameters()[0]->value));
    options.seed = 5;
  }
  EXPECT_FALSE(is_trained_model("popular"));
  EXPECT_THROW(make_model<float>("popular", graph.shard(), options), Error);
}

TEST(Models, FirstRowsHaveTheGivenDeviation) {
  Communicator world;
  const TinyGraph graph(world, small_data());
  Matrix<double> table(graph.shard().num_owned(), 64);
  initialise_rows(graph.shard(), 1, 0.25, table);
  double moments[3] = {0, 0, 0};
  for (const double x : table.values()) {
    moments[0] += 1;
    moments[1] += x;
    moments[2] += x * x;
  }
  world.sum(std::span<double>(moments));
  EXPECT_NEAR(moments[1] / moments[0], 0, 0.02);
  EXPECT_NEAR(std::sqrt(moments[2] / moments[0]), 0.25, 0.01);
}

// What travels rounded changes losses a little, and that it travelled rounded must show.
TEST(TrainingOverWires, RoundingChangesLittle) {
  Communicator world;
  const TinyGraph graph(world, small_data());
  for (const auto& [wire, tolerance] :
       {std::pair{WireFormat::bf16, 2e-3}, std::pair{WireFormat::int8, 1e-2}}) {
    Setting setting = setting_of({"lightgcn", LossKind::softmax, OptimizerKind::adam, false});
    SmallTraining<float> full(graph.shard(), setting);
    setting.model_options.propagation.wire = wire;
    SmallTraining<float> rounded(graph.shard(), setting);
    double largest = 0;
    for (int step = 1; step <= 20; ++step) {
      const double loss = full.advance();
      largest = std::max(largest, std::abs(rounded.advance() / loss - 1));
    }
    EXPECT_LT(largest, tolerance);
    EXPECT_EQ(largest > 0, world.size() > 1);
  }
}

}  // namespace
}  // namespace halorec
