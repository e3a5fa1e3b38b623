// The program: parse, start MPI, run one command, and turn whatever was thrown into one message
// and an exit status. Nothing else in Halorec catches to print, or exits.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/host_peers.hpp"
#include "comm/last_words.hpp"
#include "comm/random.hpp"
#include "comm/watchdog.hpp"
#include "engine/kernels/blas_core.hpp"
#include "launch/command_line.hpp"
#include "launch/output.hpp"
#include "launch/threads.hpp"

namespace {

using namespace halorec;

constexpr double kAgreementSeconds = 2;  // that other ranks have to meet the same error

struct Failure {
  std::string message;  // empty: the reader of stdout has left, nothing to say
  int exit_status = kExitFailure;
  bool everywhere = false;
};

// Only inside a handler.
Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.what(), error.exit_status(), error.everywhere()};
  } catch (const std::bad_alloc&) {
    return {"out of memory; use more ranks or hosts, or a smaller --dim"};
  } catch (const std::exception& error) {
    return {std::string("unexpected: ") + error.what()};
  } catch (...) {
    return {"unexpected: an exception of unknown type"};
  }
}

// One write, so that lines of several ranks do not mix.
void say(const std::string& text) {
  const auto line = text + "\n";
  std::fflush(stdout);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

int print_text(const CommandLine& line) {
  if (find_launcher().rank == 0) {
    write_stdout(line.text);
    flush_stdout();
  }
  return 0;
}

// A stop that was asked for is none of the faults.
const char* label(const Failure& failure) {
  return failure.exit_status == kExitStopped ? "" : "error: ";
}

// What has to be equal on every rank. --threads may differ from host to host.
std::uint64_t fingerprint(const CommandLine& line) {
  std::uint64_t hash = hash_bytes(HALOREC_VERSION " " + line.name);
  for (const auto& [name, value] : line.command.options.values()) {
    if (name != "threads") hash = hash_bytes(name + "=" + value, hash);
  }
  return hash;
}

int run_command(CommandLine& line, Communicator& communicator, HostPeers& host_peers) {
  communicator.check_same(fingerprint(line), "command, options and seed");
  watchdog::start(communicator.rank(), line.common->stall_seconds);
  watchdog::watch(host_peers);
  const auto threads = plan_threads(communicator, line.common->threads, find_launcher().present);
  for (const auto& warning : threads.warnings) warn(warning);
  const CommandContext context{communicator, *line.common, line.command.options, threads};
  const int status = line.command.run(context);
  flush_stdout();
  return status;
}

// Under a launcher: every rank has to be past MPI_Init before one may end with an error, or the
// launcher would kill rank 0 before it has spoken.
int run_with_mpi(CommandLine& line, const Failure& parse_failure, int* argc, char*** argv) {
  const MpiSession session(argc, argv);
  LastWords last_words;
  HostPeers host_peers;
  Communicator communicator;
  Failure failure = parse_failure;
  const bool parsed = failure.message.empty();
  try {
    // The command line was parsed alike on every rank, or its config file is not on every host.
    const bool all_parsed = communicator.max(parsed ? 0 : 1) == 0;
    if (all_parsed) {
      const int status = run_command(line, communicator, host_peers);
      watchdog::stop();
      communicator.barrier();  // nobody takes a rank that has finished for a lost one
      return status;
    }
    const bool all_failed = communicator.min(parsed ? 0 : 1) == 1;
    if (!parsed && (communicator.is_root() || !all_failed)) {
      say(all_failed
              ? fmt::format("halorec: error: {}", failure.message)
              : fmt::format("halorec: error: rank {}: {}", communicator.rank(), failure.message));
    }
    communicator.barrier();
    return parsed ? kExitUsage : failure.exit_status;
  } catch (...) {
    failure = current_failure();
  }
  watchdog::stop();
  const bool alone =
      communicator.size() > 1 && !failure.everywhere && !last_words.all_fail(kAgreementSeconds);
  if (!failure.message.empty() && (alone || communicator.is_root())) {
    say(alone ? fmt::format("halorec: error: rank {}: {}", communicator.rank(), failure.message)
              : fmt::format("halorec: {}{}", label(failure), failure.message));
  }
  if (alone) {
    host_peers.note_spoken();
    MpiSession::abort(failure.exit_status);
  }
  communicator.barrier();  // the message is out before any rank ends
  return failure.exit_status;
}

// Starts the program again, with OpenBLAS told what the processor has, where it does not know.
// Returns where it does, or where that is not to be had.
void use_blas_of_this_processor(char** argv) {
  const std::optional<std::string> core = kernels::better_blas_core();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread has started
  if (!core || setenv("OPENBLAS_CORETYPE", core->c_str(), 0) != 0) return;
  execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
  use_blas_of_this_processor(argv);  // before anything that the second start would find done
  // A reader of stdout that leaves (head) is met at the write, see launch/output.hpp.
  std::signal(SIGPIPE, SIG_IGN);
  find_launcher();  // before MPI_Init, which makes a process started alone look launched
  CommandLine line;
  Failure failure;
  try {
    line = parse_command_line({argv + std::min(argc, 1), argv + argc}, command_table());
    if (!line.text.empty()) return print_text(line);
  } catch (...) {
    failure = current_failure();
    if (failure.exit_status == kExitPipe) return kExitPipe;
    if (!find_launcher().present) {
      say("halorec: error: " + failure.message);
      return failure.exit_status;
    }
  }
  try {
    return run_with_mpi(line, failure, &argc, &argv);
  } catch (...) {
    failure = current_failure();
    say("halorec: error: " + failure.message);
    return failure.exit_status;
  }
}
