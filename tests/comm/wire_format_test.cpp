// What the formats of the wire do to numbers: one row by itself, against roundings worked out in
// double, then exchanges, which must bring exactly what the rows by themselves become.
#include "comm/wire_format.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "comm/halo.hpp"
#include "tests/comm/random_plan.hpp"
#include "tests/every_target.hpp"

namespace halorec {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::uint64_t kSeed = 11;

// What arrives when factor * row travels.
template <typename T>
std::vector<T> travelled(WireFormat format, const std::vector<T>& row, T factor = T{1},
                         std::uint64_t seed = kSeed) {
  const auto width = std::ssize(row);
  std::vector<std::byte> wire(static_cast<std::size_t>(wire_row_bytes<T>(format, width)));
  pack_row<T>(format, seed, row.data(), factor, width, wire.data());
  std::vector<T> arrived(row.size());
  unpack_row<T>(format, wire.data(), width, arrived.data());
  return arrived;
}

// A bfloat16's value as a double: infinity is what would come after the largest, 2^128.
double value_of_bf16(std::uint32_t bits) {
  if ((bits & 0x7FFFu) == 0x7F80u) return (bits & 0x8000u) != 0 ? -0x1.0p128 : 0x1.0p128;
  return static_cast<double>(std::bit_cast<float>(bits << 16));
}

// Every bfloat16, and floats at, just beside and halfway between them.
TEST(WireBf16, RoundsToNearestTiesToEven) {
  on_every_target([&] {
    std::vector<float> row;
    for (std::uint32_t high = 0; high < 1u << 16; ++high) {
      for (const std::uint32_t low : {0x0u, 0x1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
        row.push_back(std::bit_cast<float>(high << 16 | low));
      }
    }
    const std::vector<float> arrived = travelled(WireFormat::bf16, row);
    for (std::size_t k = 0; k < row.size(); ++k) {
      const auto bits = std::bit_cast<std::uint32_t>(row[k]);
      if (std::isnan(row[k])) {
        ASSERT_TRUE(std::isnan(arrived[k])) << std::hex << bits;
        continue;
      }
      const std::uint32_t below = bits >> 16, above = below + 1;
      std::uint32_t nearest = below;
      if ((bits & 0xFFFFu) != 0) {
        const auto value = static_cast<double>(row[k]);
        const double to_below = std::abs(value - value_of_bf16(below));
        const double to_above = std::abs(value - value_of_bf16(above));
        if (to_above < to_below || (to_above == to_below && above % 2 == 0)) nearest = above;
      }
      ASSERT_EQ(std::bit_cast<std::uint32_t>(arrived[k]), nearest << 16) << std::hex << bits;
    }
  });
}

template <typename T>
class Wire : public testing::Test {
 protected:
  static constexpr WireFormat kFormats[] = {WireFormat::full, WireFormat::bf16, WireFormat::int8};
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Wire, Reals);

// Loops over vectors have ends: the same elements alone and among others, for every width.
TYPED_TEST(Wire, WidthDoesNotMatter) {
  using T = TypeParam;
  on_every_target([&] {
    const std::vector<T> numbers = rows_of<T>(1, 0, 1, 70, 70);
    EXPECT_EQ(travelled(WireFormat::full, numbers), numbers);
    const std::vector<T> rounded = travelled(WireFormat::bf16, numbers);
    for (std::size_t width = 1; width < numbers.size(); ++width) {
      const std::vector<T> some(numbers.begin(),
                                numbers.begin() + static_cast<std::ptrdiff_t>(width));
      const auto arrived = travelled(WireFormat::bf16, some);
      EXPECT_TRUE(std::equal(arrived.begin(), arrived.end(), rounded.begin())) << width;
    }
  });
}

TYPED_TEST(Wire, AddsWhatArrived) {
  using T = TypeParam;
  on_every_target([&] {
    for (const WireFormat format : this->kFormats) {
      const std::vector<T> row = rows_of<T>(2, 0, 1, 37, 37), sum = rows_of<T>(3, 0, 1, 37, 37);
      std::vector<std::byte> wire(static_cast<std::size_t>(wire_row_bytes<T>(format, 37)));
      pack_row<T>(format, kSeed, row.data(), T(0.3), 37, wire.data());
      std::vector<T> added = sum;
      add_row<T>(format, wire.data(), T(-1.7), 37, added.data());
      const std::vector<T> arrived = travelled(format, row, T(0.3));
      for (std::size_t c = 0; c < row.size(); ++c) {
        EXPECT_EQ(added[c], sum[c] + T(-1.7) * arrived[c]);
      }
    }
  });
}

// Ranks on different processors must round alike.
TYPED_TEST(Wire, EveryTargetSendsTheSameBits) {
  using T = TypeParam;
  for (const WireFormat format : this->kFormats) {
    for (const std::int64_t width : {1, 7, 37, 64}) {
      const std::vector<T> row = rows_of<T>(4, 0, 1, width, width);
      std::vector<std::byte> first;
      on_every_target([&] {
        std::vector<std::byte> wire(static_cast<std::size_t>(wire_row_bytes<T>(format, width)));
        pack_row<T>(format, kSeed, row.data(), T(0.3), width, wire.data());
        if (first.empty()) first = wire;
        EXPECT_EQ(wire, first) << "width " << width;
      });
    }
  }
}

// Over ranks: gather and scatter-add bring what each row by itself becomes.
TYPED_TEST(Wire, ExchangesBringWhatRowsBecome) {
  using T = TypeParam;
  Communicator world;
  const auto me = static_cast<std::size_t>(world.rank());
  for (std::uint64_t seed = 80; seed < 86; ++seed) {
    const RandomPlan random(world.size(), seed);
    const HaloPlan plan(world, random.num_owned[me], random.ghost_owner[me], random.ghost_row[me]);
    for (const WireFormat format : this->kFormats) {
      for (const std::int64_t width : {1, 7, 64}) {
        HaloExchange<T> exchange(plan, format, kSeed);
        const auto row_of = [&](std::uint64_t drawn, int rank, std::int64_t row) {
          std::vector<T> numbers;
          for (std::int64_t c = 0; c < width; ++c) {
            numbers.push_back(element<T>(drawn, rank, row, c));
          }
          return numbers;
        };
        auto owned = rows_of<T>(seed, world.rank(), plan.num_owned(), width, width + 3);
        const auto sent = world.counters().bytes_sent;
        exchange.start_gather(owned.data(), width, width + 3);
        const T* ghosts = exchange.finish_gather();
        EXPECT_EQ(
            world.counters().bytes_sent - sent,
            plan.send_rows().size() * static_cast<std::size_t>(wire_row_bytes<T>(format, width)));
        for (std::int64_t g = 0; g < plan.num_ghosts(); ++g) {
          const auto i = static_cast<std::size_t>(g);
          EXPECT_EQ(
              std::vector<T>(ghosts + g * width, ghosts + (g + 1) * width),
              travelled(format, row_of(seed, random.ghost_owner[me][i], random.ghost_row[me][i])));
        }

        auto expected = owned;
        for (int r = 0; r < world.size(); ++r) {
          const auto i = static_cast<std::size_t>(r);
          for (std::size_t g = 0; g < random.ghost_owner[i].size(); ++g) {
            if (random.ghost_owner[i][g] != world.rank()) continue;
            const auto arrived =
                travelled(format, row_of(seed + 100, r, static_cast<std::int64_t>(g)));
            for (std::size_t c = 0; c < arrived.size(); ++c) {
              expected[static_cast<std::size_t>(random.ghost_row[i][g] * (width + 3)) + c] +=
                  T(0.7) * arrived[c];
            }
          }
        }
        const auto home = rows_of<T>(seed + 100, world.rank(), plan.num_ghosts(), width, width);
        exchange.start_scatter_add(home.data(), width);
        exchange.finish_scatter_add(owned.data(), width + 3, T(0.7));
        EXPECT_EQ(owned, expected);
      }
    }
  }
}

// Rows of one size, rows with a huge number among small ones (a hub's), and numbers far from one.
TYPED_TEST(Wire, Int8IsOffByLessThanAStep) {
  using T = TypeParam;
  on_every_target([&] {
    for (const std::int64_t width : {1, 5, 64, 100}) {
      for (const double size : {1e-30, 1e-3, 1.0, 1e30}) {
        for (const double hub : {1.0, 1e4, 1e8}) {
          for (std::uint64_t seed = 0; seed < 20; ++seed) {
            std::vector<T> row = rows_of<T>(seed, 0, 1, width, width);
            row[seed % row.size()] *= static_cast<T>(hub);
            for (T& number : row) number *= static_cast<T>(size);
            T largest{0};
            for (const T number : row) largest = std::max(largest, std::abs(number));
            // The step is a float, and so is what it is divided into.
            const T bound = largest / 127 * T(1 + 1e-4);
            const std::vector<T> arrived = travelled(WireFormat::int8, row);
            for (std::size_t c = 0; c < row.size(); ++c) {
              ASSERT_LE(std::abs(arrived[c] - row[c]), bound) << "column " << c << " of " << width;
            }
          }
        }
      }
    }
  });
}

// A number of a tenth of a step travels as zero or as one step, and as neither on average.
TYPED_TEST(Wire, Int8IsRightOnAverage) {
  using T = TypeParam;
  std::vector<T> row{T{127}, T(0.1), T(-0.1), T(0.5), T(63.25), T(-126.9), T{0}, T{-127}};
  constexpr int kDraws = 10000;
  std::vector<double> sum(row.size(), 0);
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const std::vector<T> arrived = travelled(WireFormat::int8, row, T{1}, seed);
    for (std::size_t c = 0; c < row.size(); ++c) {
      const auto number = static_cast<double>(arrived[c]);
      ASSERT_LE(std::abs(number - std::round(number)), 1e-9);
      ASSERT_LT(std::abs(number - static_cast<double>(row[c])), 1);
      sum[c] += number;
    }
  }
  for (std::size_t c = 0; c < row.size(); ++c) {
    // Five deviations of a mean of coins, each of at most half a step.
    EXPECT_NEAR(sum[c] / kDraws, static_cast<double>(row[c]), 5 * 0.5 / std::sqrt(kDraws)) << c;
  }
  EXPECT_EQ(sum[6], 0);
}

// The draws of the columns are not one draw: numbers half a step off go both ways in one row.
TEST(WireInt8, ColumnsAreRoundedEachForItself) {
  std::vector<float> row(64, 0.5F);
  row[0] = 127;
  const std::vector<float> arrived = travelled(WireFormat::int8, row);
  const auto up = std::count(arrived.begin() + 1, arrived.end(), 1.0F);
  EXPECT_EQ(up + std::count(arrived.begin() + 1, arrived.end(), 0.0F), 63);
  EXPECT_GE(up, 24);
  EXPECT_LE(up, 40);
}

TYPED_TEST(Wire, Int8DrawsByRowAndSeedAlone) {
  using T = TypeParam;
  const std::vector<T> row = rows_of<T>(4, 0, 1, 64, 64);
  const std::vector<T> arrived = travelled(WireFormat::int8, row);
  EXPECT_EQ(travelled(WireFormat::int8, row), arrived);
  EXPECT_NE(travelled(WireFormat::int8, row, T{1}, kSeed + 1), arrived);
  // One number changes, and others are rounded another way.
  std::vector<T> changed = row;
  changed[5] *= T(0.99);
  const std::vector<T> of_changed = travelled(WireFormat::int8, changed);
  int others = 0;
  for (std::size_t c = 0; c < row.size(); ++c) others += c != 5 && of_changed[c] != arrived[c];
  EXPECT_GT(others, 0);
}

TYPED_TEST(Wire, Int8KeepsZerosAndShowsWhatIsNoNumber) {
  using T = TypeParam;
  const std::vector<T> zeros(33, T{0});
  EXPECT_EQ(travelled(WireFormat::int8, zeros), zeros);
  std::vector<T> one = zeros;
  one[7] = T(-3.5);
  const std::vector<T> arrived = travelled(WireFormat::int8, one);
  for (std::size_t c = 0; c < one.size(); ++c) EXPECT_NEAR(arrived[c], one[c], 1e-5 * (c == 7));
  // Too small for a step that can be divided by.
  EXPECT_EQ(travelled(WireFormat::int8, std::vector<T>(33, T(1e-37))), zeros);
  for (const float fault : {kNan, kInfinity, -kInfinity}) {
    std::vector<T> row = rows_of<T>(4, 0, 1, 33, 33);
    row[20] = static_cast<T>(fault);
    for (const T number : travelled(WireFormat::int8, row)) EXPECT_TRUE(std::isnan(number));
  }
}

TYPED_TEST(Wire, InfinitiesStay) {
  using T = TypeParam;
  const T infinity = static_cast<T>(kInfinity);
  EXPECT_EQ(travelled(WireFormat::bf16, std::vector<T>{infinity, T{1}, -infinity}),
            (std::vector<T>{infinity, T{1}, -infinity}));
}

}  // namespace
}  // namespace halorec
