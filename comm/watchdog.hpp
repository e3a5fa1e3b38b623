// No hang, no silence: a thread in each process that ends the job when this rank has waited too
// long in one exchange, and that says in one line what a signal is about to do.
//
// State is the process's own (there is one MPI world and one set of signals), hence free functions.
#pragma once

#include <cstdint>
#include <string>

namespace halorec {
class HostPeers;
}

namespace halorec::watchdog {

// Starts the thread. `stall_seconds` <= 0 sets no limit. A second start replaces the limit.
void start(int rank, double stall_seconds);
// Ends the thread; safe when it does not run.
void stop();

// Also watches the ranks of this host: when one is gone without a word, one other says so and ends
// the job. `peers` has to outlive stop().
void watch(HostPeers& peers);

// What the step is now, and what to advise when the job is ended ("go on with: halorec train ...").
void set_step(std::uint64_t step);
void set_advice(const std::string& text);

// Around every wait for other ranks. `what` must outlive the wait (a literal).
void enter(const char* what);
void leave();

// SIGUSR1 and SIGTERM ask a run to stop: at the next step with its checkpoint committed, or before
// there is a step as soon as what was begun (an import, a cut) is done. The thread
// prints one line on rank 0 so that a job which is then killed was not silent.
void catch_stop_signals();
// The signal that asked, or 0.
int stop_requested();
// Forgets a request (tests).
void clear_stop_request();

}  // namespace halorec::watchdog
