// Blended objectives and perturbed training: whole steps by central differences; the rank count
// does not change the answer; equal bits for equal ranks; evaluation sees the unperturbed model.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <set>

#include "engine/objective.hpp"
#include "engine/trainer.hpp"
#include "tests/engine/whole_graph.hpp"
#include "tests/models/small_training.hpp"

namespace halorec {
namespace {

constexpr int kNumSteps = 25;  // over five epochs

struct Case {
  const char* name;
  LossTerms terms;
  Perturbation perturbation = {};
  std::int64_t layers = 2;
  bool learn_layer_weights = false;
  Deal deal = Deal::scattered;
  ExchangePlan exchange = ExchangePlan::hybrid;
  const char* model = "lightgcn";
  double gce = 0;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

LossTerms blend(std::initializer_list<std::pair<LossKind, double>> weights) {
  LossTerms terms;
  for (const auto& [kind, weight] : weights) terms.set(kind, weight);
  return terms;
}

const LossTerms kWithContrast = blend({{LossKind::softmax, 1}, {LossKind::contrastive, 0.4}});
const LossTerms kEverything = blend({{LossKind::softmax, 0.9},
                                     {LossKind::bpr, 0.2},
                                     {LossKind::logistic, 0.5},
                                     {LossKind::rating, 0.05},
                                     {LossKind::contrastive, 0.3}});

Perturbation xsimgcl(std::int64_t layer = 1) {
  Perturbation p;
  p.contrast = Contrast::xsimgcl;
  p.contrast_layer = layer;
  p.layer_noise = 0.3;
  p.seed = 12;
  return p;
}

Perturbation sgl() {
  Perturbation p;
  p.contrast = Contrast::sgl;
  p.view_dropout = 0.3;
  p.seed = 12;
  return p;
}

Perturbation dropout(double edge, double node, double message, double noise = 0) {
  Perturbation p;
  p.edge_dropout = edge;
  p.node_dropout = node;
  p.message_dropout = message;
  p.embedding_noise = noise;
  p.seed = 12;
  return p;
}

Perturbation all_of_it() {
  Perturbation p = dropout(0.2, 0.1, 0.1, 0.2);
  p.contrast = Contrast::xsimgcl;
  p.layer_noise = 0.3;
  return p;
}

Perturbation sgl_on_dropped_edges() {
  Perturbation p = sgl();
  p.edge_dropout = 0.2;
  p.message_dropout = 0.1;
  return p;
}

const Case kCases[] = {
    {"Logistic", LossKind::logistic},
    {"LogisticOfRowsAlone",
     LossKind::logistic,
     {},
     0,
     false,
     Deal::scattered,
     ExchangePlan::hybrid,
     "mf"},
    {"Rating", LossKind::rating},
    {"SoftmaxAndBpr", blend({{LossKind::softmax, 1}, {LossKind::bpr, 0.2}}), {}, 2, true},
    {"BprAndLogistic", blend({{LossKind::bpr, 2}, {LossKind::logistic, 0.3}})},
    {"Xsimgcl", kWithContrast, xsimgcl(), 2, true},
    {"XsimgclOfLayerZero", kWithContrast, xsimgcl(0), 1},
    {"XsimgclWithEmptyRanks", kWithContrast, xsimgcl(2), 2, false, Deal::all_on_last},
    {"XsimgclByHalo", kWithContrast, xsimgcl(), 3, false, Deal::scattered, ExchangePlan::halo},
    {"Sgl", kWithContrast, sgl(), 2, true},
    {"SglByHalo", kWithContrast, sgl(), 1, false, Deal::scattered, ExchangePlan::halo},
    {"EverythingBlended", kEverything, xsimgcl()},
    {"EdgeDropout", LossKind::softmax, dropout(0.3, 0, 0), 3, true},
    {"EdgeDropoutByHalo", LossKind::bpr, dropout(0.3, 0, 0), 2, false, Deal::scattered,
     ExchangePlan::halo},
    {"EdgeDropoutWithEmptyRanks", LossKind::bpr, dropout(0.3, 0, 0), 1, false, Deal::all_on_last},
    {"NodeDropout", LossKind::softmax, dropout(0, 0.3, 0)},
    {"MessageDropout", LossKind::softmax, dropout(0, 0, 0.3), 2, true},
    {"EmbeddingNoise", LossKind::bpr, dropout(0, 0, 0, 0.4)},
    {"Generalised", LossKind::softmax, {}, 2, false, Deal::scattered, ExchangePlan::hybrid,
     "lightgcn", 0.4},
    {"AllOfIt", kEverything, all_of_it(), 2, true},
    {"SglOnDroppedEdges", kWithContrast, sgl_on_dropped_edges()},
};

Dataset small_data(std::uint32_t num_users = 70, std::uint32_t num_items = 55,
                   double density = 0.25) {
  Dataset data = random_dataset(num_users, num_items, density, 6);
  Interactions& train = data[Split::train];
  for (std::size_t e = 0; e < train.size(); ++e) {
    train.weight[e] = static_cast<float>(1 + (7 * train.user[e] + 3 * train.item[e]) % 5);
  }
  return data;
}

Setting setting_of(const Case& c) {
  Setting setting;
  setting.model = c.model;
  setting.model_options.dim = 10;
  setting.model_options.num_layers = c.layers;
  setting.model_options.learn_layer_weights = c.learn_layer_weights;
  setting.model_options.initial_deviation = 0.3;
  setting.model_options.seed = 4;
  setting.model_options.propagation.exchange = c.exchange;
  setting.model_options.perturbation = c.perturbation;
  setting.loss.terms = c.terms;
  setting.loss.num_negatives = c.terms.has(LossKind::softmax) ? 70 : 2;
  setting.loss.blended_negatives = 2;
  setting.loss.temperature = 0.2;
  setting.loss.temperature2 = 0.84;
  setting.loss.gce = c.gce;
  setting.loss.contrastive_temperature = 0.25;
  setting.loss.contrastive_pool = 100;  // of the 150 positions
  setting.loss.l2 = 1e-2;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 150;
  return setting;
}

// A training with the weights of its interactions.
class Trained {
 public:
  Trained(const TinyGraph& graph, Setting setting)
      : weights_(graph.shard(), graph.file(), TrainingPart::train) {
    setting.loss.edge_weights = &weights_;
    training.emplace(graph.shard(), setting);
  }

