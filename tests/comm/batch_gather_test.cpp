// Rows fetched by address and gradients returned: random wants against a naive copy that every rank
// can make, the adjoint property, and the order of sums.
#include "comm/batch_gather.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include "comm/random.hpp"

namespace halorec {
namespace {

// What every rank owns and wants, drawn alike on all of them. Rank seed % size owns nothing in
// every second draw; some ranks want nothing; rows repeat.
struct Wants {
  std::vector<std::int64_t> num_owned;
  std::vector<std::vector<RowAddress>> wanted;  // by rank

  Wants(int num_ranks, std::uint64_t seed) {
    const Random random(seed, Purpose::test, 2);
    std::uint64_t draw = 0;
    std::vector<RowAddress> all;
    for (int r = 0; r < num_ranks; ++r) {
      const bool empty = num_ranks > 1 && seed % 2 == 1 && r == static_cast<int>(seed) % num_ranks;
      num_owned.push_back(empty ? 0 : 1 + static_cast<std::int64_t>(random.below(20, draw++)));
      for (std::int32_t k = 0; k < num_owned.back(); ++k) all.push_back({r, k});
    }
    for (int r = 0; r < num_ranks; ++r) {
      auto& mine = wanted.emplace_back();
      const std::uint64_t count = random.below(4, draw++) == 0 ? 0 : random.below(100, draw++);
      for (std::uint64_t k = 0; k < count; ++k)
        mine.push_back(all[random.below(all.size(), draw++)]);
    }
  }
};

template <typename T>
T element(std::uint64_t seed, int rank, std::int64_t row, std::int64_t column) {
  return static_cast<T>(
      Random(seed, Purpose::test, 3)
          .normal(static_cast<std::uint64_t>(rank) << 32 | static_cast<std::uint64_t>(row),
                  static_cast<std::uint32_t>(column)));
}

template <typename T>
std::vector<T> rows_of(std::uint64_t seed, int rank, std::int64_t num_rows, std::int64_t width,
                       std::int64_t stride) {
  std::vector<T> rows(static_cast<std::size_t>(num_rows * stride), T{0});
  for (std::int64_t r = 0; r < num_rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      rows[static_cast<std::size_t>(r * stride + c)] = element<T>(seed, rank, r, c);
    }
  }
  return rows;
}

// gather and scatter_add as if they worked on all owned rows [. x stride].
template <typename T>
std::vector<T> served_of(const BatchGather& batch, const std::vector<T>& owned,
                         std::int64_t stride) {
  std::vector<T> served;
  for (const std::int32_t row : batch.served_rows()) {
    served.insert(served.end(), owned.begin() + row * stride, owned.begin() + (row + 1) * stride);
  }
  return served;
}
template <typename T>
void gather(const BatchGather& batch, const std::vector<T>& owned, std::int64_t stride,
            std::int64_t width, T* out) {
  const auto served = served_of(batch, owned, stride);
  batch.gather(served.data(), stride, width, out);
}
template <typename T>
void scatter_add(const BatchGather& batch, const T* gradients, std::int64_t width,
                 std::vector<T>& owned, std::int64_t stride) {
  auto served = served_of(batch, owned, stride);
  batch.scatter_add(gradients, width, served.data(), stride);
  auto from = served.begin();
  for (const std::int32_t row : batch.served_rows()) {
    std::copy_n(from, stride, owned.begin() + row * stride);
    from += stride;
  }
}

struct Shape {
  std::int64_t width, stride;
};
constexpr Shape kShapes[] = {{1, 1}, {3, 7}, {64, 64}};

template <typename T>
class BatchGatherOf : public testing::Test {
 protected:
  static constexpr T kTolerance = std::is_same_v<T, float> ? T(1e-4) : T(1e-12);
  Communicator world_;
  const int rank_ = world_.rank();
  const std::size_t me_ = static_cast<std::size_t>(rank_);
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(BatchGatherOf, Reals);

TYPED_TEST(BatchGatherOf, FetchesEveryWantedRowInTheCallersOrder) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Wants wants(this->world_.size(), seed);
    const auto& wanted = wants.wanted[this->me_];
    const BatchGather batch(this->world_, wanted);
    ASSERT_EQ(batch.num_wanted(), std::ssize(wanted));
    for (const auto [width, stride] : kShapes) {
      const auto owned = rows_of<T>(seed, this->rank_, wants.num_owned[this->me_], width, stride);
      std::vector<T> out(wanted.size() * static_cast<std::size_t>(width), T{-1});
      gather(batch, owned, stride, width, out.data());
      std::vector<T> expected;
      for (const RowAddress& address : wanted) {
        for (std::int64_t c = 0; c < width; ++c) {
          expected.push_back(element<T>(seed, address.owner, address.row, c));
        }
      }
      EXPECT_EQ(out, expected) << "seed " << seed << ", width " << width;
    }
  }
}

