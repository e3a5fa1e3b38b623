// Training on sampled neighbourhoods, for every model: what all training has to pass
// (tests/models/step_checks.hpp), and that it is training on the whole graph where every neighbour
// is drawn; over equal edges, and over such that weigh by rating and age.
#include <deque>

#include "tests/engine/weighted_graph.hpp"
#include "tests/models/step_checks.hpp"

namespace halorec {
namespace {

struct Case {
  const char* name;
  const char* model;
  std::vector<std::int64_t> fanout = {4, 2};
  Aggregate aggregate = Aggregate::automatic;
  Combine combine = Combine::automatic;
  std::int64_t num_heads = 1;
  bool learn_layer_weights = false;
  LossKind loss = LossKind::softmax;
  Deal deal = Deal::scattered;
  bool touched_alone = false;
  bool weighs = false;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

Setting setting_of(const Case& c) {
  Setting setting;
  setting.model = c.model;
  setting.model_options.dim = 12;
  setting.model_options.num_layers = std::ssize(c.fanout);
  setting.model_options.fanout = c.fanout;
  setting.model_options.move_touched_rows_alone = c.touched_alone;
  setting.model_options.learn_layer_weights = c.learn_layer_weights;
  setting.model_options.aggregate = c.aggregate;
  setting.model_options.combine = c.combine;
  setting.model_options.num_heads = c.num_heads;
  setting.model_options.seed = 4;
  setting.loss.terms = c.loss;
  setting.loss.num_negatives = c.loss == LossKind::bpr ? 2 : 30;
  setting.loss.temperature = 0.2;
  setting.loss.l2 = 1e-3;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 40;
  return setting;
}

Dataset small_data() {
  return dated_dataset(70, 55, 0.25, 6);
}

class SampledTest : public testing::TestWithParam<Case> {
 protected:
  // `setting` over the edges of this graph as the case wants them. Collective.
  Setting over_edges_of(const TinyGraph& graph, Setting setting) {
    if (!GetParam().weighs) return setting;
    constexpr double kHalfLife = 20 * 86400;
    const InteractionFacts facts(graph.shard(), graph.file(), TrainingPart::train);
    setting.model_options.interactions =
        &weighted_.emplace_back(weighted_adjacency(facts, WeightRule::rating, kHalfLife));
    return setting;
  }
  Setting setting_over(const TinyGraph& graph) {
    return over_edges_of(graph, setting_of(GetParam()));
  }

  Communicator world_, self_{MPI_COMM_SELF};
  std::deque<Adjacency> weighted_;
};

constexpr auto kBpr = LossKind::bpr;
constexpr auto kEmpty = Deal::all_on_last;
INSTANTIATE_TEST_SUITE_P(
    Models, SampledTest,
    testing::Values(
        Case{.name = "LightGcn", .model = "lightgcn"},
        Case{.name = "LightGcnOneLayer", .model = "lightgcn", .fanout = {5}},
        Case{.name = "LightGcnLearned",
             .model = "lightgcn",
             .fanout = {4, 3, 2},
             .learn_layer_weights = true,
             .loss = kBpr},
        Case{.name = "LightGcnEmptyRanks",
             .model = "lightgcn",
             .learn_layer_weights = true,
             .deal = kEmpty},
        Case{.name = "LightGcnTouched", .model = "lightgcn", .touched_alone = true},
        Case{.name = "Ngcf", .model = "ngcf"},
        Case{.name = "NgcfTouched", .model = "ngcf", .loss = kBpr, .touched_alone = true},
        Case{.name = "Gat", .model = "gat", .num_heads = 3},
        Case{.name = "GatEmptyRanks", .model = "gat", .num_heads = 2, .deal = kEmpty},
        Case{.name = "LightGat", .model = "lightgat", .num_heads = 3},
        Case{.name = "Ngat4rec", .model = "ngat4rec"}, Case{.name = "Ggnn", .model = "ggnn"},
        Case{.name = "SageMean", .model = "sage"},
        Case{.name = "SageMax", .model = "sage", .aggregate = Aggregate::max, .loss = kBpr},
        Case{.name = "OwnSumConcat",
             .model = "gnn",
             .aggregate = Aggregate::sum,
             .combine = Combine::concatenation},
        Case{.name = "OwnAttentionAttention",
             .model = "gnn",
             .fanout = {3, 3},
             .aggregate = Aggregate::attention,
             .combine = Combine::attention,
             .num_heads = 2},
        Case{.name = "OwnMaxMean",
             .model = "gnn",
             .fanout = {4, 3, 2},
             .aggregate = Aggregate::max,
             .combine = Combine::mean,
             .deal = kEmpty},
        Case{.name = "LightGcnWeighted", .model = "lightgcn", .weighs = true},
        Case{.name = "LightGcnWeightedEmptyRanks",
             .model = "lightgcn",
             .fanout = {4, 3, 2},
             .learn_layer_weights = true,
             .loss = kBpr,
             .deal = kEmpty,
             .touched_alone = true,
             .weighs = true},
        Case{.name = "NgcfWeighted", .model = "ngcf", .weighs = true},
        Case{.name = "GgnnWeighted", .model = "ggnn", .weighs = true},
        Case{.name = "SageMeanWeighted", .model = "sage", .weighs = true},
        Case{
            .name = "OwnSumWeighted", .model = "gnn", .aggregate = Aggregate::sum, .weighs = true}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_P(SampledTest, TheRankCountDoesNotChangeTheAnswer) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, small_data());
  SmallTraining<double> training(graph.shard(), setting_over(graph));
  SmallTraining<double> reference(alone.shard(), setting_over(alone));
  expect_same_answer(graph.shard(), alone.shard(), training, reference);
}

TEST_P(SampledTest, SinglePrecisionOfOneRank) {
  const double tolerance = GetParam().aggregate == Aggregate::max ? 1e-3 : 1e-5;
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, small_data());
  SmallTraining<float> training(graph.shard(), setting_over(graph));
  SmallTraining<float> reference(alone.shard(), setting_over(alone));
  expect_same_losses(training, reference, tolerance);
}

TEST_P(SampledTest, TheSameRanksGiveTheSameBits) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  expect_same_bits_again(graph.shard(), setting_over(graph));
}

TEST_P(SampledTest, TheLossGoesDown) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  expect_loss_goes_down(graph.shard(), setting_over(graph));
}