 private:
  EdgeWeights weights_;

 public:
  std::optional<SmallTraining<double>> training;
};

class ObjectiveTest : public testing::TestWithParam<Case> {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};
INSTANTIATE_TEST_SUITE_P(Cases, ObjectiveTest, testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(ObjectiveTest, TheRanksDoNotChangeTheAnswer) {
  const Setting setting = setting_of(GetParam());
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, small_data());
  Trained over_ranks(graph, setting), reference(alone, setting);
  for (int step = 1; step <= kNumSteps; ++step) {
    const double loss = over_ranks.training->advance(), expected = reference.training->advance();
    ASSERT_NEAR(loss, expected, 1e-9 * std::abs(expected)) << "at step " << step;
  }
  EXPECT_LT(relative_difference(collect(graph.shard(), over_ranks.training->embeddings().value),
                                collect(alone.shard(), reference.training->embeddings().value)),
            1e-8);
}

TEST_P(ObjectiveTest, TheSameRanksGiveTheSameBits) {
  const Setting setting = setting_of(GetParam());
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  Trained first(graph, setting), second(graph, setting);
  for (int step = 1; step <= 8; ++step) {
    ASSERT_EQ(first.training->advance(), second.training->advance());
  }
  EXPECT_TRUE(same_bits(first.training->embeddings().value, second.training->embeddings().value));
}

TEST_P(ObjectiveTest, GradientsOfAStep) {
  Setting setting = setting_of(GetParam());
  setting.model_options.dim = 3;
  setting.batch_size = 20;
  setting.loss.contrastive_pool = 15;
  if (GetParam().terms.has(LossKind::softmax)) setting.loss.num_negatives = 15;
  const TinyGraph graph(world_, small_data(12, 11, 0.4), TrainingPart::train, GetParam().deal);
  Trained trained(graph, setting);
  SmallTraining<double>& training = *trained.training;
  training.sampler().start_epoch(0);
  const Batch batch = training.sampler().batch(0);
  training.gradient(1, batch);
  std::vector<Matrix<double>> gradients;  // all of them before any number moves
  for (const Parameter<double>* p : training.parameters()) gradients.push_back(p->gradient.clone());
  double largest = 0;
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    Parameter<double>* parameter = training.parameters()[p];
    const Matrix<double>& gradient = gradients[p];
    const auto sizes = world_.all_gather(parameter->value.size());
    for (int owner = 0; owner < (parameter->replicated ? 1 : world_.size()); ++owner) {
      const bool moves = parameter->replicated || world_.rank() == owner;
      const std::int64_t size = sizes[static_cast<std::size_t>(owner)];
      for (std::int64_t k = 0; k < size; k += parameter->replicated ? 1 : 4) {
        constexpr double kStep = 1e-5;
        double unused = 0;
        double& number = moves ? parameter->value.values()[static_cast<std::size_t>(k)] : unused;
        const double middle = number;
        number = middle + kStep;
        const double above = training.gradient(1, batch);
        number = middle - kStep;
        const double below = training.gradient(1, batch);
        number = middle;
        if (!moves) continue;
        const double expected = (above - below) / (2 * kStep);
        EXPECT_NEAR(gradient.values()[static_cast<std::size_t>(k)], expected,
                    1e-7 * (1 + std::abs(expected)))
            << parameter->name << " " << k;
        largest = std::max(largest, std::abs(expected));
      }
    }
  }
  EXPECT_GT(world_.max(largest), 1e-3);
}

// Trained rows are those of the whole graph without noise, whatever steps did.
TEST_P(ObjectiveTest, EvaluationIsNotPerturbed) {
  const TinyGraph graph(world_, small_data(), TrainingPart::train, GetParam().deal);
  const Shard& shard = graph.shard();
  ModelOptions options = setting_of(GetParam()).model_options;
  const auto perturbed = make_model<double>(GetParam().model, shard, options);
  options.perturbation = {};
  const auto plain = make_model<double>(GetParam().model, shard, options);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(shard.num_owned()));
  for (std::size_t r = 0; r < rows.size(); ++r) rows[r] = static_cast<std::int32_t>(r);
  const Matrix<float> expected = final_rows_of(*plain, shard.num_owned());
  EXPECT_TRUE(same_bits(final_rows_of(*perturbed, shard.num_owned()), expected));
  Tape<double> tape;
  const auto output = perturbed->forward_in_training(tape, rows, {1, 0});
  double difference = 0;
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    difference = std::max(difference,
                          std::abs(output.rows.value(r, 0) - static_cast<double>(expected(r, 0))));
  }
  const Perturbation& p = GetParam().perturbation;
  EXPECT_EQ(world_.max(difference) > 1e-3, p.changes_rows() || p.edge_dropout > 0);
  EXPECT_TRUE(same_bits(final_rows_of(*perturbed, shard.num_owned()), expected));
}

