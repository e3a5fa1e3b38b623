// The halo exchange: the worked example of its header, then random plans against arrays that every
// rank knows, and the property that gather and scatter_add are each other's adjoints.
#include "comm/halo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "tests/comm/random_plan.hpp"

namespace halorec {
namespace {

using Ids = std::vector<std::int32_t>;

Ids copy_of(std::span<const std::int32_t> values) {
  return {values.begin(), values.end()};
}

TEST(HaloPlan, IsTheWorkedExampleOfItsHeader) {
  Communicator world;
  // Ranks beyond the first two own nothing and want nothing.
  const int rank = world.rank();
  if (world.size() < 2) {
    const HaloPlan plan(world, 3, {}, {});
    EXPECT_EQ(plan.num_ghosts(), 0);
    EXPECT_TRUE(plan.send_rows().empty());
    HaloExchange<float> exchange(plan);
    const std::vector<float> owned{1, 2, 3};
    exchange.start_gather(owned.data(), 1, 1);
    EXPECT_TRUE(exchange.progress());
    exchange.finish_gather();
    return;
  }
  const std::vector<Ids> owner{{1}, {0, 0}}, row{{1}, {0, 2}};
  const auto r = static_cast<std::size_t>(rank);
  const HaloPlan plan(world,
                      rank == 0   ? 3
                      : rank == 1 ? 2
                                  : 0,
                      rank < 2 ? owner[r] : Ids{}, rank < 2 ? row[r] : Ids{});
  EXPECT_EQ(plan.num_ghosts(), rank == 0 ? 1 : rank == 1 ? 2 : 0);
  EXPECT_EQ(copy_of(plan.send_rows()), rank == 0 ? (Ids{0, 2}) : rank == 1 ? Ids{1} : Ids{});

  HaloExchange<double> exchange(plan);
  // Row k of rank r is 10 r + k.
  std::vector<double> owned;
  for (std::int64_t k = 0; k < plan.num_owned(); ++k) {
    owned.push_back(10.0 * rank + static_cast<double>(k));
  }
  exchange.start_gather(owned.data(), 1, 1);
  const double* ghosts = exchange.finish_gather();
  if (rank == 0) {
    EXPECT_EQ(ghosts[0], 11);
  }
  if (rank == 1) {
    EXPECT_EQ((std::vector<double>{ghosts[0], ghosts[1]}), (std::vector<double>{0, 2}));
  }

  const std::vector<double> back =
      rank == 0 ? std::vector<double>{100} : std::vector<double>{200, 300};
  exchange.start_scatter_add(back.data(), 1);
  exchange.finish_scatter_add(owned.data(), 1);
  if (rank == 0) {
    EXPECT_EQ(owned, (std::vector<double>{200, 1, 302}));
  }
  if (rank == 1) {
    EXPECT_EQ(owned, (std::vector<double>{10, 111}));
  }
}

template <typename T>
class Halo : public testing::Test {
 protected:
  static constexpr T kTolerance = std::is_same_v<T, float> ? T(1e-4) : T(1e-12);
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Halo, Reals);

struct Shape {
  std::int64_t width, stride;
};
constexpr Shape kShapes[] = {{1, 1}, {3, 3}, {3, 8}, {64, 64}, {64, 100}};

TYPED_TEST(Halo, GatherCopiesEveryWantedRow) {
  using T = TypeParam;
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const RandomPlan random(world.size(), seed);
    const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
    ASSERT_EQ(plan.num_ghosts(), std::ssize(random.ghost_row[me]));
    HaloExchange<T> exchange(plan);  // one for all shapes: buffers are reused
    for (const auto [width, stride] : kShapes) {
      const auto owned = rows_of<T>(seed, world.rank(), plan.num_owned(), width, stride);
      exchange.start_gather(owned.data(), width, stride);
      const T* ghosts = exchange.finish_gather();
      std::vector<T> expected;
      for (std::size_t g = 0; g < random.ghost_row[me].size(); ++g) {
        for (std::int64_t c = 0; c < width; ++c) {
          expected.push_back(
              element<T>(seed, random.ghost_owner[me][g], random.ghost_row[me][g], c));
        }
      }
      EXPECT_EQ(std::vector<T>(ghosts, ghosts + plan.num_ghosts() * width), expected)
          << "seed " << seed << ", width " << width;
    }
  }
}

TYPED_TEST(Halo, ScatterAddSumsInRankOrder) {
  using T = TypeParam;
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const RandomPlan random(world.size(), seed);
    const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
    HaloExchange<T> exchange(plan);
    for (const auto [width, stride] : kShapes) {
      auto owned = rows_of<T>(seed, world.rank(), plan.num_owned(), width, stride);
      auto expected = owned;
      // Naively: every rank's ghosts, rank after rank, one addition at a time. The very bits.
      for (int r = 0; r < world.size(); ++r) {
        const auto& owner = random.ghost_owner[static_cast<std::size_t>(r)];
        for (std::size_t g = 0; g < owner.size(); ++g) {
          if (owner[g] != world.rank()) continue;
          const std::int64_t row = random.ghost_row[static_cast<std::size_t>(r)][g];
          for (std::int64_t c = 0; c < width; ++c) {
            expected[static_cast<std::size_t>(row * stride + c)] +=
                element<T>(seed + 100, r, static_cast<std::int64_t>(g), c);
          }
        }
      }
      const auto ghosts = rows_of<T>(seed + 100, world.rank(), plan.num_ghosts(), width, width);
      exchange.start_scatter_add(ghosts.data(), width);
      exchange.finish_scatter_add(owned.data(), stride);
      EXPECT_EQ(owned, expected) << "seed " << seed << ", width " << width;
    }
  }
}