TEST_P(SampledTest, GradientsOfAStep) {
  Setting setting = setting_of(GetParam());
  setting.model_options.move_touched_rows_alone = false;  // compared with these below
  setting.model_options.dim = GetParam().num_heads == 1 ? 3 : 2 * GetParam().num_heads;
  setting.batch_size = 20;
  setting.loss.num_negatives = GetParam().loss == kBpr ? 2 : 15;
  const TinyGraph graph(world_, dated_dataset(12, 11, 0.4, 8), TrainingPart::train,
                        GetParam().deal);
  check_gradients_of_step(graph.shard(), over_edges_of(graph, setting));
}

// Every neighbour drawn: the losses, gradients and updates of the whole graph.
TEST_P(SampledTest, AFanoutBeyondEveryDegreeIsTheWholeGraph) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  Setting all = setting_over(graph), sampled = all;
  all.model_options.fanout.clear();
  all.model_options.move_touched_rows_alone = false;
  std::fill(sampled.model_options.fanout.begin(), sampled.model_options.fanout.end(), 1000);
  sampled.model_options.move_touched_rows_alone = false;
  SmallTraining<double> one(graph.shard(), all), other(graph.shard(), sampled);
  for (int step = 1; step <= 10; ++step) {
    const double loss = one.advance();
    ASSERT_NEAR(other.advance(), loss, 1e-9 * std::abs(loss)) << "at step " << step;
  }
  EXPECT_LT(relative_difference(other.final_rows(), one.final_rows()), 1e-8);
}

// Half of them drawn: another loss, and evaluation hears all neighbours all the same.
TEST_P(SampledTest, TrainingHearsSomeAndEvaluationAll) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  Setting all = setting_over(graph);
  const Setting sampled = all;
  all.model_options.fanout.clear();
  all.model_options.move_touched_rows_alone = false;
  SmallTraining<double> one(graph.shard(), all), other(graph.shard(), sampled);
  EXPECT_LT(relative_difference(other.final_rows(), one.final_rows()), 1e-12);
  EXPECT_NE(one.advance(), other.advance());
}

// A gradient of touched rows alone is that of the whole table, which is zero elsewhere; and rows
// that no step touched have not moved.
class TouchedRows : public testing::TestWithParam<const char*> {};

TEST_P(TouchedRows, HaveTheTablesGradient) {
  Communicator world;
  const TinyGraph graph(world, small_data());
  Setting setting = setting_of({.name = "", .model = "lightgcn", .fanout = {2, 1}});
  setting.model = GetParam();
  if (setting.model == "mf") setting.model_options.fanout.clear();
  setting.batch_size = setting.loss.num_negatives = 4;
  SmallTraining<double> whole(graph.shard(), setting);
  setting.model_options.move_touched_rows_alone = true;
  SmallTraining<double> touched(graph.shard(), setting);
  const Matrix<double> before = touched.embeddings().value.clone();
  EXPECT_EQ(whole.advance(), touched.advance());
  const auto& rows = touched.embeddings().touched->rows;
  ASSERT_LT(world.sum(std::ssize(rows)), world.sum(graph.shard().num_owned()));
  std::size_t next = 0;
  for (std::int32_t r = 0; r < graph.shard().num_owned(); ++r) {
    const bool is_touched = next < rows.size() && rows[next] == r;
    for (std::int64_t c = 0; c < before.cols(); ++c) {
      const double gradient = whole.embeddings().gradient(r, c);
      if (is_touched) {
        EXPECT_EQ(touched.embeddings().gradient(static_cast<std::int64_t>(next), c), gradient);
        EXPECT_EQ(touched.embeddings().value(r, c), whole.embeddings().value(r, c));
      } else {
        EXPECT_EQ(gradient, 0);
        EXPECT_EQ(touched.embeddings().value(r, c), before(r, c));
        EXPECT_EQ(touched.embeddings().first_moment(r, c), 0);
      }
    }
    next += is_touched ? 1 : 0;
  }
  EXPECT_EQ(next, rows.size());
}

INSTANTIATE_TEST_SUITE_P(Models, TouchedRows, testing::Values("lightgcn", "mf"));

}  // namespace
}  // namespace halorec
