// Training on rows stored as bfloat16: on any number of ranks, by any exchange, the losses of one
// rank, as near as sums of floats in another order come.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/engine/whole_graph.hpp"
#include "tests/models/small_training.hpp"

namespace halorec {
namespace {

Setting setting_of(LossKind loss, RowStorage store) {
  Setting setting;
  setting.model_options.dim = 16;
  setting.model_options.num_layers = 3;
  setting.model_options.seed = 4;
  setting.model_options.initial_deviation = 0.5;
  setting.model_options.propagation.store = store;
  setting.loss.terms = loss;
  setting.loss.num_negatives = loss == LossKind::bpr ? 2 : 70;
  setting.loss.l2 = 1e-4;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 400;
  return setting;
}

Dataset data() {
  return random_dataset(300, 200, 0.1, 6);
}

class RowStorageTraining : public testing::TestWithParam<LossKind> {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};
INSTANTIATE_TEST_SUITE_P(Losses, RowStorageTraining,
                         testing::Values(LossKind::bpr, LossKind::softmax), [](const auto& one) {
                           return std::string(one.param == LossKind::bpr ? "Bpr" : "Softmax");
                         });

// The first loss: no more than another order of adding. Later ones too, while a sum that was
// rounded to the other side is one of many.
TEST_P(RowStorageTraining, TheRanksDoNotChangeTheLoss) {
  constexpr int kNumSteps = 30;
  const TinyGraph alone(self_, data());
  const TinyGraph whole(self_, data(), TrainingPart::train, Deal::reordered);
  const Setting rounded = setting_of(GetParam(), RowStorage::bf16);
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, data(), TrainingPart::train, deal);
    for (const std::string exchange : {"halo", "hybrid", "columns"}) {
      Setting setting = rounded;
      if (exchange == "halo") setting.model_options.propagation.exchange = ExchangePlan::halo;
      if (exchange == "columns") setting.model_options.whole_graph = &whole.shard();
      SmallTraining<float> training(graph.shard(), setting), reference(alone.shard(), rounded);
      double largest = 0;
      for (int step = 1; step <= kNumSteps; ++step) {
        const double loss = training.advance(), expected = reference.advance();
        const double difference = std::abs(loss - expected) / std::abs(expected);
        largest = std::max(largest, difference);
        ASSERT_LT(difference, step == 1 ? 1e-6 : 1e-5) << exchange << " at step " << step;
      }
      RecordProperty(exchange, std::to_string(largest));
    }
  }
}

// What the tolerances above are held against: the storage is felt.
TEST_P(RowStorageTraining, RoundingIsFelt) {
  const TinyGraph graph(world_, data());
  SmallTraining<float> rounded(graph.shard(), setting_of(GetParam(), RowStorage::bf16));
  SmallTraining<float> full(graph.shard(), setting_of(GetParam(), RowStorage::full));
  double first = 0, last = 0;
  for (int step = 1; step <= 30; ++step) {
    const double exact = full.advance();
    last = std::abs(rounded.advance() - exact) / std::abs(exact);
    if (step == 1) first = last;
  }
  EXPECT_GT(first, 2e-6);
  EXPECT_LT(first, 1e-2);
  EXPECT_LT(last, 1e-2);
}

}  // namespace
}  // namespace halorec