// <gather(x), y> = <x, scatter_add(y)>, summed over ranks.
TYPED_TEST(Halo, GatherAndScatterAddAreAdjoint) {
  using T = TypeParam;
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  for (std::uint64_t seed = 20; seed < 28; ++seed) {
    const RandomPlan random(world.size(), seed);
    const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
    HaloExchange<T> exchange(plan);
    for (const auto [width, stride] : kShapes) {
      const auto x = rows_of<T>(seed, world.rank(), plan.num_owned(), width, stride);
      const auto y = rows_of<T>(seed + 1, world.rank(), plan.num_ghosts(), width, width);
      exchange.start_gather(x.data(), width, stride);
      const T* gathered = exchange.finish_gather();
      double left = 0, magnitude = 1;
      for (std::size_t k = 0; k < y.size(); ++k) {
        left += static_cast<double>(gathered[k]) * y[k];
        magnitude += std::abs(static_cast<double>(gathered[k]) * y[k]);
      }
      std::vector<T> home(x.size(), T{0});
      exchange.start_scatter_add(y.data(), width);
      exchange.finish_scatter_add(home.data(), stride);
      double right = 0;
      for (std::int64_t r = 0; r < plan.num_owned(); ++r) {
        for (std::int64_t c = 0; c < stride; ++c) {
          const auto i = static_cast<std::size_t>(r * stride + c);
          if (c < width) {
            right += static_cast<double>(x[i]) * home[i];
          } else {
            ASSERT_EQ(home[i], T{0}) << "a gap was written";
          }
        }
      }
      EXPECT_NEAR(world.sum(left), world.sum(right), this->kTolerance * world.sum(magnitude));
    }
  }
}

// However late a rank arrives, the same input gives the same bits.
TYPED_TEST(Halo, TheSameInputGivesTheSameBits) {
  using T = TypeParam;
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  const RandomPlan random(world.size(), 31);
  const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
  HaloExchange<T> exchange(plan);
  const auto ghosts = rows_of<T>(5, world.rank(), plan.num_ghosts(), 16, 16);
  std::vector<T> first;
  for (int late = 0; late < world.size() + 1; ++late) {
    auto owned = rows_of<T>(6, world.rank(), plan.num_owned(), 16, 16);
    if (world.rank() == late) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    exchange.start_scatter_add(ghosts.data(), 16);
    exchange.finish_scatter_add(owned.data(), 16);
    if (late == 0) first = owned;
    EXPECT_EQ(owned, first);
  }
}

// Rows that leave in pieces arrive as those that leave at once, whether a message holds a row or
// many, ranks share a piece or a rank takes several, and whether progress or the finish sends them.
TYPED_TEST(Halo, PiecesBringTheSameBits) {
  using T = TypeParam;
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  constexpr std::int64_t width = 7;
  for (const WireFormat wire : {WireFormat::full, WireFormat::bf16, WireFormat::int8}) {
    for (std::uint64_t seed = 80; seed < 84; ++seed) {
      const RandomPlan random(world.size(), seed);
      const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me],
                          random.ghost_row[me]);
      const auto owned = rows_of<T>(seed, world.rank(), plan.num_owned(), width, width);
      const auto back = rows_of<T>(seed + 1, world.rank(), plan.num_ghosts(), width, width);
      HaloExchange<T> whole(plan, wire, 3);
      whole.start_gather(owned.data(), width, width);
      const T* ghosts = whole.finish_gather();
      const std::vector<T> expected(ghosts, ghosts + plan.num_ghosts() * width);
      auto expected_home = owned;
      whole.start_scatter_add(back.data(), width);
      whole.finish_scatter_add(expected_home.data(), width);
      const std::int64_t row = wire_row_bytes<T>(wire, width);
      for (const std::int64_t piece : {std::int64_t{1}, 2 * row, 5 * row + 1}) {
        HaloExchange<T> exchange(plan, wire, 3, piece);
        for (const bool progress : {false, true}) {
          exchange.start_gather(owned.data(), width, width);
          if (progress) {
            while (!exchange.progress()) std::this_thread::yield();
          }
          ghosts = exchange.finish_gather();
          EXPECT_EQ(std::vector<T>(ghosts, ghosts + plan.num_ghosts() * width), expected);
          auto home = owned;
          exchange.start_scatter_add(back.data(), width);
          if (progress) {
            while (!exchange.progress()) std::this_thread::yield();
          }
          exchange.finish_scatter_add(home.data(), width);
          EXPECT_EQ(home, expected_home);
        }
      }
    }
  }
}

