// What every model's training has to pass, on whatever shard and setting: the same answer as on one
// process, the same bits again, gradients of a whole step, a loss that goes down.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/engine/whole_graph.hpp"
#include "tests/models/small_training.hpp"

namespace halorec {

constexpr int kPromisedSteps = 50;  // over which ranks agree

// Losses over ranks against one process. Collective.
template <typename T>
void expect_same_losses(SmallTraining<T>& training, SmallTraining<T>& reference, double tolerance,
                        int num_steps = kPromisedSteps) {
  for (int step = 1; step <= num_steps; ++step) {
    const double loss = training.advance(), expected = reference.advance();
    ASSERT_NEAR(loss, expected, tolerance * std::abs(expected)) << "at step " << step;
  }
}
template <typename T>
void expect_same_losses(const Shard& shard, const Shard& alone, const Setting& setting,
                        double tolerance, int num_steps = kPromisedSteps) {
  SmallTraining<T> training(shard, setting), reference(alone, setting);
  expect_same_losses(training, reference, tolerance, num_steps);
}

// Losses, parameters and final rows over ranks against one process, in double: `training` and
// `reference` are of the two shards. Collective.
inline void expect_same_answer(const Shard& shard, const Shard& alone,
                               SmallTraining<double>& training, SmallTraining<double>& reference) {
  for (int step = 1; step <= kPromisedSteps; ++step) {
    const double loss = training.advance(), expected = reference.advance();
    ASSERT_NEAR(loss, expected, 1e-9 * std::abs(expected)) << "at step " << step;
  }
  ASSERT_EQ(training.parameters().size(), reference.parameters().size());
  for (std::size_t p = 0; p < training.parameters().size(); ++p) {
    const Parameter<double>&one = *training.parameters()[p], &other = *reference.parameters()[p];
    EXPECT_EQ(one.name, other.name);
    const bool same_everywhere = one.replicated;
    EXPECT_LT(
        relative_difference(same_everywhere ? one.value.clone() : collect(shard, one.value),
                            same_everywhere ? other.value.clone() : collect(alone, other.value)),
        1e-8)
        << one.name;
  }
  const Matrix<double> rows = training.final_rows(), expected = reference.final_rows();
  EXPECT_LT(relative_difference(collect(shard, rows), collect(alone, expected)), 1e-8);
}

inline void expect_same_answer(const Shard& shard, const Shard& alone, const Setting& setting) {
  SmallTraining<double> training(shard, setting), reference(alone, setting);
  expect_same_answer(shard, alone, training, reference);
}

inline void expect_same_bits_again(const Shard& shard, const Setting& setting) {
  SmallTraining<float> first(shard, setting), second(shard, setting);
  for (int step = 1; step <= 10; ++step) ASSERT_EQ(first.advance(), second.advance());
  for (std::size_t p = 0; p < first.parameters().size(); ++p) {
    EXPECT_TRUE(same_bits(first.parameters()[p]->value, second.parameters()[p]->value));
  }
}

inline void expect_loss_goes_down(SmallTraining<float>& training) {
  const std::int64_t steps = training.sampler().steps_per_epoch();
  const auto mean_of_epoch = [&] {
    double sum = 0;
    for (std::int64_t s = 0; s < steps; ++s) sum += training.advance();
    return sum / static_cast<double>(steps);
  };
  const double first = mean_of_epoch();
  double last = first;
  for (int epoch = 0; epoch < 15; ++epoch) last = mean_of_epoch();
  EXPECT_LT(last, 0.98 * first);
}

inline void expect_loss_goes_down(const Shard& shard, const Setting& setting) {
  SmallTraining<float> training(shard, setting);
  expect_loss_goes_down(training);
}

// The gradients that a whole step leaves in the parameters as they stand, by central differences of
// every `stride`-th number of a replicated parameter and every fifth of the others. The difference
// is short by default: short rows are divided by their norm and strongly curved. Collective.
inline void check_gradients_of_step(Communicator& world, SmallTraining<double>& training,
                                    double difference = 2e-6, std::int64_t stride = 2) {
  training.sampler().start_epoch(0);
  const Batch batch = training.sampler().batch(0);
  training.gradient(1, batch);
  std::vector<Matrix<double>> gradients;
  for (const Parameter<double>* p : training.parameters()) {
    gradients.push_back(p->gradient.clone());
  }
  double largest = 0;
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    Parameter<double>& parameter = *training.parameters()[p];
    const auto sizes = world.all_gather(parameter.value.size());
    for (int owner = 0; owner < (parameter.replicated ? 1 : world.size()); ++owner) {
      const bool moves = parameter.replicated || world.rank() == owner;
      const std::int64_t size = sizes[static_cast<std::size_t>(owner)];
      for (std::int64_t k = 0; k < size; k += parameter.replicated ? stride : 5) {
        double unused = 0;
        double& number = moves ? parameter.value.values()[static_cast<std::size_t>(k)] : unused;
        const double middle = number;
        number = middle + difference;
        const double above = training.gradient(1, batch);
        number = middle - difference;
        const double below = training.gradient(1, batch);
        number = middle;
        if (!moves) continue;
        const double expected = (above - below) / (2 * difference);
        EXPECT_NEAR(gradients[p].values()[static_cast<std::size_t>(k)], expected,
                    1e-7 * (1 + std::abs(expected)))
            << parameter.name << " " << k;
        largest = std::max(largest, std::abs(expected));
      }
    }
  }
  EXPECT_GT(world.max(largest), 1e-4);  // a thousand times what a wrong one may differ by
}

inline void check_gradients_of_step(const Shard& shard, const Setting& setting) {
  SmallTraining<double> training(shard, setting);
  check_gradients_of_step(shard.communicator(), training);
}

}  // namespace halorec
