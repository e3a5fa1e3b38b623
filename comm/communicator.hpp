// The few collectives that Halorec uses, over MPI. Every wait is timed, counted in bytes, watched
// for stalls, and its return code checked; nothing else calls MPI's collectives.
//
// All members marked "collective" must be called by every rank in the same order. In builds with
// HALOREC_ASSERT_LEVEL 3 each one first compares a running hash of the calls made so far.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "comm/check.hpp"

namespace halorec {

// Bytes that this rank handed to other ranks, and the time it spent waiting for them.
struct CommCounters {
  std::uint64_t bytes_sent = 0;
  std::uint64_t messages_sent = 0;
  double wait_seconds = 0;
  double progress_seconds = 0;  // of driving exchanges between chunks of work
};

template <typename T>
MPI_Datatype mpi_type();

// Initialises MPI (MPI_THREAD_FUNNELED, MPI_ERRORS_RETURN) and finalises it. One in a program.
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  // Ends all ranks at once with this status; for the rank that fails alone. Does not return.
  [[noreturn]] static void abort(int exit_status);
};

class Communicator {
 public:
  // Duplicates `parent`. Collective.
  explicit Communicator(MPI_Comm parent = MPI_COMM_WORLD);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  MPI_Comm handle() const { return comm_; }

  void barrier();  // collective

  // Elementwise reductions, in place, the result on every rank. Collective. The order of the sum
  // is fixed by (rank count, length), not by arrival. T: float, double, (u)int32/64.
  template <typename T>
  void sum(std::span<T> values);
  template <typename T>
  T sum(T value) {
    sum(std::span<T>(&value, 1));
    return value;
  }
  template <typename T>
  T max(T value);
  template <typename T>
  T min(T value);
  template <typename T>
  void min(std::span<T> values);

  // Contents of root's argument on every rank; vectors and strings are resized. Collective.
  template <typename T>
  void broadcast(std::span<T> values, int root = 0);
  template <typename T>
  void broadcast(std::vector<T>& values, int root = 0);
  void broadcast(std::string& text, int root = 0);
  template <typename T>
  requires std::is_arithmetic_v<T> T broadcast(T value, int root = 0) {
    broadcast(std::span<T>(&value, 1), root);
    return value;
  }

  // One element, or a span, of every rank in rank order; `counts` receives each rank's length.
  // Collective.
  template <typename T>
  std::vector<T> all_gather(const T& value);
  template <typename T>
  std::vector<T> all_gather(std::span<const T> values, std::vector<std::int64_t>* counts = nullptr);

  // send holds send_counts[0] elements for rank 0, then those for rank 1, ...; returns what every
  // rank sent here, in rank order, with their numbers in *receive_counts. Collective.
  template <typename T>
  std::vector<T> all_to_all(std::span<const T> send, std::span<const std::int64_t> send_counts,
                            std::vector<std::int64_t>* receive_counts = nullptr);

  // Strings of all ranks on the root, in rank order (empty elsewhere). Collective.
  std::vector<std::string> gather_text(std::string_view text, int root = 0);

  // Runs `work` on rank 0 alone while the others sleep (no spinning, no stall limit: METIS or an
  // import may take long). An Error thrown there is thrown on every rank, `everywhere`. Collective.
  void on_root(const std::function<void()>& work);
  // The same for work that is short (a rename, a manifest): the wait counts as a stall when it
  // exceeds the limit.
  void on_root_briefly(const std::function<void()>& work);

  // Runs `work` on every rank (it must not communicate); if any throws, every rank throws the
  // error of the lowest failing rank, `everywhere`. Collective. For reading and writing files.
  void together(const std::function<void()>& work);

  // Throws on every rank, naming `what`, when the ranks' values differ. Collective.
  void check_same(std::uint64_t value, std::string_view what);

  CommCounters& counters() { return counters_; }

  // The tag of the next exchange of messages: ranks that start the same exchanges in the same order
  // get the same, and it returns only after 16,384 others. So the messages of two that are under
  // way at once are told apart.
  int next_exchange_tag();

  // For code that calls MPI itself (halo, batch gather): notes the collective in the running hash
  // and starts the stall watch until destroyed. `what` must be a literal.
  class Wait {
   public:
    Wait(Communicator& communicator, const char* what);
    ~Wait();
    // These seconds were spent on work, not waiting.
    void leave_out(double seconds) { start_ += seconds; }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    Communicator& communicator_;
    double start_;
  };

 private:
  void compare_call_order(const char* what);
  void on_root(const std::function<void()>& work, bool is_brief);

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  std::uint64_t call_hash_ = 0;
  int exchange_tag_ = 0;
  CommCounters counters_;
};

}  // namespace halorec
