// Layered models: the rank count does not change the answer, the same ranks give the same bits,
// gradients of whole steps by central differences, the loss goes down, and rows computed at some
// nodes alone are those of all; for every model, aggregate and combination.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/presets.hpp"
#include "tests/models/step_checks.hpp"

namespace halorec {
namespace {

struct Case {
  const char* name;  // of the case
  const char* model;
  std::int64_t num_layers = 2;
  Aggregate aggregate = Aggregate::automatic;
  Combine combine = Combine::automatic;
  std::int64_t num_heads = 1;
  LossKind loss = LossKind::softmax;
  Deal deal = Deal::scattered;
  bool perturbed = false;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

Setting setting_of(const Case& c) {
  Setting setting;
  setting.model = c.model;
  setting.model_options.dim = 12;
  setting.model_options.num_layers = c.num_layers;
  setting.model_options.aggregate = c.aggregate;
  setting.model_options.combine = c.combine;
  setting.model_options.num_heads = c.num_heads;
  setting.model_options.seed = 4;
  setting.loss.terms = c.loss;
  setting.loss.num_negatives = c.loss == LossKind::bpr ? 2 : 70;
  setting.loss.temperature = 0.2;
  setting.loss.l2 = 1e-3;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 150;
  if (!c.perturbed) return setting;
  Perturbation& perturbation = setting.model_options.perturbation;
  perturbation.message_dropout = 0.2;
  perturbation.embedding_noise = 0.1;
  perturbation.seed = 3;
  if (sums_neighbours(c.model, setting.model_options)) perturbation.edge_dropout = 0.25;
  if (preset_of(c.model, setting.model_options).combine != Combine::concatenation) {
    perturbation.contrast = Contrast::xsimgcl;
    perturbation.contrast_layer = c.num_layers - 1;
    setting.loss.terms.set(LossKind::contrastive, 0.3);
    setting.loss.contrastive_pool = 100;
  }
  return setting;
}

Dataset small_data() {
  return random_dataset(70, 55, 0.25, 6);
}

class LayeredTest : public testing::TestWithParam<Case> {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};

constexpr auto kBpr = LossKind::bpr;
constexpr auto kSoftmax = LossKind::softmax;
constexpr auto kAuto = Aggregate::automatic;
constexpr auto kEmpty = Deal::all_on_last;
INSTANTIATE_TEST_SUITE_P(
    Models, LayeredTest,
    testing::Values(
        Case{"Ngcf", "ngcf"},
        Case{"NgcfOneLayerBpr", "ngcf", 1, kAuto, Combine::automatic, 1, kBpr},
        Case{"NgcfEmptyRanks", "ngcf", 2, kAuto, Combine::automatic, 1, kSoftmax, kEmpty},
        Case{"NoLayers", "ngcf", 0}, Case{"Gat", "gat", 2, kAuto, Combine::automatic, 3},
        Case{"GatOneLayerBpr", "gat", 1, kAuto, Combine::automatic, 2, kBpr},
        Case{"GatEmptyRanks", "gat", 2, kAuto, Combine::automatic, 2, kSoftmax, kEmpty},
        Case{"LightGat", "lightgat", 2, kAuto, Combine::automatic, 3},
        Case{"LightGatEmptyRanks", "lightgat", 1, kAuto, Combine::automatic, 1, kBpr, kEmpty},
        Case{"Ngat4rec", "ngat4rec"},
        Case{"Ngat4recEmptyRanks", "ngat4rec", 2, kAuto, Combine::automatic, 1, kBpr, kEmpty},
        Case{"Ggnn", "ggnn"}, Case{"GgnnThreeLayersBpr", "ggnn", 3, kAuto, Combine::mean, 1, kBpr},
        Case{"SageMean", "sage"}, Case{"SageMax", "sage", 2, Aggregate::max},
        Case{"SageMaxEmptyRanks", "sage", 2, Aggregate::max, Combine::automatic, 1, kBpr, kEmpty},
        Case{"Rgcn", "rgcn"},
        Case{"OwnSumConcat", "gnn", 2, Aggregate::sum, Combine::concatenation},
        Case{"OwnMeanAttention", "gnn", 2, Aggregate::mean, Combine::attention},
        Case{"OwnAttentionAttention", "gnn", 2, Aggregate::attention, Combine::attention, 2},
        Case{"OwnGatedLast", "gnn", 2, Aggregate::gated, Combine::last},
        Case{"OwnMaxMean", "gnn", 3, Aggregate::max, Combine::mean},
        Case{"NgcfPerturbed", "ngcf", 2, kAuto, Combine::automatic, 1, kBpr, Deal::scattered, true},
        Case{"GatPerturbed", "gat", 2, kAuto, Combine::automatic, 2, kSoftmax, kEmpty, true},
        Case{"GgnnPerturbed", "ggnn", 2, kAuto, Combine::mean, 1, kSoftmax, Deal::scattered, true},
        Case{"RgcnPerturbed", "rgcn", 1, kAuto, Combine::last, 1, kSoftmax, kEmpty, true}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_P(LayeredTest, TheRankCountDoesNotChangeTheAnswer) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, small_data());
  expect_same_answer(graph.shard(), alone.shard(), setting_of(GetParam()));
}

// In single precision the largest of nearly equal numbers may be another one, and runs part then.
TEST_P(LayeredTest, SinglePrecisionOfOneRank) {
  const bool is_max = GetParam().aggregate == Aggregate::max;
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, small_data());
  expect_same_losses<float>(graph.shard(), alone.shard(), setting_of(GetParam()),
                            is_max ? 1e-3 : 1e-5, is_max ? 20 : kPromisedSteps);
}

TEST_P(LayeredTest, TheSameRanksGiveTheSameBits) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  expect_same_bits_again(graph.shard(), setting_of(GetParam()));
}

TEST_P(LayeredTest, TheLossGoesDown) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  expect_loss_goes_down(graph.shard(), setting_of(GetParam()));
}