// The header promises an order: `wanted` within a rank, then ranks. Hence the very bits.
TYPED_TEST(BatchGatherOf, ReturnsGradientsSummedInThePromisedOrder) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Wants wants(this->world_.size(), seed);
    const BatchGather batch(this->world_, wants.wanted[this->me_]);
    for (const auto [width, stride] : kShapes) {
      auto owned = rows_of<T>(seed, this->rank_, wants.num_owned[this->me_], width, stride);
      auto expected = owned;
      for (int r = 0; r < this->world_.size(); ++r) {
        const auto& wanted = wants.wanted[static_cast<std::size_t>(r)];
        for (std::int64_t row = 0; row < wants.num_owned[this->me_]; ++row) {
          for (std::int64_t c = 0; c < width; ++c) {
            T of_rank{0};
            for (std::size_t k = 0; k < wanted.size(); ++k) {
              if (wanted[k] != RowAddress{this->rank_, static_cast<std::int32_t>(row)}) continue;
              of_rank += element<T>(seed + 50, r, static_cast<std::int64_t>(k), c);
            }
            expected[static_cast<std::size_t>(row * stride + c)] += of_rank;
          }
        }
      }
      const auto gradients = rows_of<T>(seed + 50, this->rank_, batch.num_wanted(), width, width);
      scatter_add(batch, gradients.data(), width, owned, stride);
      EXPECT_EQ(owned, expected) << "seed " << seed << ", width " << width;
    }
  }
}

TYPED_TEST(BatchGatherOf, GatherAndScatterAddAreAdjoint) {
  using T = TypeParam;
  for (std::uint64_t seed = 20; seed < 26; ++seed) {
    const Wants wants(this->world_.size(), seed);
    const BatchGather batch(this->world_, wants.wanted[this->me_]);
    for (const auto [width, stride] : kShapes) {
      const auto x = rows_of<T>(seed, this->rank_, wants.num_owned[this->me_], width, stride);
      const auto y = rows_of<T>(seed + 1, this->rank_, batch.num_wanted(), width, width);
      std::vector<T> gathered(y.size());
      gather(batch, x, stride, width, gathered.data());
      std::vector<T> home(x.size(), T{0});
      scatter_add(batch, y.data(), width, home, stride);
      double left = 0, right = 0, magnitude = 1;
      for (std::size_t k = 0; k < y.size(); ++k) {
        left += static_cast<double>(gathered[k]) * y[k];
        magnitude += std::abs(static_cast<double>(gathered[k]) * y[k]);
      }
      for (std::size_t k = 0; k < x.size(); ++k) right += static_cast<double>(x[k]) * home[k];
      EXPECT_NEAR(this->world_.sum(left), this->world_.sum(right),
                  this->kTolerance * this->world_.sum(magnitude));
    }
  }
}

class BatchGatherTest : public testing::Test {
 protected:
  Communicator world_;
  const int rank_ = world_.rank();
};

TEST_F(BatchGatherTest, NobodyWantsAnything) {
  const BatchGather batch(world_, {});
  EXPECT_EQ(batch.num_wanted(), 0);
  std::vector<float> owned{1, 2};
  gather(batch, owned, 1, 1, static_cast<float*>(nullptr));
  scatter_add(batch, static_cast<const float*>(nullptr), 1, owned, 1);
  EXPECT_EQ(owned, (std::vector<float>{1, 2}));
}

TEST_F(BatchGatherTest, EverybodyWantsOneRowManyTimes) {
  // Row 1 of the last rank, rank + 1 times: in sum 1 + 2 + ... + size.
  const int last = world_.size() - 1;
  const std::vector<RowAddress> wanted(static_cast<std::size_t>(rank_) + 1, {last, 1});
  const BatchGather batch(world_, wanted);
  std::vector<double> owned{rank_ + 0.25, rank_ + 0.5};
  std::vector<double> out(wanted.size());
  gather(batch, owned, 1, 1, out.data());
  EXPECT_EQ(out, std::vector<double>(wanted.size(), last + 0.5));
  const std::vector<double> ones(wanted.size(), 1.0);
  scatter_add(batch, ones.data(), 1, owned, 1);
  EXPECT_EQ(owned[0], rank_ + 0.25);
  EXPECT_EQ(owned[1], rank_ + 0.5 + (rank_ == last ? (last + 1) * (last + 2) / 2 : 0));
}

TEST_F(BatchGatherTest, ARowTravelsOnceHoweverOftenItIsWanted) {
  const int next = (rank_ + 1) % world_.size();
  const std::vector<RowAddress> once{{next, 0}, {next, 1}};
  std::vector<RowAddress> often;
  for (int k = 0; k < 50; ++k) often.insert(often.end(), once.begin(), once.end());
  const std::vector<float> owned(2 * 16, 1.0f);
  std::vector<float> out(often.size() * 16);
  const auto bytes_of = [&](const std::vector<RowAddress>& wanted) {
    const BatchGather batch(world_, wanted);
    const auto before = world_.counters().bytes_sent;
    gather(batch, owned, 16, 16, out.data());
    return world_.counters().bytes_sent - before;
  };
  EXPECT_EQ(bytes_of(once), world_.size() == 1 ? 0 : 2 * 16 * sizeof(float));
  EXPECT_EQ(bytes_of(often), bytes_of(once));
}

TEST_F(BatchGatherTest, RepeatsSumToTheSameBitsEveryTime) {
  const Wants wants(world_.size(), 4);
  const auto& wanted = wants.wanted[static_cast<std::size_t>(rank_)];
  const auto gradients = rows_of<float>(9, rank_, std::ssize(wanted), 8, 8);
  std::vector<float> first;
  for (int late = 0; late <= world_.size(); ++late) {
    const BatchGather batch(world_, wanted);
    std::vector<float> owned(
        static_cast<std::size_t>(wants.num_owned[static_cast<std::size_t>(rank_)] * 8), 0.0f);
    if (late == rank_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    scatter_add(batch, gradients.data(), 8, owned, 8);
    if (late == 0) first = owned;
    EXPECT_EQ(owned, first);
  }
}

}  // namespace
}  // namespace halorec
