// Gradients by central differences, over ranks: the objective is the sum of what each rank returns;
// its change when one number moves must be what the tape says.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/tape.hpp"

namespace halorec {

// A matrix of parameters: rows of this rank, or (replicated) the same on every rank, its gradient
// then being summed over ranks.
struct Leaf {
  Matrix<double> value, gradient;
  bool replicated;

  explicit Leaf(Matrix<double> start, bool is_replicated = false)
      : value(std::move(start)), gradient(value.rows(), value.cols()), replicated(is_replicated) {}
  Variable<double>& on(Tape<double>& tape) { return tape.leaf(value.view(), gradient.view()); }
};

// This rank's share of <variable, direction>, whose gradient is `direction`: a scalar objective for
// an operator whose result is a matrix.
inline double along(Tape<double>& tape, Variable<double>& variable,
                    const Matrix<double>& direction) {
  EXPECT_EQ(variable.value.rows, direction.rows());
  std::vector<double> copy(direction.values().begin(), direction.values().end());
  double sum = 0;
  for (std::int64_t r = 0; r < direction.rows(); ++r) {
    for (std::int64_t c = 0; c < direction.cols(); ++c) {
      sum += variable.value(r, c) * direction(r, c);
    }
  }
  tape.record([&variable, copy = std::move(copy), cols = direction.cols()] {
    for (std::int64_t r = 0; r < variable.gradient.rows; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) {
        variable.gradient(r, c) += copy[static_cast<std::size_t>(r * cols + c)];
      }
    }
  });
  return sum;
}

// Compares the gradient of every `every`-th number of each leaf (of replicated ones, all).
// Collective.
inline void check_gradients(Communicator& communicator, const std::vector<Leaf*>& leaves,
                            const std::function<double(Tape<double>&)>& objective,
                            std::int64_t every = 1) {
  const auto evaluate = [&] {
    Tape<double> tape;
    return communicator.sum(objective(tape));
  };
  for (Leaf* leaf : leaves) leaf->gradient.fill(0);
  {
    Tape<double> tape;
    objective(tape);
    tape.backward();
  }
  for (Leaf* leaf : leaves) {
    if (leaf->replicated) communicator.sum(leaf->gradient.values());
  }
  constexpr double kStep = 1e-5;
  for (std::size_t l = 0; l < leaves.size(); ++l) {
    Leaf& leaf = *leaves[l];
    const auto sizes = communicator.all_gather(leaf.value.size());
    for (int owner = 0; owner < (leaf.replicated ? 1 : communicator.size()); ++owner) {
      const bool moves = leaf.replicated || communicator.rank() == owner;
      for (std::int64_t k = 0; k < sizes[static_cast<std::size_t>(owner)];
           k += leaf.replicated ? 1 : every) {
        double unused = 0;
        double& number = moves ? leaf.value.values()[static_cast<std::size_t>(k)] : unused;
        const double middle = number;
        number = middle + kStep;
        const double above = evaluate();
        number = middle - kStep;
        const double below = evaluate();
        number = middle;
        if (!moves) continue;
        const double expected = (above - below) / (2 * kStep);
        EXPECT_NEAR(leaf.gradient.values()[static_cast<std::size_t>(k)], expected,
                    1e-8 * (1 + std::abs(expected)))
            << "number " << k << " of leaf " << l;
      }
    }
  }
}

}  // namespace halorec
