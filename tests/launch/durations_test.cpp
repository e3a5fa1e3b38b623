// Durations and half-lives as they are typed.
#include "launch/durations.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "comm/check.hpp"

namespace halorec {
namespace {

TEST(Durations, HaveUnits) {
  EXPECT_EQ(parse_duration("90s", "--half-life"), 90);
  EXPECT_EQ(parse_duration("15m", "--half-life"), 900);
  EXPECT_EQ(parse_duration("12h", "--half-life"), 43200);
  EXPECT_EQ(parse_duration("1.5d", "--half-life"), 129600);
  EXPECT_EQ(parse_duration("2w", "--half-life"), 1209600);
  EXPECT_EQ(parse_duration("1y", "--half-life"), 31557600);
  EXPECT_TRUE(std::isinf(parse_duration("inf", "--half-life")));
}

TEST(Durations, WhatIsNoneIsAUsageError) {
  for (const char* text : {"", "30", "d", "0d", "-3d", "30 d", "30days", "nan", "1e400d", "infd"}) {
    try {
      parse_duration(text, "--half-life");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      EXPECT_NE(std::string(error.what()).find("--half-life"), std::string::npos);
    }
  }
}

TEST(Durations, HalfLivesAreAListWithoutRepeats) {
  EXPECT_TRUE(parse_half_lives("auto", "--half-life").empty());
  EXPECT_EQ(parse_half_lives("30d", "--half-life"), std::vector<double>{2592000});
  const auto several = parse_half_lives("1w, 30d,inf", "--half-life");
  ASSERT_EQ(several.size(), 3U);
  EXPECT_EQ(several[0], 604800);
  EXPECT_TRUE(std::isinf(several[2]));
  EXPECT_THROW(parse_half_lives("7d,1w", "--half-life"), Error);
  EXPECT_THROW(parse_half_lives("7d,,1d", "--half-life"), Error);
  EXPECT_THROW(parse_half_lives("7d,auto", "--half-life"), Error);
}

}  // namespace
}  // namespace halorec
