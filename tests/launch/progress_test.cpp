// The progress line's text, and that nothing is written where nobody watches.
#include "launch/progress.hpp"

#include <gtest/gtest.h>

namespace halorec {
namespace {

TEST(ProgressText, ShowsEpochLossSpeedAndTimeLeft) {
  EXPECT_EQ(progress_text({3, 20, 0.25, 0.69315, 1.25e6}, 90, 80),
            "epoch 3/20  loss 0.69315  1.25 Medges/s  25 %  1:30 min left");
}

TEST(ProgressText, LeavesOutWhatIsUnknown) {
  EXPECT_EQ(progress_text({1, 2, 0, 0, 0}, 0, 80), "epoch 1/2  0 %");
}

TEST(ProgressText, NeverWrapsTheTerminal) {
  EXPECT_EQ(progress_text({3, 20, 0.5, 1, 1e3}, 7200, 20).size(), 20U);
}

TEST(ProgressText, TimeLeftCountsFromWhereARunWentOn) {
  EXPECT_DOUBLE_EQ(time_left(0, 0.25, 30), 90);
  EXPECT_DOUBLE_EQ(time_left(0.5, 0.75, 30), 30);
  EXPECT_DOUBLE_EQ(time_left(0.5, 0.5, 30), 0);
}

TEST(Progress, WritesNothingUnlessEnabled) {
  testing::internal::CaptureStderr();
  {
    ProgressLine progress(false);
    progress.update({1, 2, 0.5, 1, 1});
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, PrintsLinesIntoAFileAsTheyAre) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  {
    ProgressLine progress(true);
    progress.update({1, 2, 0.5, 1, 1});
    progress.print("epoch 1");
  }
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "epoch 1\n");
  EXPECT_TRUE(testing::internal::GetCapturedStderr().ends_with("\r\x1b[K"));
}

TEST(Progress, LeavesNoTraceOnTheLine) {
  testing::internal::CaptureStderr();
  {
    ProgressLine progress(true);
    progress.update({1, 2, 0.5, 1, 1});
    progress.update({1, 2, 0.6, 1, 1});  // too soon after the first
  }
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_NE(text.find("50 %"), std::string::npos);
  EXPECT_EQ(text.find("60 %"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\x1b[K"));
}

}  // namespace
}  // namespace halorec
