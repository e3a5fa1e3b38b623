// How many threads each rank gets, and what is advised, on hand-written affinity masks; and that
// the collective part gives every rank the decision of the root.
#include "launch/threads.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <numeric>

#include "comm/communicator.hpp"

namespace halorec {
namespace {

std::vector<std::int32_t> range(std::int32_t first, std::int32_t count) {
  std::vector<std::int32_t> cores(static_cast<std::size_t>(count));
  std::iota(cores.begin(), cores.end(), first);
  return cores;
}

RankPlace place(std::vector<std::int32_t> cores, std::int32_t host_cores,
                const std::string& host = "a", std::int32_t threads_per_core = 1) {
  return {host, std::move(cores), threads_per_core, host_cores};
}

using Counts = std::vector<std::int32_t>;

TEST(DecideThreads, AloneTakesItsMask) {
  const auto plan = decide_threads({{place(range(0, 8), 8)}}, std::nullopt, false);
  EXPECT_EQ(plan.by_rank, Counts{8});
  EXPECT_TRUE(plan.warnings.empty());
}

TEST(DecideThreads, RanksBoundApartTakeTheirMasks) {
  const std::vector<RankPlace> places{place(range(0, 4), 8), place(range(4, 4), 8)};
  const auto plan = decide_threads(places, std::nullopt, true);
  EXPECT_EQ(plan.by_rank, (Counts{4, 4}));
  EXPECT_TRUE(plan.warnings.empty());
}

TEST(DecideThreads, RanksThatShareAMaskShareItsCores) {
  const std::vector<RankPlace> places(3, place(range(0, 8), 8));
  const auto plan = decide_threads(places, std::nullopt, true);
  EXPECT_EQ(plan.by_rank, (Counts{3, 3, 2}));
  EXPECT_TRUE(plan.warnings.empty());
}

TEST(DecideThreads, HostsAreApart) {
  const std::vector<RankPlace> places{place(range(0, 4), 4, "a"), place(range(0, 4), 4, "b"),
                                      place(range(0, 4), 4, "b")};
  EXPECT_EQ(decide_threads(places, std::nullopt, true).by_rank, (Counts{4, 2, 2}));
}

TEST(DecideThreads, PartOfAMaskShared) {
  // Cores 0-3 and 2-5: two of each rank's four cores are shared.
  const std::vector<RankPlace> places{place(range(0, 4), 6), place(range(2, 4), 6)};
  EXPECT_EQ(decide_threads(places, std::nullopt, true).by_rank, (Counts{3, 3}));
}

TEST(DecideThreads, MoreRanksThanCoresIsSaid) {
  const std::vector<RankPlace> places(5, place(range(0, 2), 2));
  const auto plan = decide_threads(places, std::nullopt, true);
  EXPECT_EQ(plan.by_rank, (Counts{1, 1, 1, 1, 1}));
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_NE(plan.warnings[0].find("5 ranks share 2 cores of a"), std::string::npos);
}

TEST(DecideThreads, IdleCoresNameTheBindingToGive) {
  // mpirun -n 2 binds to one core each; 16 cores stand there.
  const std::vector<RankPlace> places{place({0}, 16), place({1}, 16)};
  const auto plan = decide_threads(places, std::nullopt, true);
  EXPECT_EQ(plan.by_rank, (Counts{1, 1}));
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.warnings[0],
            "14 of 16 cores of a lie idle, each rank is bound to 1: give mpirun --map-by "
            "slot:PE=8 (or --bind-to none)");
}

TEST(DecideThreads, ARestTooSmallToShareIsNotCalledIdle) {
  const std::vector<RankPlace> places{place({0}, 3), place({1}, 3)};
  EXPECT_TRUE(decide_threads(places, std::nullopt, true).warnings.empty());
}

TEST(DecideThreads, ATasksetByHandIsTheCallersChoice) {
  EXPECT_TRUE(decide_threads({{place({0}, 16)}}, std::nullopt, false).warnings.empty());
}

TEST(DecideThreads, FewerThreadsThanCoresIsTheCallersChoice) {
  const auto plan = decide_threads({{place(range(0, 8), 8)}}, 2, true);
  EXPECT_EQ(plan.by_rank, Counts{2});
  EXPECT_TRUE(plan.warnings.empty());
}

TEST(DecideThreads, ThreadsBeyondTheMaskNameTheBindingToGive) {
  const std::vector<RankPlace> places{place({0}, 8), place({1}, 8)};
  const auto plan = decide_threads(places, 4, true);
  EXPECT_EQ(plan.by_rank, (Counts{4, 4}));
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.warnings[0],
            "--threads 4 exceeds the 1 core that each rank on a is bound to: give mpirun --map-by "
            "slot:PE=4 (or --bind-to none)");
}

TEST(DecideThreads, ThreadsBeyondTheHostAreCutToItsCores) {
  const std::vector<RankPlace> places{place({0}, 8), place({1}, 8)};
  const auto plan = decide_threads(places, 9, true);
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_NE(plan.warnings[0].find("give --threads 4 with mpirun --map-by slot:PE=4"),
            std::string::npos)
      << plan.warnings[0];
}

TEST(DecideThreads, ThreadsBeyondASharedMask) {
  const std::vector<RankPlace> places(2, place(range(0, 4), 4));
  const auto plan = decide_threads(places, 4, true);
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.warnings[0], "8 threads share 4 cores of a: give --threads 2");
}

TEST(DecideThreads, HardwareThreadsMayBeAskedFor) {
  const auto two_each = place(range(0, 4), 4, "a", 2);
  EXPECT_EQ(decide_threads({{two_each}}, std::nullopt, true).by_rank, Counts{4});
  EXPECT_TRUE(decide_threads({{two_each}}, 8, true).warnings.empty());
  EXPECT_EQ(decide_threads({{two_each}}, 9, true).warnings.size(), 1U);
}

TEST(PlanThreads, EveryRankFollowsTheRoot) {
  Communicator communicator;
  const auto plan = plan_threads(communicator, 2, true);
  EXPECT_EQ(plan.threads, 2);
  EXPECT_EQ(omp_get_max_threads(), 2);
  EXPECT_EQ(plan.by_rank, Counts(static_cast<std::size_t>(communicator.size()), 2));
  EXPECT_EQ(std::ssize(plan.places), communicator.is_root() ? communicator.size() : 0);

  const auto fair = plan_threads(communicator, std::nullopt, true);
  EXPECT_GE(fair.threads, 1);
  EXPECT_EQ(omp_get_max_threads(), fair.threads);
  if (communicator.is_root()) {
    const auto& mine = fair.places[0];
    EXPECT_FALSE(mine.host.empty());
    EXPECT_GE(mine.host_cores, std::ssize(mine.cores));
  }
}

}  // namespace
}  // namespace halorec
