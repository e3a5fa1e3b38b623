// The tape: it keeps its memory, forgets its records, and holds values alone where that was asked.
#include "engine/tape.hpp"

#include <algorithm>

#include "engine/ops/rows.hpp"
#include "tests/engine/gradient_fixture.hpp"

namespace halorec {
namespace {

using TapeTest = GradientTest;

TEST_F(TapeTest, ReusesItsMemoryAndForgetsItsRecords) {
  Leaf rows(own_rows(4, 2, 1));
  const Matrix<double> direction = own_rows(4, 2, 2);
  Tape<double> tape;
  const double* first = nullptr;
  for (int step = 0; step < 3; ++step) {
    tape.clear();
    rows.gradient.fill(0);
    Variable<double>& unit = normalise_rows(tape, rows.on(tape));
    const double* low = std::min<const double*>(unit.value.data, unit.gradient.data);
    if (step == 0) first = low;
    EXPECT_EQ(low, first);
    for (std::int64_t r = 0; r < 4; ++r) {
      for (std::int64_t c = 0; c < 2; ++c) EXPECT_EQ(unit.gradient(r, c), 0);
    }
    along(tape, unit, direction);
    tape.backward();
  }
  const Matrix<double> once = rows.gradient.clone();
  tape.clear();
  tape.backward();  // nothing is left to run
  EXPECT_TRUE(same_bits(once, rows.gradient));
}

TEST_F(TapeTest, ShapesThatVaryTakeTheSameMemory) {
  Tape<double> tape;
  const double* large = tape.scratch(100, 4).data();
  const double* small = tape.scratch(10, 4).data();
  tape.clear();
  EXPECT_EQ(tape.scratch(9, 3).data(), small);  // the tightest that fits
  EXPECT_EQ(tape.scratch(7, 11).data(), large);
  tape.clear();
  const Matrix<double>& again = tape.scratch(50, 8);
  EXPECT_EQ(again.data(), large);
  EXPECT_EQ(again.rows(), 50);
  EXPECT_EQ(again.cols(), 8);
}

TEST_F(TapeTest, WithoutGradientsTheValuesAreTheSame) {
  Leaf rows(own_rows(4, 2, 1));
  Tape<double> with;
  const Matrix<double> expected = [&] {
    const Variable<double>& unit = normalise_rows(with, rows.on(with));
    Matrix<double> copy(unit.value.rows, unit.value.cols);
    std::copy_n(unit.value.data, copy.size(), copy.data());
    return copy;
  }();
  Tape<double> tape(false);
  const Variable<double>& unit = normalise_rows(tape, rows.on(tape));
  EXPECT_FALSE(unit.wants_gradient());
  EXPECT_EQ(unit.gradient.data, nullptr);
  EXPECT_TRUE(std::equal(expected.values().begin(), expected.values().end(), unit.value.data));
}

}  // namespace
}  // namespace halorec
