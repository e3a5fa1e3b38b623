// What the formats of the wire do to numbers: one row by itself, against roundings worked out in
// double, then exchanges, which must bring exactly what the rows by themselves become.
#include "comm/wire_format.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "comm/halo.hpp"
#include "tests/comm/random_plan.hpp"

namespace halorec {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What arrives when factor * row travels.
template <typename T>
std::vector<T> travelled(WireFormat format, const std::vector<T>& row, T factor = T{1}) {
  const auto width = std::ssize(row);
  std::vector<std::byte> wire(static_cast<std::size_t>(wire_row_bytes<T>(format, width)));
  pack_row<T>(format, row.data(), factor, width, wire.data());
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
}

template <typename T>
class Wire : public testing::Test {
 protected:
  static constexpr WireFormat kFormats[] = {WireFormat::full, WireFormat::bf16};
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Wire, Reals);

// Loops over vectors have ends: the same elements alone and among others, for every width.
TYPED_TEST(Wire, WidthDoesNotMatter) {
  using T = TypeParam;
  const std::vector<T> numbers = rows_of<T>(1, 0, 1, 70, 70);
  EXPECT_EQ(travelled(WireFormat::full, numbers), numbers);
  const std::vector<T> rounded = travelled(WireFormat::bf16, numbers);
  for (std::size_t width = 1; width < numbers.size(); ++width) {
    const std::vector<T> some(numbers.begin(),
                              numbers.begin() + static_cast<std::ptrdiff_t>(width));
    const auto arrived = travelled(WireFormat::bf16, some);
    EXPECT_TRUE(std::equal(arrived.begin(), arrived.end(), rounded.begin())) << width;
  }
}

TYPED_TEST(Wire, AddsWhatArrived) {
  using T = TypeParam;
  for (const WireFormat format : this->kFormats) {
    const std::vector<T> row = rows_of<T>(2, 0, 1, 37, 37), sum = rows_of<T>(3, 0, 1, 37, 37);
    std::vector<std::byte> wire(static_cast<std::size_t>(wire_row_bytes<T>(format, 37)));
    pack_row<T>(format, row.data(), T(0.3), 37, wire.data());
    std::vector<T> added = sum;
    add_row<T>(format, wire.data(), T(-1.7), 37, added.data());
    const std::vector<T> arrived = travelled(format, row, T(0.3));
    for (std::size_t c = 0; c < row.size(); ++c) {
      EXPECT_EQ(added[c], sum[c] + T(-1.7) * arrived[c]);
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
        HaloExchange<T> exchange(plan, format);
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

TYPED_TEST(Wire, InfinitiesStay) {
  using T = TypeParam;
  const T infinity = static_cast<T>(kInfinity);
  EXPECT_EQ(travelled(WireFormat::bf16, std::vector<T>{infinity, T{1}, -infinity}),
            (std::vector<T>{infinity, T{1}, -infinity}));
}

}  // namespace
}  // namespace halorec
