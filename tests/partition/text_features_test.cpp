// Text as counts of hashed n-grams, by hand.
#include "partition/side/text_features.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace halorec {
namespace {

TEST(TextFeatures, CountsOfWordsAndCharacters) {
  constexpr std::uint32_t kBuckets = 1U << 24;  // no collisions among so few
  const auto split = [&](std::string_view text) {
    std::array<std::uint64_t, 2> counts{};
    for (const auto& [feature, count] : count_ngrams(text, kBuckets)) {
      EXPECT_LT(feature, 2 * kBuckets);
      counts[feature < kBuckets ? 0 : 1] += count;
    }
    return counts;
  };
  EXPECT_TRUE(count_ngrams("", kBuckets).empty());
  EXPECT_TRUE(count_ngrams(" -- ", kBuckets).empty());
  // "red": the word; of " red " 3, 2 and 1 runs of 3, 4 and 5 characters.
  EXPECT_EQ(split("red"), (std::array<std::uint64_t, 2>{1, 6}));
  EXPECT_EQ(split("a"), (std::array<std::uint64_t, 2>{1, 1}));   // " a "
  EXPECT_EQ(split("ĉĉ"), (std::array<std::uint64_t, 2>{1, 3}));  // characters, not bytes
  EXPECT_EQ(split("red red red")[0], 5U);                        // three words, two neighbours
  EXPECT_EQ(count_ngrams("Red, RED!", kBuckets), count_ngrams("red red", kBuckets));
  EXPECT_NE(count_ngrams("red blue", kBuckets), count_ngrams("blue red", kBuckets));
  const auto few = count_ngrams("some more words than buckets", 2);
  EXPECT_LE(few.size(), 4U);
  EXPECT_TRUE(std::is_sorted(few.begin(), few.end()));
}

}  // namespace
}  // namespace halorec
