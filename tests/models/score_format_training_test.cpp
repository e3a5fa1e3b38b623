// Training on rounded scores: on any number of ranks the losses of one rank, as near as sums of
// floats in another order come.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/engine/whole_graph.hpp"
#include "tests/models/small_training.hpp"

namespace halorec {
namespace {

constexpr int kNumSteps = 30;

Setting setting_of(ScoreFormat scores) {
  Setting setting;
  setting.model_options.dim = 16;
  setting.model_options.num_layers = 2;
  setting.model_options.seed = 4;
  setting.model_options.initial_deviation = 0.5;
  setting.loss.num_negatives = 70;
  setting.loss.l2 = 1e-4;
  setting.loss.scores = scores;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 400;
  return setting;
}

Dataset data() {
  return random_dataset(300, 200, 0.1, 6);
}

class ScoreFormatTraining : public testing::Test {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};

// The first loss: no more than another order of adding, and a few numbers rounded to the other
// side. Each such number is 2^-8 of itself apart, and steps carry that on: by the thirtieth 1.4e-5
// was seen.
TEST_F(ScoreFormatTraining, TheRanksDoNotChangeTheLoss) {
  const TinyGraph alone(self_, data());
  const Setting setting = setting_of(ScoreFormat::bf16);
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, data(), TrainingPart::train, deal);
    SmallTraining<float> training(graph.shard(), setting), reference(alone.shard(), setting);
    double largest = 0;
    for (int step = 1; step <= kNumSteps; ++step) {
      const double loss = training.advance(), expected = reference.advance();
      const double difference = std::abs(loss - expected) / std::abs(expected);
      largest = std::max(largest, difference);
      ASSERT_LT(difference, step == 1 ? 1e-6 : 1e-4) << "at step " << step;
    }
    RecordProperty(deal == Deal::scattered ? "scattered" : "all_on_last", std::to_string(largest));
  }
}

// What the tolerances above are held against: the rounding is felt, and does little.
TEST_F(ScoreFormatTraining, RoundingIsFelt) {
  const TinyGraph graph(world_, data());
  SmallTraining<float> rounded(graph.shard(), setting_of(ScoreFormat::bf16));
  SmallTraining<float> full(graph.shard(), setting_of(ScoreFormat::full));
  double first = 0, last = 0;
  for (int step = 1; step <= kNumSteps; ++step) {
    const double exact = full.advance();
    last = std::abs(rounded.advance() - exact) / std::abs(exact);
    if (step == 1) first = last;
  }
  RecordProperty("first", std::to_string(first));
  RecordProperty("last", std::to_string(last));
  EXPECT_GT(first, 2e-6);
  EXPECT_LT(first, 1e-3);
  EXPECT_LT(last, 1e-3);
}

}  // namespace
}  // namespace halorec
