// Each collective against answers by hand, and the two ways in which an error of one rank reaches
// all of them.
#include "comm/communicator.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <new>
#include <stdexcept>
#include <thread>

#include "comm/hosts.hpp"

namespace halorec {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class CommunicatorTest : public testing::Test {
 protected:
  Communicator world_;
  const int rank_ = world_.rank();
  const int size_ = world_.size();
};

TEST_F(CommunicatorTest, KnowsItsPlace) {
  int rank = -1, size = -1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  EXPECT_EQ(rank_, rank);
  EXPECT_EQ(size_, size);
  EXPECT_EQ(world_.is_root(), rank == 0);
  EXPECT_NE(world_.handle(), MPI_COMM_WORLD);  // a duplicate: no tag of ours meets another's
  world_.barrier();
}

TEST_F(CommunicatorTest, RanksOfOneHostFindEachOther) {
  EXPECT_EQ(find_hosts(world_), std::vector<std::int32_t>(static_cast<std::size_t>(size_), 0));
  Communicator self(MPI_COMM_SELF);
  EXPECT_EQ(find_hosts(self), std::vector<std::int32_t>{0});
}

template <typename T>
class Reductions : public testing::Test {};
using Numbers =
    testing::Types<float, double, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>;
TYPED_TEST_SUITE(Reductions, Numbers);

TYPED_TEST(Reductions, SumMaxMin) {
  using T = TypeParam;
  Communicator world;
  const auto size = static_cast<T>(world.size());
  const auto rank = static_cast<T>(world.rank());
  std::vector<T> values{rank + 1, 7, rank * 10};
  world.sum(std::span<T>(values));
  EXPECT_EQ(values[0], size * (size + 1) / 2);
  EXPECT_EQ(values[1], size * 7);
  EXPECT_EQ(values[2], size * (size - 1) / 2 * 10);
  EXPECT_EQ(world.sum(T{2}), size * 2);
  EXPECT_EQ(world.max(rank), size - 1);
  EXPECT_EQ(world.min(static_cast<T>(rank + 3)), T{3});
  std::vector<T> each{static_cast<T>(rank + 3), static_cast<T>(9 - rank)};
  world.min(std::span<T>(each));
  EXPECT_EQ(each, (std::vector<T>{T{3}, static_cast<T>(10 - world.size())}));
  world.sum(std::span<T>());  // nothing to add is legal
}

TEST_F(CommunicatorTest, ReductionsKeepAllBits) {
  const std::uint64_t big = 0xFFFFFFFF00000000ULL + static_cast<std::uint64_t>(rank_);
  EXPECT_EQ(world_.max(big), 0xFFFFFFFF00000000ULL + static_cast<std::uint64_t>(size_ - 1));
  EXPECT_EQ(world_.min(std::int64_t{-5'000'000'000} - rank_), -5'000'000'000 - (size_ - 1));
}

// The same input gives the same bits, on every rank and however late a rank arrives.
TEST_F(CommunicatorTest, SumsAreTheSameBitsEveryTimeAndEverywhere) {
  const auto sum_once = [&](int late_rank) {
    std::vector<float> values(1000);
    for (std::size_t k = 0; k < values.size(); ++k) {
      values[k] = 1.0f / static_cast<float>(1 + k + 31 * static_cast<std::size_t>(rank_));
    }
    if (rank_ == late_rank) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    world_.sum(std::span<float>(values));
    return values;
  };
  const auto first = sum_once(0);
  for (int late = 0; late < size_; ++late) EXPECT_EQ(sum_once(late), first);
  auto from_root = first;
  world_.broadcast(std::span<float>(from_root));
  EXPECT_EQ(from_root, first);
}

TEST_F(CommunicatorTest, BroadcastReachesEveryRankFromEveryRoot) {
  for (int root = 0; root < size_; ++root) {
    std::vector<std::int32_t> fixed{rank_, rank_ + 1};
    world_.broadcast(std::span<std::int32_t>(fixed), root);
    EXPECT_EQ(fixed, (std::vector<std::int32_t>{root, root + 1}));

    std::vector<double> resized(static_cast<std::size_t>(rank_) + 1, rank_ + 0.5);
    world_.broadcast(resized, root);
    EXPECT_EQ(resized, std::vector<double>(static_cast<std::size_t>(root) + 1, root + 0.5));

    std::string text = "from " + std::string(static_cast<std::size_t>(rank_), 'x');
    world_.broadcast(text, root);
    EXPECT_EQ(text, "from " + std::string(static_cast<std::size_t>(root), 'x'));

    EXPECT_EQ(world_.broadcast(std::uint64_t{1} << (40 + rank_), root),
              std::uint64_t{1} << (40 + root));
  }
}

TEST_F(CommunicatorTest, BroadcastOfNothingEmptiesTheReceivers) {
  std::vector<float> values;
  std::string text;
  if (!world_.is_root()) {
    values.assign(4, 1.0f);
    text = "old";
  }
  world_.broadcast(values);
  world_.broadcast(text);
  EXPECT_TRUE(values.empty());
  EXPECT_TRUE(text.empty());
}

TEST_F(CommunicatorTest, AllGatherKeepsRankOrder) {
  const auto ranks = world_.all_gather(static_cast<std::int64_t>(rank_ * rank_));
  ASSERT_EQ(std::ssize(ranks), size_);
  for (int r = 0; r < size_; ++r) EXPECT_EQ(ranks[static_cast<std::size_t>(r)], r * r);

  // Rank r gives r numbers: rank 0 gives none.
  const std::vector<std::uint32_t> mine(static_cast<std::size_t>(rank_),
                                        static_cast<std::uint32_t>(rank_));
  std::vector<std::int64_t> counts;
  const auto all = world_.all_gather<std::uint32_t>(mine, &counts);
  std::vector<std::uint32_t> expected;
  for (int r = 0; r < size_; ++r) {
    EXPECT_EQ(counts[static_cast<std::size_t>(r)], r);
    expected.insert(expected.end(), static_cast<std::size_t>(r), static_cast<std::uint32_t>(r));
  }
  EXPECT_EQ(all, expected);
}

TEST_F(CommunicatorTest, AllToAllDeliversToEveryRankInRankOrder) {
  // Rank r sends (r + to) % 3 copies of 100 r + to to rank `to`: some pairs exchange nothing.
  const auto copies = [](int from, int to) { return (from + to) % 3; };
  std::vector<std::int64_t> send_counts;
  std::vector<std::int32_t> send;
  for (int to = 0; to < size_; ++to) {
    send_counts.push_back(copies(rank_, to));
    send.insert(send.end(), static_cast<std::size_t>(copies(rank_, to)), 100 * rank_ + to);
  }
  std::vector<std::int64_t> receive_counts;
  const auto received = world_.all_to_all<std::int32_t>(send, send_counts, &receive_counts);
  std::vector<std::int32_t> expected;
  for (int from = 0; from < size_; ++from) {
    EXPECT_EQ(receive_counts[static_cast<std::size_t>(from)], copies(from, rank_));
    expected.insert(expected.end(), static_cast<std::size_t>(copies(from, rank_)),
                    100 * from + rank_);
  }
  EXPECT_EQ(received, expected);
}

TEST_F(CommunicatorTest, AllToAllOfNothing) {
  const std::vector<std::int64_t> none(static_cast<std::size_t>(size_), 0);
  EXPECT_TRUE(world_.all_to_all<double>({}, none).empty());
}

TEST_F(CommunicatorTest, GatherTextKeepsEmptyTexts) {
  for (int root = 0; root < size_; ++root) {
    const std::string mine =
        rank_ % 2 == 0 ? "" : "rank " + std::to_string(rank_) + "\n\0" + "tail";
    const auto texts = world_.gather_text(mine, root);
    if (rank_ != root) {
      EXPECT_TRUE(texts.empty());
      continue;
    }
    ASSERT_EQ(std::ssize(texts), size_);
    for (int r = 0; r < size_; ++r) {
      const std::string expected = r % 2 == 0 ? "" : "rank " + std::to_string(r) + "\n\0" + "tail";
      EXPECT_EQ(texts[static_cast<std::size_t>(r)], expected);
    }
  }
}

TEST_F(CommunicatorTest, OnRootRunsThereAlone) {
  int runs = 0;
  world_.on_root([&] { ++runs; });
  EXPECT_EQ(runs, world_.is_root() ? 1 : 0);
}

TEST_F(CommunicatorTest, OnRootLetsTheOthersSleep) {
  const double before = cpu_seconds();
  world_.on_root([] { std::this_thread::sleep_for(std::chrono::milliseconds(500)); });
  if constexpr (HALOREC_ASSERT_LEVEL < 3) {  // the order check of level 3 does wait busily
    EXPECT_LT(cpu_seconds() - before, 0.2) << "rank " << rank_ << " was busy while the root worked";
  }
}

// Runs `call` and returns the Error that it must throw on this rank.
Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown on this rank";
  return Error("");
}

TEST_F(CommunicatorTest, OnRootCarriesItsErrorToEveryRank) {
  const Error usage =
      error_of([&] { world_.on_root([] { fail_usage("--parts {} must be at least 1", 0); }); });
  EXPECT_STREQ(usage.what(), "--parts 0 must be at least 1");
  EXPECT_EQ(usage.exit_status(), kExitUsage);
  EXPECT_TRUE(usage.everywhere());

  const Error data = error_of([&] { world_.on_root([] { fail("train.txt:3: broken"); }); });
  EXPECT_STREQ(data.what(), "train.txt:3: broken");
  EXPECT_EQ(data.exit_status(), kExitFailure);

  const Error foreign = error_of([&] { world_.on_root([] { throw std::out_of_range("at 7"); }); });
  EXPECT_STREQ(foreign.what(), "unexpected: at 7");

  // An error without words is an error still.
  EXPECT_TRUE(error_of([&] { world_.on_root([] { throw Error(""); }); }).everywhere());
  EXPECT_TRUE(error_of([&] { world_.on_root([] { throw 42; }); }).everywhere());

  EXPECT_EQ(world_.sum(1), size_);  // the communicator goes on
}

TEST_F(CommunicatorTest, TogetherCarriesTheLowestRanksError) {
  int runs = 0;
  world_.together([&] { ++runs; });
  EXPECT_EQ(runs, 1);

  for (int failing = 0; failing < size_; ++failing) {
    // Ranks from `failing` upwards fail, each with its own words and status.
    const Error error = error_of([&] {
      world_.together([&] {
        if (rank_ >= failing) throw Error("rank " + std::to_string(rank_) + " fails", 10 + rank_);
      });
    });
    EXPECT_EQ(error.what(), "rank " + std::to_string(failing) + " fails");
    EXPECT_EQ(error.exit_status(), 10 + failing);
    EXPECT_TRUE(error.everywhere());
  }

  const Error memory = error_of([&] {
    world_.together([&] {
      if (rank_ == size_ - 1) throw std::bad_alloc();
    });
  });
  EXPECT_NE(std::string(memory.what()).find("out of memory"), std::string::npos);
  EXPECT_TRUE(error_of([&] {
                world_.together([&] {
                  if (rank_ == size_ - 1) throw Error("");
                });
              }).everywhere());
  EXPECT_EQ(world_.sum(1), size_);
}

TEST_F(CommunicatorTest, CheckSameNamesWhatDiffers) {
  EXPECT_NO_THROW(world_.check_same(0xABCDEF, "the seed"));
  if (size_ == 1) return;
  const Error error = error_of([&] { world_.check_same(rank_ == size_ - 1 ? 1 : 2, "the seed"); });
  EXPECT_NE(std::string(error.what()).find("ranks disagree about the seed"), std::string::npos);
  EXPECT_TRUE(error.everywhere());
}

TEST_F(CommunicatorTest, CountsTheBytesThatItSends) {
  const CommCounters before = world_.counters();
  // Two doubles to every rank; what a rank sends to itself does not travel.
  const std::vector<std::int64_t> counts(static_cast<std::size_t>(size_), 2);
  const std::vector<double> send(2 * static_cast<std::size_t>(size_), 1.0);
  world_.all_to_all<double>(send, counts);
  const auto others = static_cast<std::uint64_t>(size_ - 1);
  EXPECT_EQ(world_.counters().bytes_sent - before.bytes_sent, 16 * others);
  EXPECT_EQ(world_.counters().messages_sent - before.messages_sent, others);

  const CommCounters middle = world_.counters();
  std::vector<float> values(10, 1.0f);
  world_.sum(std::span<float>(values));
  EXPECT_EQ(world_.counters().bytes_sent - middle.bytes_sent, size_ > 1 ? 40u : 0u);

  const CommCounters last = world_.counters();
  world_.broadcast(std::span<float>(values), size_ - 1);
  EXPECT_EQ(world_.counters().bytes_sent - last.bytes_sent,
            size_ > 1 && rank_ == size_ - 1 ? 40u : 0u);
}

TEST_F(CommunicatorTest, TimesItsWaits) {
  const double before = world_.counters().wait_seconds;
  if (rank_ == size_ - 1) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  world_.barrier();
  const double waited = world_.counters().wait_seconds - before;
  EXPECT_GE(waited, rank_ == size_ - 1 ? 0 : 0.05);
  EXPECT_LT(waited, 30);
}

TEST(CheckedInt, RefusesWhatDoesNotFit) {
  EXPECT_EQ(checked_int(2147483647, "count"), 2147483647);
  EXPECT_EQ(checked_int(0, "count"), 0);
  EXPECT_THROW(checked_int(2147483648, "count"), Error);
  EXPECT_THROW(checked_int(-1, "count"), Error);
}

TEST(CheckMpi, NamesTheCallAndTheReason) {
  EXPECT_NO_THROW(check_mpi(MPI_SUCCESS, "MPI_Bcast"));
  const Error error = error_of([] { check_mpi(MPI_ERR_COUNT, "MPI_Bcast"); });
  EXPECT_NE(std::string(error.what()).find("MPI_Bcast"), std::string::npos);
  EXPECT_FALSE(error.everywhere());
}

}  // namespace
}  // namespace halorec