TYPED_TEST(Halo, ProgressEndsAnExchangeBeforeFinish) {
  using T = TypeParam;
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  const RandomPlan random(world.size(), 40);
  const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
  HaloExchange<T> exchange(plan);
  EXPECT_TRUE(exchange.progress());     // nothing was started
  constexpr std::int64_t width = 4096;  // beyond the eager limit: it takes both sides' progress
  const auto owned = rows_of<T>(7, world.rank(), plan.num_owned(), width, width);
  exchange.start_gather(owned.data(), width, width);
  const auto start = std::chrono::steady_clock::now();
  while (!exchange.progress()) {
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  }
  const T* ghosts = exchange.finish_gather();
  for (std::int64_t g = 0; g < plan.num_ghosts(); ++g) {
    const auto i = static_cast<std::size_t>(g);
    for (const std::int64_t c : {std::int64_t{0}, width - 1}) {
      ASSERT_EQ(ghosts[g * width + c],
                element<T>(7, random.ghost_owner[me][i], random.ghost_row[me][i], c));
    }
  }
}

TEST(HaloPlan, SendListsAreDualToReceiveLists) {
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  for (std::uint64_t seed = 50; seed < 56; ++seed) {
    const RandomPlan random(world.size(), seed);
    const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
    for (std::size_t r = 0; r < random.num_owned.size(); ++r) {
      Ids wanted_from_me;
      for (std::size_t g = 0; g < random.ghost_owner[r].size(); ++g) {
        if (random.ghost_owner[r][g] == world.rank()) {
          wanted_from_me.push_back(random.ghost_row[r][g]);
        }
      }
      const auto first = plan.send_rows().begin() + plan.send_begin()[r];
      const auto last = plan.send_rows().begin() + plan.send_begin()[r + 1];
      EXPECT_EQ(Ids(first, last), wanted_from_me);
      EXPECT_EQ(plan.receive_begin()[r + 1] - plan.receive_begin()[r],
                std::count(random.ghost_owner[me].begin(), random.ghost_owner[me].end(),
                           static_cast<std::int32_t>(r)));
    }
    EXPECT_EQ(plan.num_owned(), random.num_owned[me]);
  }
}

TEST(HaloExchange, CountsTheBytesThatItSends) {
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  const RandomPlan random(world.size(), 61);
  const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
  HaloExchange<float> exchange(plan);
  const auto owned = rows_of<float>(1, world.rank(), plan.num_owned(), 8, 8);
  const auto before = world.counters();
  exchange.start_gather(owned.data(), 8, 8);
  exchange.finish_gather();
  EXPECT_EQ(world.counters().bytes_sent - before.bytes_sent,
            plan.send_rows().size() * 8 * sizeof(float));
}

// Two exchanges over plans of one communicator, under way at once, must not take each other's
// messages.
TEST(HaloExchange, TwoMayBeUnderWay) {
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  const RandomPlan random(world.size(), 70);
  const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
  // Pieces of a row: messages of both are sent in turns.
  HaloExchange<float> first(plan, WireFormat::full, 0, 20), second(plan, WireFormat::full, 0, 20);
  const auto x = rows_of<float>(1, world.rank(), plan.num_owned(), 5, 5);
  const auto y = rows_of<float>(2, world.rank(), plan.num_owned(), 5, 5);
  first.start_gather(x.data(), 5, 5);
  second.start_gather(y.data(), 5, 5);
  const float* of_y = second.finish_gather();
  const float* of_x = first.finish_gather();
  for (std::int64_t g = 0; g < plan.num_ghosts(); ++g) {
    const auto i = static_cast<std::size_t>(g);
    EXPECT_EQ(of_x[g * 5],
              element<float>(1, random.ghost_owner[me][i], random.ghost_row[me][i], 0));
    EXPECT_EQ(of_y[g * 5],
              element<float>(2, random.ghost_owner[me][i], random.ghost_row[me][i], 0));
  }
}

}  // namespace
}  // namespace halorec
