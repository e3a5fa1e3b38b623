#include "comm/watchdog.hpp"

#include <unistd.h>
#include <csignal>

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include <fmt/core.h>

#include "comm/check.hpp"
#include "comm/host_peers.hpp"

namespace halorec::watchdog {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<const char*> waiting_for{nullptr};
std::atomic<std::int64_t> waiting_since{0};
std::atomic<std::uint64_t> current_step{0};
std::atomic<double> limit_seconds{0};
std::atomic<int> own_rank{0};
// Written by a signal handler, read by both threads.
std::atomic<int> stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);
// The time that the whole process did not run (SIGSTOP, a suspended Slurm job): not a stall.
std::atomic<std::int64_t> suspended_ns{0};

std::atomic<HostPeers*> host_peers{nullptr};

std::mutex mutex;
std::condition_variable wake;
std::string advice_text;
bool ending = false;
std::thread thread;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

// Nanoseconds that this process ran, as far as the thread saw.
std::int64_t running_ns() {
  return now_ns() - suspended_ns.load();
}

std::string advice() {
  const std::lock_guard lock(mutex);
  return advice_text.empty() ? "" : "; " + advice_text;
}

void print_line(const std::string& line) {
  // One write: lines of several ranks must not mix.
  const std::string text = "halorec: " + line + "\n";
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

// `now`: read before this round looked for a suspension, so that one that begins later is not
// mistaken for a wait.
void look_for_stall(std::int64_t now) {
  const char* what = waiting_for.load();
  const double limit = limit_seconds.load();
  if (what == nullptr || limit <= 0) return;
  const double waited =
      static_cast<double>(now - suspended_ns.load() - waiting_since.load()) * 1e-9;
  // One rank should speak. mpirun takes two seconds to end the others (SIGCONT, a second, SIGTERM,
  // a second, SIGKILL), so rank 1 leaves three to rank 0, and three for itself; later ranks speak
  // only where those two are the ones that are stuck.
  const int rank = own_rank.load();
  const double turn = rank == 0 ? 0 : 3 * (1 + std::log2(rank));
  if (waited < limit + turn) return;
  if (auto* peers = host_peers.load()) peers->note_spoken();
  print_line(fmt::format(
      "error: rank {} has waited {:.0f} s in {} at step {}: another rank is stuck or lost "
      "(--stall-seconds {:g}); the job ends here{}",
      rank, waited, what, current_step.load(), limit, advice()));
  // Not MPI_Abort: MPI may be entered by the main thread only, and that one is inside it.
  // A rank that leaves makes mpirun end the others.
  ::_exit(kExitFailure);
}

void look_for_lost_ranks() {
  HostPeers* peers = host_peers.load();
  // Once asked to stop, ranks are being ended from outside, and not at the same instant.
  if (peers == nullptr || stop_signal.load() != 0) return;
  const auto lost = peers->lost_rank();
  if (!lost) return;
  peers->note_spoken();
  print_line(fmt::format(
      "error: rank {} is gone without a word, killed from outside or for want of memory, at step "
      "{}; the job ends here{}",
      *lost, current_step.load(), advice()));
  ::_exit(kExitFailure);
}

void run() {
  // Signals belong to the main thread.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  constexpr std::int64_t kPollNs = 50'000'000, kSuspendedNs = 2'000'000'000;
  bool told = false;
  std::int64_t last_poll = now_ns();
  std::unique_lock lock(mutex);
  while (!wake.wait_for(lock, std::chrono::nanoseconds(kPollNs), [] { return ending; })) {
    lock.unlock();
    const std::int64_t poll = now_ns();
    if (poll - last_poll > kSuspendedNs) suspended_ns += poll - last_poll - kPollNs;
    last_poll = poll;
    const int signal = stop_signal.load();
    if (signal != 0 && !told) {
      told = true;
      const char* name = signal == SIGTERM ? "SIGTERM" : "SIGUSR1";
      if (own_rank.load() == 0) {
        const std::uint64_t step = current_step.load();
        print_line(
            step == 0 ? fmt::format("{}: stopping before training begins, once the data is ready{}",
                                    name, advice())
                      : fmt::format("{}: stopping after step {} with a checkpoint if time allows{}",
                                    name, step, advice()));
      }
    }
    look_for_lost_ranks();
    look_for_stall(poll);
    lock.lock();
  }
}

extern "C" void note_stop(int signal) {
  stop_signal = signal;
}

}  // namespace

void start(int rank, double stall_seconds) {
  own_rank = rank;
  limit_seconds = stall_seconds;
  if (thread.joinable()) return;
  ending = false;
  thread = std::thread(run);
}

void watch(HostPeers& peers) {
  host_peers = &peers;
}

void stop() {
  host_peers = nullptr;
  if (!thread.joinable()) return;
  {
    const std::lock_guard lock(mutex);
    ending = true;
  }
  wake.notify_all();
  thread.join();
}

void set_step(std::uint64_t step) {
  current_step.store(step, std::memory_order_relaxed);
}

void set_advice(const std::string& text) {
  const std::lock_guard lock(mutex);
  advice_text = text;
}

void enter(const char* what) {
  waiting_since.store(running_ns(), std::memory_order_relaxed);
  waiting_for.store(what, std::memory_order_release);
}

void leave() {
  waiting_for.store(nullptr, std::memory_order_release);
}

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = note_stop;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGUSR1, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int stop_requested() {
  return stop_signal;
}
void clear_stop_request() {
  stop_signal = 0;
}

}  // namespace halorec::watchdog
