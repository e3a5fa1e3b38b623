// The run log: what goes to the file and what to stdout, and that neither a torn line, a full disk
// nor bytes that are not UTF-8 break it.
#include "comm/run_log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "comm/check.hpp"
#include "temporary_folder.hpp"

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::istringstream text(read_text(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(RunLog, SaysNothingWithoutAFile) {
  RunLog log;
  log.event(Json{{"event", "step"}});
  log.note(Json{{"event", "phase"}});
}

TEST(RunLog, WritesOneObjectALineInOrderAndAtOnce) {
  const TemporaryFolder folder;
  const auto path = folder / "log.jsonl";
  RunLog log(path, false);
  log.event(Json{{"event", "step"}, {"step", 1}, {"loss", 0.5}});
  // Visible before the log is closed.
  EXPECT_EQ(read_text(path), "{\"event\":\"step\",\"step\":1,\"loss\":0.5}\n");
  log.note(Json{{"event", "line\nbreak"}});
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{R"({"event":"step","step":1,"loss":0.5})",
                                                      R"({"event":"line\nbreak"})"}));
}

TEST(RunLog, SendsEventsAndNotNotesToStdout) {
  const TemporaryFolder folder;
  RunLog log(folder / "log.jsonl", true);
  testing::internal::CaptureStdout();
  log.event(Json{{"event", "epoch"}});
  log.note(Json{{"event", "phases"}});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "{\"event\":\"epoch\"}\n");
  EXPECT_EQ(lines_of(folder / "log.jsonl").size(), 2u);

  RunLog quiet({}, false);
  testing::internal::CaptureStdout();
  quiet.event(Json{{"event", "epoch"}});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(RunLog, AppendsToAnEarlierRun) {
  const TemporaryFolder folder;
  const auto path = folder / "log.jsonl";
  { RunLog(path, false).note(Json{{"run", 1}}); }
  { RunLog(path, false).note(Json{{"run", 2}}); }
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{R"({"run":1})", R"({"run":2})"}));
}

TEST(RunLog, DoesNotGlueToALineThatWasTorn) {
  const TemporaryFolder folder;
  const auto path = folder.write("log.jsonl", "{\"run\":1}\n{\"ev");
  RunLog(path, false).note(Json{{"run", 2}});
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{R"({"run":1})", R"({"ev)", R"({"run":2})"}));
}

TEST(RunLog, TakesBytesThatAreNotUtf8) {
  const TemporaryFolder folder;
  const auto path = folder / "log.jsonl";
  RunLog(path, false).note(Json{{"path", "caf\xE9"}});
  EXPECT_EQ(read_text(path), "{\"path\":\"caf\xEF\xBF\xBD\"}\n");
}

TEST(RunLog, WritesANumberThatIsNotFiniteAsNull) {
  const TemporaryFolder folder;
  const auto path = folder / "log.jsonl";
  RunLog(path, false).note(Json{{"loss", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_EQ(read_text(path), "{\"loss\":null}\n");
}

TEST(RunLog, NamesAFileThatCannotBeOpened) {
  const TemporaryFolder folder;
  const auto path = folder / "missing" / "log.jsonl";
  try {
    const RunLog log(path, false);
    FAIL() << "opened " << path;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "cannot write " + path.string() + ": No such file or directory");
    EXPECT_EQ(error.exit_status(), kExitFailure);
  }
}

TEST(RunLog, WarnsOnceWhenTheDiskIsFull) {
  RunLog log("/dev/full", false);
  testing::internal::CaptureStderr();
  log.note(Json{{"step", 1}});
  log.note(Json{{"step", 2}});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "halorec: warning: cannot write /dev/full: No space left on device; lines of the log "
            "are missing\n");
}

TEST(PhaseTimers, SumUntilTaken) {
  PhaseTimers timers;
  for (int k = 0; k < 2; ++k) {
    const auto scope = timers.time("loss");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  { const auto scope = timers.time("propagate"); }
  const auto seconds = timers.take();
  ASSERT_EQ(seconds.size(), 2u);
  EXPECT_GE(seconds.at("loss"), 0.02);
  EXPECT_LT(seconds.at("loss"), 10);
  EXPECT_GE(seconds.at("propagate"), 0);
  EXPECT_LT(seconds.at("propagate"), seconds.at("loss"));
  EXPECT_TRUE(timers.take().empty());
}

TEST(PeakMemory, GrowsWithWhatIsTouched) {
  const std::uint64_t before = peak_memory_bytes();
  EXPECT_GT(before, std::uint64_t{1} << 20);
  {
    const std::vector<char> large(std::size_t{256} << 20, 1);
    EXPECT_EQ(large.back(), 1);
  }
  const std::uint64_t after = peak_memory_bytes();
  EXPECT_GT(after, before + (std::uint64_t{100} << 20));
}

}  // namespace
}  // namespace halorec
