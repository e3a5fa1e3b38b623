// What tests of backward passes start from: the world, and rows of each rank's own.
#pragma once

#include <gtest/gtest.h>

#include "tests/engine/central_differences.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {

class GradientTest : public testing::Test {
 protected:
  // Rows of this rank alone, drawn by rank.
  Matrix<double> own_rows(std::int64_t rows, std::int64_t cols, std::uint64_t key) const {
    const Random random(17, Purpose::test, key);
    Matrix<double> matrix(rows, cols);
    for (std::int64_t k = 0; k < matrix.size(); ++k) {
      matrix.values()[static_cast<std::size_t>(k)] = random.normal(
          static_cast<std::uint64_t>(world_.rank()) << 32 | static_cast<std::uint64_t>(k));
    }
    return matrix;
  }

  Communicator world_;
};

// The batch of a loss: rank 1 (if any) has no positives.
inline std::int64_t batch_of(const Communicator& world, std::int64_t usual) {
  return world.rank() == 1 ? 0 : usual + world.rank();
}

}  // namespace halorec
