// The softmax loss of rounded scores: against a naive one in double of the same rounded rows, and
// within the rounding of the one of full scores, from which it must differ.
#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <vector>

#include "engine/kernels/bf16.hpp"
#include "engine/ops/losses.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

constexpr double kTau = 0.12, kTau2 = 0.9;

// Rows of length 1, as the trainer's step passes them.
Matrix<float> unit_rows(std::int64_t rows, std::int64_t cols, std::uint64_t key) {
  const Random random(29, Purpose::test, key);
  Matrix<float> matrix(rows, cols);
  for (std::int64_t r = 0; r < rows; ++r) {
    double square = 0;
    for (std::int64_t c = 0; c < cols; ++c) {
      matrix(r, c) = static_cast<float>(random.normal(static_cast<std::uint64_t>(r * cols + c)));
      square += double{matrix(r, c)} * double{matrix(r, c)};
    }
    for (std::int64_t c = 0; c < cols; ++c) matrix(r, c) /= static_cast<float>(std::sqrt(square));
  }
  return matrix;
}

template <typename To, typename From>
Matrix<To> converted(const Matrix<From>& from) {
  Matrix<To> to(from.rows(), from.cols());
  for (std::size_t k = 0; k < from.values().size(); ++k) {
    to.values()[k] = static_cast<To>(from.values()[k]);
  }
  return to;
}

Matrix<float> rounded(const Matrix<float>& exact) {
  std::vector<kernels::Bf16> stored(exact.values().size());
  const std::vector<float> ones(static_cast<std::size_t>(exact.rows()), 1.0F);
  kernels::store_rows(exact.rows(), exact.cols(), ones.data(), exact.data(), exact.cols(),
                      stored.data());
  Matrix<float> to(exact.rows(), exact.cols());
  for (std::size_t k = 0; k < stored.size(); ++k) to.values()[k] = kernels::to_float(stored[k]);
  return to;
}

template <typename T>
struct Result {
  double loss = 0;
  Matrix<T> users, positives, pool;  // gradients
};

// A batch whose rows of users have three items each, some of them in the pool.
class ScoreFormatTest : public testing::Test {
 protected:
  ScoreFormatTest() {
    for (std::uint32_t k = 0; k < kNumRows; ++k) own_.push_back({k, k + 200, k + 400});
    for (const auto& items : own_) left_out_.emplace_back(items);
    for (std::uint32_t j = 0; j < kPool; ++j) pool_items_.push_back(3 * j);
  }

  template <typename T>
  Result<T> loss_of(Matrix<T> users, Matrix<T> positives, Matrix<T> pool,
                    ScoreFormat format = ScoreFormat::full) {
    Result<T> result{0, Matrix<T>(kNumRows, kDim), Matrix<T>(kNumRows, kDim),
                     Matrix<T>(kPool, kDim)};
    Tape<T> tape;
    result.loss = softmax_loss(tape, tape.leaf(users.view(), result.users.view()),
                               tape.leaf(positives.view(), result.positives.view()),
                               tape.leaf(pool.view(), result.pool.view()), left_out_, pool_items_,
                               {kTau, kTau2, 0, format}, 2 * kNumRows);
    tape.backward();
    return result;
  }

  // Several blocks of rows, the last one not whole.
  static constexpr std::int64_t kNumRows = 150, kPool = 300, kDim = 48;
  Communicator world_;
  Matrix<float> users_ = unit_rows(kNumRows, kDim, 1 + std::uint64_t(world_.rank()));
  Matrix<float> positives_ = unit_rows(kNumRows, kDim, 100), pool_ = unit_rows(kPool, kDim, 101);
  std::vector<std::vector<std::uint32_t>> own_;
  std::vector<std::span<const std::uint32_t>> left_out_;
  std::vector<std::uint32_t> pool_items_;
};

// Gradients of scores are rounded as well: each by at most 2^-9 of itself, and by chance, so that
// what is left of it in a sum of many is less.
TEST_F(ScoreFormatTest, IsTheLossOfRoundedRows) {
  const auto result = loss_of(users_.clone(), positives_.clone(), pool_.clone(), ScoreFormat::bf16);
  // The double's rows are the rounded ones; its scores of positives then are too, and are put right
  // by what is linear in them.
  const Matrix<float> users = rounded(users_), pool = rounded(pool_);
  auto expected =
      loss_of(converted<double>(users), converted<double>(positives_), converted<double>(pool));
  const double slope = 1 / (kTau * 2 * kNumRows);
  for (std::int64_t k = 0; k < kNumRows; ++k) {
    for (std::int64_t c = 0; c < kDim; ++c) {
      const double lost = double{users_(k, c)} - double{users(k, c)};
      expected.loss -= slope * lost * double{positives_(k, c)};
      expected.positives(k, c) -= slope * lost;
    }
  }
  EXPECT_NEAR(result.loss, expected.loss, 1e-6 * std::abs(expected.loss));
  EXPECT_LT(relative_difference(result.positives, converted<float>(expected.positives)), 1e-6);
  EXPECT_LT(relative_difference(result.users, converted<float>(expected.users)), 1e-3);
  EXPECT_LT(relative_difference(result.pool, converted<float>(expected.pool)), 2e-3);
}

// 2^-9 of each factor of a score, over tau, bounds what the loss is off by: 3 %. By chance it is
// far less. Were nothing rounded, it would be 1e-7.
TEST_F(ScoreFormatTest, IsNearTheLossOfFullScoresAndNotIt) {
  const auto full = loss_of(users_.clone(), positives_.clone(), pool_.clone());
  const auto result = loss_of(users_.clone(), positives_.clone(), pool_.clone(), ScoreFormat::bf16);
  EXPECT_LT(std::abs(result.loss - full.loss), 1e-3 * std::abs(full.loss));
  EXPECT_GT(std::abs(result.loss - full.loss), 3e-7 * std::abs(full.loss));
  EXPECT_TRUE(same_bits(result.positives, full.positives));  // scores of positives stay
  for (const double difference : {relative_difference(result.users, full.users),
                                  relative_difference(result.pool, full.pool)}) {
    EXPECT_LT(difference, 1e-2);
    EXPECT_GT(difference, 1e-4);
  }
}

TEST_F(ScoreFormatTest, EqualInputGivesEqualBits) {
  const auto run = [&] {
    return loss_of(users_.clone(), positives_.clone(), pool_.clone(), ScoreFormat::bf16);
  };
  const auto first = run(), again = run();
  EXPECT_EQ(first.loss, again.loss);
  EXPECT_TRUE(same_bits(first.users, again.users));
  EXPECT_TRUE(same_bits(first.pool, again.pool));
}

}  // namespace
}  // namespace halorec