// InfoNCE of two views whose numbers are functions of the node, written out over all nodes.
TEST(ContrastiveTerm, EqualsTheFormula) {
  Communicator world;
  const TinyGraph graph(world, small_data());
  const Shard& shard = graph.shard();
  LossOptions options;
  options.contrastive_temperature = 0.4;
  options.contrastive_pool = 30;
  Sampler sampler(shard, 7, 50, 0.5);
  sampler.start_epoch(0);
  const Batch batch = sampler.batch(0);
  ContrastiveTerm<double> term(shard, options);
  term.plan(batch);
  Matrix<double> first = random_rows<double>(shard, 4, 1),
                 second = random_rows<double>(shard, 4, 2);
  std::vector<std::int32_t> all;
  for (std::int32_t r = 0; r < shard.num_owned(); ++r) all.push_back(r);
  Matrix<double> unused(shard.num_owned(), 4), unused2(shard.num_owned(), 4);
  Tape<double> tape;
  const double value = world.sum(term.record(tape, tape.leaf(first.view(), unused.view()),
                                             tape.leaf(second.view(), unused2.view()), all, 1));

  const Matrix<double> x = collect(shard, first), y = collect(shard, second);
  std::vector<std::int64_t> own_users, own_items;
  for (std::int64_t k = 0; k < batch.size(); ++k) {
    const auto i = static_cast<std::size_t>(k);
    if (batch.positions[i] >= 30) continue;
    own_users.push_back(whole_row(shard, shard.global_id(batch.user_rows[i])));
    own_items.push_back(whole_row(shard, {NodeKind::item, batch.items[i]}));
  }
  double expected = 0;
  for (const auto* own : {&own_users, &own_items}) {
    const auto gathered = world.all_gather(std::span<const std::int64_t>(*own));
    ASSERT_EQ(gathered.size(), 30U);
    const std::set<std::int64_t> nodes(gathered.begin(), gathered.end());
    ASSERT_LT(nodes.size(), 30U) << "some are to stand in the batch twice";
    const auto cosine = [&](std::int64_t v, std::int64_t w) {
      double xy = 0, xx = 0, yy = 0;
      for (std::int64_t c = 0; c < 4; ++c) {
        xy += x(v, c) * y(w, c);
        xx += x(v, c) * x(v, c);
        yy += y(w, c) * y(w, c);
      }
      return xy / std::sqrt(xx * yy) / 0.4;
    };
    for (const std::int64_t v : nodes) {
      double sum = 0;
      for (const std::int64_t w : nodes) sum += std::exp(cosine(v, w));
      expected += (std::log(sum) - cosine(v, v)) / static_cast<double>(nodes.size());
    }
  }
  EXPECT_NEAR(value, expected, 1e-12);
}

