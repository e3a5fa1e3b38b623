// Memory for large arrays: where it begins, and that vectors on it behave as vectors.
#include "comm/large_memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <numeric>

namespace halorec {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(LargeMemory, BeginsAtACacheLineOrAHugePage) {
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, kMiB, 4 * kMiB - 1, 4 * kMiB, 9 * kMiB + 3}) {
    void* memory = allocate_large(bytes);
    const std::size_t alignment = bytes >= 4 * kMiB ? 2 * kMiB : 64;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0U) << bytes;
    std::memset(memory, 7, bytes);
    free_large(memory, bytes);
  }
}

TEST(LargeMemory, VectorsKeepTheirNumbers) {
  LargeVector<std::int32_t> vector(10, 3);
  EXPECT_EQ(vector, LargeVector<std::int32_t>(10, 3));
  // Across the size from which pages are huge, and back.
  vector.resize(3 * kMiB);
  EXPECT_EQ(vector[9], 3);
  std::iota(vector.begin(), vector.end(), 0);
  LargeVector<std::int32_t> copy = vector;
  const std::int32_t* data = copy.data();
  const LargeVector<std::int32_t> moved = std::move(copy);
  EXPECT_EQ(moved.data(), data);
  EXPECT_EQ(moved.back(), static_cast<std::int32_t>(3 * kMiB - 1));
  vector.resize(2);
  vector.shrink_to_fit();
  EXPECT_EQ(vector, (LargeVector<std::int32_t>{0, 1}));
}

}  // namespace
}  // namespace halorec
