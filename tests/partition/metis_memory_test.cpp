// The choice between METIS and cluster: from counts, from what the machine says is left, and from
// the indices of METIS.
#include "partition/metis_memory.hpp"

#include <gtest/gtest.h>

#include "tests/comm/temporary_folder.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(ChooseMethod, TakesMetisWhereItFits) {
  EXPECT_EQ(choose_method(CutMethod::automatic, 1000000, 16000000, 4 * kGiB).method,
            CutMethod::metis);
  EXPECT_EQ(choose_method(CutMethod::automatic, 1000000, 16000000, kGiB).method,
            CutMethod::cluster);
  // A named method is the caller's choice.
  EXPECT_EQ(choose_method(CutMethod::metis, 1000000, 16000000, kGiB).method, CutMethod::metis);
  EXPECT_EQ(choose_method(CutMethod::hash, 10, 10, kGiB).method, CutMethod::hash);
}

TEST(ChooseMethod, KnowsTheLimitOfMetisIndices) {
  const std::uint64_t most = (std::uint64_t{1} << 30) - 1;  // nonzeros are twice the edges
  EXPECT_EQ(choose_method(CutMethod::automatic, 1000, most, 1000 * kGiB).method, CutMethod::metis);
  const auto beyond = choose_method(CutMethod::automatic, 1000, most + 1, 1000 * kGiB);
  EXPECT_EQ(beyond.method, CutMethod::cluster);
  EXPECT_NE(beyond.reason.find("32 bits"), std::string::npos) << beyond.reason;
}

TEST(ChooseMethod, AsksTheMachineWhenNoLimitIsGiven) {
  const auto choice = choose_method(CutMethod::automatic, 100, 1000, std::nullopt);
  EXPECT_EQ(choice.method, CutMethod::metis);
  EXPECT_GT(choice.limit_bytes, choice.metis_bytes);
}

class AvailableMemory : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((folder_ / path).parent_path());
    folder_.write(path, text);
  }
  std::uint64_t available() const { return available_memory_bytes(folder_.path()); }
  TemporaryFolder folder_;
};

TEST_F(AvailableMemory, IsUnknownWhereNothingSays) {
  EXPECT_GT(available(), std::uint64_t{1} << 62);
}

TEST_F(AvailableMemory, IsWhatTheKernelCallsAvailable) {
  write("proc/meminfo", "MemTotal:  9000 kB\nMemFree: 10 kB\nMemAvailable:    2000 kB\n");
  EXPECT_EQ(available(), 2000U * 1024);
}

TEST_F(AvailableMemory, IsLessInAControlGroup) {
  write("proc/meminfo", "MemAvailable:    2000000 kB\n");
  write("proc/self/cgroup", "0::/jobs/step\n");
  write("sys/fs/cgroup/jobs/step/memory.max", "max\n");
  write("sys/fs/cgroup/jobs/step/memory.current", "5000\n");
  EXPECT_EQ(available(), 2000000U * 1024);
  write("sys/fs/cgroup/jobs/memory.max", "1000000\n");
  write("sys/fs/cgroup/jobs/memory.current", "600000\n");
  EXPECT_EQ(available(), 400000U);
  write("sys/fs/cgroup/jobs/memory.stat", "anon 1\ninactive_file 100000\n");
  EXPECT_EQ(available(), 500000U);
}

TEST_F(AvailableMemory, KnowsTheOldControlGroups) {
  write("proc/self/cgroup", "3:cpu,cpuacct:/x\n4:memory:/slurm/job_1\n");
  write("sys/fs/cgroup/memory/slurm/job_1/memory.limit_in_bytes", "1000000\n");
  write("sys/fs/cgroup/memory/slurm/job_1/memory.usage_in_bytes", "300000\n");
  EXPECT_EQ(available(), 700000U);
}

TEST_F(AvailableMemory, SeesTheRootGroupOfAContainer) {
  write("proc/self/cgroup", "0::/../some/name\n");
  write("sys/fs/cgroup/memory.max", "1000\n");
  write("sys/fs/cgroup/memory.current", "1500\n");
  EXPECT_EQ(available(), 0U);
}

}  // namespace
}  // namespace halorec
