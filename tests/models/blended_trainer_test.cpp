// The trainer with objectives that blend terms and with perturbed steps: what stops goes on to the
// same bits, and each term is logged.
#include <cmath>

#include "tests/models/trainer_session.hpp"

namespace halorec {
namespace {

// Dropped edges, noise and views are drawn by step and epoch alone; each term's sum goes on.
TEST_F(TrainerTest, StoppedAndResumedIsTheSameBitsOfABlendWithNoise) {
  TrainerOptions options = trainer_options();
  options.num_epochs = options.schedule_epochs = 2;
  options.loss.terms.set(LossKind::bpr, 0.3).set(LossKind::contrastive, 0.2);
  options.loss.contrastive_pool = 40;
  for (const Contrast contrast : {Contrast::xsimgcl, Contrast::sgl}) {
    ModelOptions of_model = model_options();
    of_model.perturbation.contrast = contrast;
    of_model.perturbation.edge_dropout = 0.2;
    of_model.perturbation.message_dropout = 0.1;
    of_model.perturbation.seed = 8;
    const fs::path whole = new_folder();
    Session reference(shard(), options, whole, from_rows(shard()), 0, of_model);
    EXPECT_EQ(reference.trainer().run(), TrainingEnd::finished);
    const auto per_epoch = static_cast<std::uint64_t>(reference.trainer().steps_per_epoch());
    for (const std::uint64_t stop : {per_epoch - 2, per_epoch, per_epoch + 3}) {
      const fs::path folder = new_folder();
      {
        Session first(shard(), options, folder, from_rows(shard()), stop, of_model);
        EXPECT_EQ(first.trainer().run(), TrainingEnd::stopped_on_request);
      }
      watchdog::clear_stop_request();
      world_.barrier();
      Session second(shard(), options, folder, from_rows(shard()), 0, of_model);
      EXPECT_TRUE(second.trainer().resume());
      EXPECT_EQ(second.trainer().run(), TrainingEnd::finished);
      expect_same_bits(second, reference);
      if (world_.is_root()) {
        EXPECT_EQ(events(folder), events(whole));
      }
      world_.barrier();
    }
  }
}

// An epoch's event has each term before its weight; weighted, they are the loss.
TEST_F(TrainerTest, TermsAreLoggedApart) {
  TrainerOptions options = trainer_options();
  options.num_epochs = 1;
  options.loss.terms.set(LossKind::bpr, 0.3).set(LossKind::logistic, 2);
  const fs::path folder = new_folder();
  Session run(shard(), options, folder, {});
  run.trainer().run();
  if (!world_.is_root()) return;
  const json event = events(folder).back();
  ASSERT_EQ(event.at("event"), "epoch");
  const json terms = event.at("terms");
  EXPECT_EQ(terms.size(), 4U);
  const double sum = terms.at("softmax").get<double>() + 0.3 * terms.at("bpr").get<double>() +
                     2 * terms.at("logistic").get<double>() + terms.at("l2").get<double>();
  EXPECT_NEAR(event.at("loss").get<double>(), sum, 1e-12);
  EXPECT_NEAR(terms.at("bpr").get<double>(), std::log(2), 0.2);  // of rows that are nearly zero
}

}  // namespace
}  // namespace halorec
