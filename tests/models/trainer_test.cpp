// The loop around the steps: early stopping, schedules, checkpoints, and errors that end in order.
#include "engine/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/models/trainer_session.hpp"

namespace halorec {
namespace {

TEST_F(TrainerTest, StopsEarlyAndTheBestEpochIsLoaded) {
  TrainerOptions options = trainer_options();
  options.num_epochs = options.schedule_epochs = 20;
  options.patience = 2;
  const fs::path folder = new_folder();
  Script script{{0.1, 0.3, 0.3, 0.2, 0.9}, {}};  // a tie is not better
  Session run(shard(), options, folder, script.evaluate());
  EXPECT_EQ(run.trainer().run(), TrainingEnd::finished);
  const TrainingState& state = run.trainer().state();
  EXPECT_EQ(state.epoch, 4);
  EXPECT_EQ(state.best_epoch, 2);
  EXPECT_EQ(state.best_metric, 0.3);
  EXPECT_TRUE(state.finished);
  ASSERT_EQ(script.seen.size(), 4U);
  EXPECT_TRUE(same_bits(run.trainer().final_rows(), script.seen[3]));
  run.trainer().load_best();
  EXPECT_TRUE(same_bits(run.trainer().final_rows(), script.seen[1]));
  const auto per_epoch = static_cast<std::uint64_t>(run.trainer().steps_per_epoch());
  EXPECT_EQ(kept_steps(folder),
            (std::set<std::uint64_t>{2 * per_epoch, 3 * per_epoch, 4 * per_epoch}));

  // A finished run trains no more, and still knows its best epoch.
  Session again(shard(), options, folder, script.evaluate());
  EXPECT_TRUE(again.trainer().resume());
  EXPECT_EQ(again.trainer().run(), TrainingEnd::finished);
  EXPECT_EQ(again.num_steps(), 0);
  again.trainer().load_best();
  EXPECT_TRUE(same_bits(again.trainer().final_rows(), script.seen[1]));
}

TEST_F(TrainerTest, EvaluatesWhenDueAndAtTheEnd) {
  TrainerOptions options = trainer_options();
  options.num_epochs = options.schedule_epochs = 5;
  options.evaluate_every = 2;
  const fs::path folder = new_folder();
  Script script{{0.1, 0.2, 0.3}, {}};
  Session run(shard(), options, folder, script.evaluate());
  run.trainer().run();
  EXPECT_EQ(script.seen.size(), 3U);  // epochs 2, 4 and the last
  EXPECT_EQ(run.trainer().state().best_epoch, 5);
  if (world_.is_root()) {
    for (const json& event : events(folder)) {
      if (event.at("event") != "epoch") continue;
      const int epoch = event.at("epoch");
      EXPECT_EQ(event.contains("recall@20"), epoch == 2 || epoch == 4 || epoch == 5);
    }
  }
}

TEST_F(TrainerTest, WithoutEvaluationTheLastEpochIsTheResult) {
  TrainerOptions options = trainer_options();
  options.checkpoint_epochs = 0;
  const fs::path folder = new_folder();
  Session run(shard(), options, folder, {});
  EXPECT_EQ(run.trainer().run(), TrainingEnd::finished);
  const Matrix<float> last = run.trainer().final_rows();
  run.trainer().load_best();
  EXPECT_TRUE(same_bits(run.trainer().final_rows(), last));
  EXPECT_EQ(kept_steps(folder), (std::set<std::uint64_t>{run.trainer().state().step}));
}

TEST_F(TrainerTest, CheckpointsStandAtStepsToo) {
  TrainerOptions options = trainer_options();
  options.num_epochs = options.schedule_epochs = 1;
  options.checkpoint_steps = 2;
  const fs::path folder = new_folder();
  Session run(shard(), options, folder, {});
  run.trainer().run();
  const std::uint64_t last = run.trainer().state().step;
  EXPECT_EQ(kept_steps(folder), (std::set<std::uint64_t>{(last - 1) / 2 * 2, last}));
}

TEST_F(TrainerTest, TheRateFollowsItsSchedule) {
  for (const Schedule schedule : {Schedule::constant, Schedule::linear, Schedule::cosine}) {
    TrainerOptions options = trainer_options();
    options.schedule = schedule;
    options.num_epochs = 2;
    options.schedule_epochs = 3;
    Session run(shard(), options, new_folder(), {});
    run.trainer().run();
    // The same steps by hand.
    Setting setting;
    setting.model_options = model_options();
    setting.loss = options.loss;
    setting.optimizer = options.optimizer;
    setting.seed = options.seed;
    setting.batch_size = options.batch_size;
    SmallTraining<float> by_hand(shard(), setting);
    const double total = 3.0 * static_cast<double>(run.trainer().steps_per_epoch());
    for (std::uint64_t step = 1; step <= run.trainer().state().step; ++step) {
      const double done = static_cast<double>(step - 1) / total;
      by_hand.set_learning_rate(0.01 * (schedule == Schedule::constant ? 1
                                        : schedule == Schedule::linear
                                            ? 1 - done
                                            : (1 + std::cos(std::numbers::pi * done)) / 2));
      by_hand.advance();
    }
    EXPECT_LT(relative_difference(run.parameter(0).value, by_hand.embeddings().value), 1e-6);
  }
}

TEST_F(TrainerTest, TheEpochsLossIsTheMeanOverItsPositives) {
  TrainerOptions options = trainer_options();
  options.num_epochs = 1;
  const fs::path folder = new_folder();
  Session run(shard(), options, folder, {});
  run.trainer().run();
  if (!world_.is_root()) return;
  double sum = 0;
  std::uint64_t left = shard().num_edges(), step = 0;
  for (const json& event : events(folder)) {
    if (event.at("event") == "step") {
      EXPECT_EQ(event.at("step"), ++step);  // steps count from 1
      const std::uint64_t size = std::min<std::uint64_t>(left, 60);
      sum += event.at("loss").get<double>() * static_cast<double>(size);
      left -= size;
    } else {
      EXPECT_EQ(left, 0U);
      EXPECT_NEAR(event.at("loss").get<double>(), sum / static_cast<double>(shard().num_edges()),
                  1e-12);
    }
  }
  ASSERT_NE(shard().num_edges() % 60, 0U) << "the last batch is to be a short one";
}

TEST_F(TrainerTest, ALossThatIsNotFiniteIsOneErrorEverywhere) {
  TrainerOptions options = trainer_options();
  options.loss.terms = LossKind::bpr;
  options.loss.num_negatives = 1;
  options.optimizer.kind = OptimizerKind::sgd;
  options.optimizer.learning_rate = 1e30;
  Session run(shard(), options, new_folder(), {});
  try {
    run.trainer().run();
    ADD_FAILURE() << "trained at a rate of 1e30";
  } catch (const Error& error) {
    EXPECT_TRUE(error.everywhere());
    EXPECT_NE(std::string(error.what()).find("--lr"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("1e+30"), std::string::npos) << error.what();
  }
  world_.barrier();  // no rank is left in a collective
}

TEST_F(TrainerTest, AnEvaluationThatThrowsEverywhereEndsInOrder) {
  const fs::path folder = new_folder();
  Session run(shard(), trainer_options(), folder,
              [](MatrixView<const float>) -> std::map<std::string, double> {
                throw Error("the evaluation failed", kExitFailure, true);
              });
  try {
    run.trainer().run();
    ADD_FAILURE() << "the error was lost";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the evaluation failed");
    EXPECT_TRUE(error.everywhere());
  }
  world_.barrier();
  EXPECT_FALSE(run.store().latest_step().has_value());
}

}  // namespace
}  // namespace halorec