TEST(EdgeWeights, AreThoseOfTheDatasetOnAnyRanks) {
  Communicator world;
  const auto data = [] {
    Dataset made = make_dataset(3, 3, {{0, 0}, {0, 2}, {1, 1}, {2, 0}}, {{0, 1}});
    made[Split::train].weight = {5, 3, 1, 4};
    made[Split::validation].weight = {2};
    return made;
  };
  const TinyGraph graph(world, data());
  const EdgeWeights weights(graph.shard(), graph.file(), TrainingPart::train);
  EXPECT_DOUBLE_EQ(weights.mean(), 13.0 / 4);
  EXPECT_DOUBLE_EQ(weights.spread(), 13.0 / 4 - 1);
  const Shard& shard = graph.shard();
  for (std::int64_t row = 0; row < shard.num_owned_users(); ++row) {
    const auto user = shard.owned_users()[static_cast<std::size_t>(row)];
    if (user == 0) {
      EXPECT_EQ(weights.of(row, 0), 5);
      EXPECT_EQ(weights.of(row, 2), 3);
    } else {
      EXPECT_EQ(weights.of(row, user == 1 ? 1 : 0), user == 1 ? 1 : 4);
    }
  }
  const TinyGraph both(world, data(), TrainingPart::train_and_validation);
  const EdgeWeights more(both.shard(), both.file(), TrainingPart::train_and_validation);
  EXPECT_DOUBLE_EQ(more.mean(), 3);
}

}  // namespace
}  // namespace halorec