TEST_P(LayeredTest, RowsAskedForAreThoseOfAll) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  SmallTraining<double> training(graph.shard(), setting_of(GetParam()));
  const Matrix<double> all = training.final_rows();
  std::vector<std::int32_t> some;
  for (std::int32_t r = 0; r < graph.shard().num_owned(); r += 3) some.push_back(r);
  Tape<double> tape(false);
  const MatrixView<double> rows = training.model().forward(tape, some).rows.value;
  ASSERT_EQ(rows.rows, std::ssize(some));
  for (std::size_t k = 0; k < some.size(); ++k) {
    for (std::int64_t c = 0; c < rows.cols; ++c) {
      EXPECT_NEAR(rows(static_cast<std::int64_t>(k), c), all(some[k], c), 1e-13);
    }
  }
}

TEST_P(LayeredTest, GradientsOfAStep) {
  Setting setting = setting_of(GetParam());
  setting.model_options.dim = GetParam().num_heads == 1 ? 3 : 2 * GetParam().num_heads;
  setting.batch_size = 20;
  setting.loss.num_negatives = GetParam().loss == kBpr ? 2 : 15;
  const TinyGraph graph(world_, random_dataset(12, 11, 0.3, 8), TrainingPart::train,
                        GetParam().deal);
  check_gradients_of_step(graph.shard(), setting);
}

// Boundary rows that travel rounded change the loss a little, and the layers still learn.
TEST(LayeredModels, RowsMayTravelAsBf16) {
  Communicator world;
  const TinyGraph graph(world, small_data());
  for (const char* model : {"ngcf", "gat"}) {
    Setting setting = setting_of({"", model});
    SmallTraining<float> full(graph.shard(), setting);
    setting.model_options.propagation.wire = WireFormat::bf16;
    SmallTraining<float> rounded(graph.shard(), setting);
    for (int step = 1; step <= 10; ++step) {
      const double loss = full.advance();
      EXPECT_NEAR(rounded.advance(), loss, 1e-2 * std::abs(loss));
    }
  }
}

TEST(LayeredModels, SharedParametersAreTheSameEverywhereAndDifferByNameAndSeed) {
  Communicator world;
  Parameter<float> one("layer1.self", true, 8, 8), other("layer2.self", true, 8, 8);
  initialise_shared(3, one);
  initialise_shared(3, other);
  EXPECT_FALSE(same_bits(one.value, other.value));
  const float limit = std::sqrt(6.0F / 16);
  float largest = 0;
  for (const float x : one.value.values()) largest = std::max(largest, std::abs(x));
  EXPECT_LE(largest, limit);
  EXPECT_GT(largest, 0.8F * limit);
  const auto all = world.all_gather(std::span<const float>(one.value.values()));
  for (std::size_t k = 0; k < all.size(); ++k) {
    EXPECT_EQ(all[k], one.value.values()[k % static_cast<std::size_t>(one.value.size())]);
  }
  Parameter<float> again("layer1.self", true, 8, 8);
  initialise_shared(4, again);
  EXPECT_FALSE(same_bits(one.value, again.value));
}

TEST(LayeredModels, OptionsThatMakeNoSenseAreRefused) {
  ModelOptions options;
  options.dim = 8;
  for (const std::string& name : trained_model_names())
    EXPECT_NO_THROW(check_model_options(name, options));
  options.aggregate = Aggregate::max;
  EXPECT_EQ(preset_of("sage", options).aggregate, Aggregate::max);
  EXPECT_THROW(check_model_options("ngcf", options), Error);
  EXPECT_THROW(check_model_options("lightgcn", options), Error);
  options.aggregate = Aggregate::sum;
  EXPECT_THROW(check_model_options("sage", options), Error);
  EXPECT_NO_THROW(check_model_options("gnn", options));
  options.aggregate = Aggregate::attention;
  options.num_heads = 3;
  EXPECT_THROW(check_model_options("gnn", options), Error);
  options.num_heads = 4;
  EXPECT_TRUE(has_heads("gnn", options));
  options = {};
  EXPECT_FALSE(has_heads("sage", options));
  EXPECT_TRUE(has_heads("gat", options));
  options.combine = Combine::last;
  EXPECT_EQ(preset_of("ngcf", options).combine, Combine::last);
  EXPECT_THROW(check_model_options("mf", options), Error);
}

}  // namespace
}  // namespace halorec
