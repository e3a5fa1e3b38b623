// Stopped and resumed is the same as never stopped: on the same ranks to the bit, on others to
// rounding.
#include "engine/trainer.hpp"

#include <gtest/gtest.h>

#include "tests/models/trainer_session.hpp"

namespace halorec {
namespace {

class ResumeTest : public TrainerTest {};

TEST_F(ResumeTest, StoppedAndResumedIsTheSameBits) {
  const fs::path whole = new_folder();
  Session reference(shard(), trainer_options(), whole, from_rows(shard()));
  EXPECT_FALSE(reference.trainer().resume());
  EXPECT_EQ(reference.trainer().run(), TrainingEnd::finished);
  const auto per_epoch = static_cast<std::uint64_t>(reference.trainer().steps_per_epoch());
  ASSERT_GT(per_epoch, 4U);

  // After its second step, within the second epoch, at the end of an epoch, at the very end.
  for (const std::uint64_t stop : {std::uint64_t{2}, per_epoch + 3, 2 * per_epoch, 3 * per_epoch}) {
    SCOPED_TRACE(stop);
    const fs::path folder = new_folder();
    {
      Session first(shard(), trainer_options(), folder, from_rows(shard()), stop);
      const TrainingEnd end = first.trainer().run();
      EXPECT_EQ(end,
                stop == 3 * per_epoch ? TrainingEnd::finished : TrainingEnd::stopped_on_request);
      EXPECT_EQ(first.trainer().state().step, stop);
    }
    watchdog::clear_stop_request();
    world_.barrier();
    Session second(shard(), trainer_options(), folder, from_rows(shard()));
    EXPECT_TRUE(second.trainer().resume());
    EXPECT_EQ(second.trainer().state().step, stop);
    EXPECT_EQ(second.trainer().run(), TrainingEnd::finished);
    EXPECT_EQ(second.num_steps(), static_cast<int>(3 * per_epoch - stop));
    expect_same_bits(second, reference);
    if (world_.is_root()) {
      EXPECT_EQ(events(folder), events(whole));
    }
  }
}

// int8 rounds at random, by the seed and the row's own numbers: nothing is kept between steps.
TEST_F(ResumeTest, ResumedOverALossyWireIsTheSameBits) {
  ModelOptions model = model_options();
  model.propagation.wire = WireFormat::int8;
  model.propagation.wire_seed = 3;
  Session reference(shard(), trainer_options(), new_folder(), from_rows(shard()), 0, model);
  EXPECT_EQ(reference.trainer().run(), TrainingEnd::finished);

  const fs::path folder = new_folder();
  const auto stop = static_cast<std::uint64_t>(reference.trainer().steps_per_epoch()) + 3;
  {
    Session first(shard(), trainer_options(), folder, from_rows(shard()), stop, model);
    EXPECT_EQ(first.trainer().run(), TrainingEnd::stopped_on_request);
  }
  watchdog::clear_stop_request();
  world_.barrier();
  Session second(shard(), trainer_options(), folder, from_rows(shard()), 0, model);
  EXPECT_TRUE(second.trainer().resume());
  EXPECT_EQ(second.trainer().run(), TrainingEnd::finished);
  expect_same_bits(second, reference);
}

TEST_F(ResumeTest, ResumedOnOtherRanksStaysWithinRounding) {
  const TinyGraph alone(self_, small_data());
  const fs::path whole = new_folder();
  Session reference(shard(), trainer_options(), whole, from_rows(shard()));
  reference.trainer().run();
  const Matrix<float> expected = collect(shard(), reference.parameter(0).value);
  const auto losses_agree = [&](const fs::path& folder) {
    const auto actual = events(folder), wanted = events(whole);
    ASSERT_EQ(actual.size(), wanted.size());
    for (std::size_t k = 0; k < actual.size(); ++k) {
      EXPECT_EQ(actual[k].at("event"), wanted[k].at("event"));
      const double loss = wanted[k].at("loss");
      EXPECT_NEAR(actual[k].at("loss").get<double>(), loss, 1e-5 * std::abs(loss));
    }
  };
  const std::uint64_t stop = 9;

  const fs::path to_one = new_folder();
  {
    Session first(shard(), trainer_options(), to_one, from_rows(shard()), stop);
    EXPECT_EQ(first.trainer().run(), TrainingEnd::stopped_on_request);
  }
  watchdog::clear_stop_request();
  world_.barrier();
  if (world_.is_root()) {
    Session second(alone.shard(), trainer_options(), to_one, from_rows(alone.shard()));
    EXPECT_TRUE(second.trainer().resume());
    EXPECT_EQ(second.trainer().run(), TrainingEnd::finished);
    EXPECT_LT(relative_difference(collect(alone.shard(), second.parameter(0).value), expected),
              1e-4);
    losses_agree(to_one);
  }
  world_.barrier();

  const fs::path from_one = new_folder();
  if (world_.is_root()) {
    Session first(alone.shard(), trainer_options(), from_one, from_rows(alone.shard()), stop);
    EXPECT_EQ(first.trainer().run(), TrainingEnd::stopped_on_request);
  }
  watchdog::clear_stop_request();
  world_.barrier();
  Session second(shard(), trainer_options(), from_one, from_rows(shard()));
  EXPECT_TRUE(second.trainer().resume());
  EXPECT_EQ(second.trainer().run(), TrainingEnd::finished);
  EXPECT_LT(relative_difference(collect(shard(), second.parameter(0).value), expected), 1e-4);
  if (world_.is_root()) losses_agree(from_one);
}

TEST_F(ResumeTest, PatienceSurvivesAStop) {
  TrainerOptions options = trainer_options();
  options.num_epochs = options.schedule_epochs = 20;
  options.patience = 3;
  const fs::path folder = new_folder();
  Script script{{0.5, 0.4, 0.4, 0.4, 0.9}, {}};
  const std::uint64_t per_epoch = [&] {
    Session run(shard(), options, folder, script.evaluate(), 0);
    return static_cast<std::uint64_t>(run.trainer().steps_per_epoch());
  }();
  {
    Session first(shard(), options, folder, script.evaluate(), 2 * per_epoch + 2);
    EXPECT_EQ(first.trainer().run(), TrainingEnd::stopped_on_request);
  }
  watchdog::clear_stop_request();
  world_.barrier();
  Session second(shard(), options, folder, script.evaluate());
  EXPECT_TRUE(second.trainer().resume());
  EXPECT_EQ(second.trainer().state().evaluations_since_best, 1);
  EXPECT_EQ(second.trainer().run(), TrainingEnd::finished);
  EXPECT_EQ(second.trainer().state().epoch, 4);
  EXPECT_EQ(second.trainer().state().best_epoch, 1);
}

}  // namespace
}  // namespace halorec
