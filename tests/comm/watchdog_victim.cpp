// A job in which something goes wrong on purpose; watchdog_test.py starts it and reads what is said
// and how it ends. Usage: watchdog_victim SCENE STALL_SECONDS
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "comm/communicator.hpp"
#include "comm/halo.hpp"
#include "comm/watchdog.hpp"

using namespace halorec;

namespace {

// Says that this rank is up, and its process id.
void say_ready(const Communicator& world) {
  std::printf("ready %d %d\n", world.rank(), static_cast<int>(::getpid()));
  std::fflush(stdout);
}

// Sleeps through signals, in steps: a stopped process goes on with what is left.
void sleep_seconds(double seconds) {
  for (double done = 0; done < seconds; done += 0.05) ::usleep(50'000);
}

// Every rank reads one row of every other.
class SmallHalo {
 public:
  explicit SmallHalo(Communicator& world) : plan_(world, 1, owners(world), rows(world)) {}
  const HaloPlan& plan() const { return plan_; }

 private:
  static std::vector<std::int32_t> owners(const Communicator& world) {
    std::vector<std::int32_t> others;
    for (int r = 0; r < world.size(); ++r) {
      if (r != world.rank()) others.push_back(r);
    }
    return others;
  }
  static std::vector<std::int32_t> rows(const Communicator& world) {
    return std::vector<std::int32_t>(static_cast<std::size_t>(world.size() - 1), 0);
  }
  HaloPlan plan_;
};

int play(std::string_view scene, Communicator& world) {
  if (scene == "stall-sum") {
    if (world.rank() == 1) sleep_seconds(60);
    world.sum(1.0);
    return 0;
  }
  if (scene == "stall-root") {
    if (world.is_root()) sleep_seconds(60);
    world.barrier();
    return 0;
  }
  if (scene == "stall-halo") {
    const SmallHalo halo(world);
    HaloExchange<float> exchange(halo.plan());
    const float row[2] = {1, 2};
    if (world.rank() == 1) sleep_seconds(60);
    exchange.start_gather(row, 2, 2);
    exchange.finish_gather();
    return 0;
  }
  if (scene == "patience") {  // longer than the limit, but the root is at work and says so
    world.on_root([] { sleep_seconds(3); });
    world.barrier();
    return 0;
  }
  if (scene == "error-in-flight") {
    // Rank 0 meets an error between start and finish, when rank 1 has not even started: the
    // exchange must not wait for it while the stack unwinds.
    const SmallHalo halo(world);
    const std::vector<float> rows(1 << 20, 1.0f);
    if (world.rank() == 1) sleep_seconds(60);
    HaloExchange<float> exchange(halo.plan());
    exchange.start_gather(rows.data(), std::ssize(rows), std::ssize(rows));
    if (world.rank() == 0) fail("the disk is full");
    exchange.finish_gather();
    return 0;
  }
  if (scene == "killed") {
    if (world.rank() == 1) std::raise(SIGKILL);
    world.barrier();
    return 0;
  }
  if (scene == "suspended") {
    say_ready(world);
    if (world.rank() == 1) sleep_seconds(2);
    world.barrier();
    if (world.is_root()) std::puts("went on");
    return 0;
  }
  if (scene == "different-collectives") {
    if (world.rank() == 0) {
      world.barrier();
    } else {
      world.sum(1.0);
    }
    return 0;
  }
  if (scene == "stop") {
    watchdog::catch_stop_signals();
    say_ready(world);
    for (std::uint64_t step = 1; step < 600; ++step) {
      watchdog::set_step(step);
      ::usleep(50'000);
      if (world.max(watchdog::stop_requested()) != 0) {
        std::printf("stopped by %d\n", watchdog::stop_requested());
        ::usleep(200'000);  // the thread has said its line
        return kExitStopped;
      }
    }
    return 0;
  }
  std::fprintf(stderr, "unknown scene\n");
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const MpiSession session(&argc, &argv);
  Communicator world;
  watchdog::start(world.rank(), argc > 2 ? std::atof(argv[2]) : 0);
  watchdog::set_step(7);
  watchdog::set_advice("go on with: halorec train --resume");
  try {
    return play(argc > 1 ? argv[1] : "", world);
  } catch (const Error& error) {
    std::fprintf(stderr, "halorec: error: rank %d: %s\n", world.rank(), error.what());
    MpiSession::abort(error.exit_status());
  }
}
