#include "comm/communicator.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <numeric>

#include "comm/random.hpp"
#include "comm/watchdog.hpp"

namespace halorec {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// sizeof(T) bytes as one MPI element, so that counts are numbers of elements.
class BytesType {
 public:
  explicit BytesType(std::size_t size) {
    check_mpi(MPI_Type_contiguous(static_cast<int>(size), MPI_BYTE, &type_), "MPI_Type_contiguous");
    check_mpi(MPI_Type_commit(&type_), "MPI_Type_commit");
  }
  ~BytesType() { MPI_Type_free(&type_); }
  BytesType(const BytesType&) = delete;
  BytesType& operator=(const BytesType&) = delete;
  operator MPI_Datatype() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

std::vector<int> displacements_of(std::span<const int> counts) {
  std::vector<int> begin(counts.size(), 0);
  std::int64_t total = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    begin[r] = checked_int(total, "displacement");
    total += counts[r];
  }
  checked_int(total, "total count");
  return begin;
}

// What happened in `work`.
struct Outcome {
  bool failed = false;
  std::string message;
  int exit_status = kExitFailure;
};

Outcome run_caught(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Error& error) {
    return {true, error.what(), error.exit_status()};
  } catch (const std::bad_alloc&) {
    return {true, "out of memory; use more ranks or hosts, or a smaller --dim"};
  } catch (const std::exception& error) {
    return {true, std::string("unexpected: ") + error.what()};
  } catch (...) {
    return {true, "unexpected: an exception of unknown type"};
  }
}

}  // namespace

template <>
MPI_Datatype mpi_type<float>() {
  return MPI_FLOAT;
}
template <>
MPI_Datatype mpi_type<double>() {
  return MPI_DOUBLE;
}
template <>
MPI_Datatype mpi_type<std::uint16_t>() {
  return MPI_UINT16_T;
}
template <>
MPI_Datatype mpi_type<std::int32_t>() {
  return MPI_INT32_T;
}
template <>
MPI_Datatype mpi_type<std::int64_t>() {
  return MPI_INT64_T;
}
template <>
MPI_Datatype mpi_type<std::uint32_t>() {
  return MPI_UINT32_T;
}
template <>
MPI_Datatype mpi_type<std::uint64_t>() {
  return MPI_UINT64_T;
}

MpiSession::MpiSession(int* argc, char*** argv) {
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED) {
    fail("this MPI offers no MPI_THREAD_FUNNELED; use one that was built with thread support");
  }
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

MpiSession::~MpiSession() {
  watchdog::stop();
  MPI_Finalize();
}

void MpiSession::abort(int exit_status) {
  std::fflush(nullptr);
  MPI_Abort(MPI_COMM_WORLD, exit_status);
  ::_exit(exit_status);
}

Communicator::Communicator(MPI_Comm parent) {
  check_mpi(MPI_Comm_dup(parent, &comm_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
}

Communicator::~Communicator() {
  if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
}

int Communicator::next_exchange_tag() {
  // MPI grants tags up to 32,767; the smallest are left to others.
  constexpr int first = 1 << 14, count = 1 << 14;
  const int tag = first + exchange_tag_;
  exchange_tag_ = (exchange_tag_ + 1) % count;
  return tag;
}

Communicator::Wait::Wait(Communicator& communicator, const char* what)
    : communicator_(communicator), start_(seconds_now()) {
  watchdog::enter(what);
  if constexpr (HALOREC_ASSERT_LEVEL >= 3) communicator_.compare_call_order(what);
}

Communicator::Wait::~Wait() {
  watchdog::leave();
  communicator_.counters_.wait_seconds += seconds_now() - start_;
}

// Every collective starts with the same small reduction, so ranks that disagree about what comes
// next meet here and not in a hang.
void Communicator::compare_call_order(const char* what) {
  call_hash_ = hash_bytes(what, call_hash_);
  const std::uint64_t mine[2] = {call_hash_, ~call_hash_};
  std::uint64_t largest[2] = {0, 0};
  check_mpi(MPI_Allreduce(mine, largest, 2, MPI_UINT64_T, MPI_MAX, comm_), "MPI_Allreduce");
  if (largest[0] == ~largest[1]) return;
  std::fprintf(stderr, "halorec: bug: rank %d calls %s where another rank calls something else\n",
               rank_, what);
  std::fflush(stderr);
  std::abort();
}

void Communicator::barrier() {
  const Wait wait(*this, "barrier");
  check_mpi(MPI_Barrier(comm_), "MPI_Barrier");
}

template <typename T>
void Communicator::sum(std::span<T> values) {
  const Wait wait(*this, "sum over ranks");
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), checked_int(std::ssize(values), "sum"),
                          mpi_type<T>(), MPI_SUM, comm_),
            "MPI_Allreduce");
  if (size_ > 1) {
    counters_.bytes_sent += values.size_bytes();
    counters_.messages_sent += 1;
  }
}

template <typename T>
T Communicator::max(T value) {
  const Wait wait(*this, "maximum over ranks");
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &value, 1, mpi_type<T>(), MPI_MAX, comm_), "MPI_Allreduce");
  return value;
}

template <typename T>
T Communicator::min(T value) {
  const Wait wait(*this, "minimum over ranks");
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &value, 1, mpi_type<T>(), MPI_MIN, comm_), "MPI_Allreduce");
  return value;
}

template <typename T>
void Communicator::min(std::span<T> values) {
  const Wait wait(*this, "minima over ranks");
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), checked_int(std::ssize(values), "minimum"),
                          mpi_type<T>(), MPI_MIN, comm_),
            "MPI_Allreduce");
  if (size_ > 1) {
    counters_.bytes_sent += values.size_bytes();
    counters_.messages_sent += 1;
  }
}

namespace {

void broadcast_bytes(Communicator& communicator, CommCounters& counters, void* data,
                     std::size_t count, std::size_t element_bytes, int root) {
  const BytesType type(element_bytes);
  check_mpi(MPI_Bcast(data, checked_int(static_cast<std::int64_t>(count), "broadcast"), type, root,
                      communicator.handle()),
            "MPI_Bcast");
  if (communicator.rank() == root && communicator.size() > 1) {
    counters.bytes_sent += count * element_bytes;
    counters.messages_sent += 1;
  }
}

}  // namespace

template <typename T>
void Communicator::broadcast(std::span<T> values, int root) {
  const Wait wait(*this, "broadcast");
  broadcast_bytes(*this, counters_, values.data(), values.size(), sizeof(T), root);
}

template <typename T>
void Communicator::broadcast(std::vector<T>& values, int root) {
  auto length = broadcast(static_cast<std::uint64_t>(values.size()), root);
  values.resize(length);
  broadcast(std::span<T>(values), root);
}

void Communicator::broadcast(std::string& text, int root) {
  auto length = broadcast(static_cast<std::uint64_t>(text.size()), root);
  text.resize(length);
  const Wait wait(*this, "broadcast");
  broadcast_bytes(*this, counters_, text.data(), text.size(), 1, root);
}

template <typename T>
std::vector<T> Communicator::all_gather(const T& value) {
  const Wait wait(*this, "gather from all ranks");
  const BytesType type(sizeof(T));
  std::vector<T> all(static_cast<std::size_t>(size_));
  check_mpi(MPI_Allgather(&value, 1, type, all.data(), 1, type, comm_), "MPI_Allgather");
  return all;
}

template <typename T>
std::vector<T> Communicator::all_gather(std::span<const T> values,
                                        std::vector<std::int64_t>* counts) {
  const auto lengths = all_gather(static_cast<std::int64_t>(values.size()));
  std::vector<int> int_counts;
  int_counts.reserve(lengths.size());
  for (const auto length : lengths) int_counts.push_back(checked_int(length, "gather"));
  const auto begin = displacements_of(int_counts);
  std::vector<T> all(
      static_cast<std::size_t>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0})));
  const Wait wait(*this, "gather from all ranks");
  const BytesType type(sizeof(T));
  check_mpi(MPI_Allgatherv(values.data(), int_counts[static_cast<std::size_t>(rank_)], type,
                           all.data(), int_counts.data(), begin.data(), type, comm_),
            "MPI_Allgatherv");
  if (!values.empty()) {
    counters_.bytes_sent += values.size_bytes() * static_cast<std::uint64_t>(size_ - 1);
    counters_.messages_sent += static_cast<std::uint64_t>(size_ - 1);
  }
  if (counts != nullptr) *counts = lengths;
  return all;
}

template <typename T>
std::vector<T> Communicator::all_to_all(std::span<const T> send,
                                        std::span<const std::int64_t> send_counts,
                                        std::vector<std::int64_t>* receive_counts) {
  HALOREC_ASSERT_LIGHT(std::ssize(send_counts) == size_);
  std::vector<int> out_counts, in_counts(static_cast<std::size_t>(size_));
  for (const auto count : send_counts) out_counts.push_back(checked_int(count, "exchange"));
  {
    const Wait wait(*this, "exchange of counts");
    check_mpi(MPI_Alltoall(out_counts.data(), 1, MPI_INT, in_counts.data(), 1, MPI_INT, comm_),
              "MPI_Alltoall");
  }
  const auto out_begin = displacements_of(out_counts);
  const auto in_begin = displacements_of(in_counts);
  std::vector<T> received(static_cast<std::size_t>(in_begin.back()) +
                          static_cast<std::size_t>(in_counts.back()));
  const Wait wait(*this, "exchange between all ranks");
  const BytesType type(sizeof(T));
  check_mpi(MPI_Alltoallv(send.data(), out_counts.data(), out_begin.data(), type, received.data(),
                          in_counts.data(), in_begin.data(), type, comm_),
            "MPI_Alltoallv");
  for (int r = 0; r < size_; ++r) {
    if (r == rank_ || out_counts[static_cast<std::size_t>(r)] == 0) continue;
    counters_.bytes_sent +=
        static_cast<std::uint64_t>(out_counts[static_cast<std::size_t>(r)]) * sizeof(T);
    counters_.messages_sent += 1;
  }
  if (receive_counts != nullptr) receive_counts->assign(in_counts.begin(), in_counts.end());
  return received;
}

std::vector<std::string> Communicator::gather_text(std::string_view text, int root) {
  const int length = checked_int(std::ssize(text), "gather_text");
  const auto lengths = all_gather(length);
  const auto begin = displacements_of(lengths);
  std::string all;
  if (rank_ == root) {
    all.resize(static_cast<std::size_t>(begin.back()) + static_cast<std::size_t>(lengths.back()));
  }
  const Wait wait(*this, "gather of text");
  check_mpi(MPI_Gatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(), begin.data(),
                        MPI_CHAR, root, comm_),
            "MPI_Gatherv");
  std::vector<std::string> texts;
  if (rank_ != root) return texts;
  for (std::size_t r = 0; r < lengths.size(); ++r) {
    texts.push_back(
        all.substr(static_cast<std::size_t>(begin[r]), static_cast<std::size_t>(lengths[r])));
  }
  return texts;
}

void Communicator::on_root(const std::function<void()>& work) {
  on_root(work, false);
}
void Communicator::on_root_briefly(const std::function<void()>& work) {
  on_root(work, true);
}

void Communicator::on_root(const std::function<void()>& work, bool is_brief) {
  Outcome outcome;
  if (is_root()) outcome = run_caught(work);
  std::array<std::int64_t, 2> header{outcome.failed ? 1 : 0, outcome.exit_status};
  if constexpr (HALOREC_ASSERT_LEVEL >= 3) compare_call_order("on_root");
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibcast(header.data(), 2, MPI_INT64_T, 0, comm_, &request), "MPI_Ibcast");
  if (is_brief) watchdog::enter("work of rank 0");
  int done = 0;
  while (true) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0) break;
    ::usleep(1000);  // leaves the cores to the root's threads
  }
  if (is_brief) watchdog::leave();
  if (header[0] == 0) return;
  broadcast(outcome.message, 0);
  throw Error(outcome.message, static_cast<int>(header[1]), true);
}

void Communicator::together(const std::function<void()>& work) {
  Outcome outcome = run_caught(work);
  const int first_failed = min(outcome.failed ? rank_ : size_);
  if (first_failed == size_) return;
  broadcast(outcome.message, first_failed);
  const int exit_status = broadcast(outcome.exit_status, first_failed);
  throw Error(outcome.message, exit_status, true);
}

void Communicator::check_same(std::uint64_t value, std::string_view what) {
  const std::uint64_t smallest = min(value);  // two statements: collectives need one order
  const std::uint64_t largest = max(value);
  if (smallest == largest) return;
  throw Error(fmt::format("ranks disagree about {}: start every rank with the same program, "
                          "options and files",
                          what),
              kExitFailure, true);
}

#define HALOREC_INSTANTIATE_REDUCTIONS(T)           \
  template void Communicator::sum<T>(std::span<T>); \
  template T Communicator::max<T>(T);               \
  template T Communicator::min<T>(T);               \
  template void Communicator::min<T>(std::span<T>);
#define HALOREC_INSTANTIATE_MOVES(T)                                               \
  template void Communicator::broadcast<T>(std::span<T>, int);                     \
  template void Communicator::broadcast<T>(std::vector<T>&, int);                  \
  template std::vector<T> Communicator::all_gather<T>(const T&);                   \
  template std::vector<T> Communicator::all_gather<T>(std::span<const T>,          \
                                                      std::vector<std::int64_t>*); \
  template std::vector<T> Communicator::all_to_all<T>(                             \
      std::span<const T>, std::span<const std::int64_t>, std::vector<std::int64_t>*);
HALOREC_INSTANTIATE_REDUCTIONS(float)
HALOREC_INSTANTIATE_REDUCTIONS(double)
HALOREC_INSTANTIATE_REDUCTIONS(std::int32_t)
HALOREC_INSTANTIATE_REDUCTIONS(std::int64_t)
HALOREC_INSTANTIATE_REDUCTIONS(std::uint32_t)
HALOREC_INSTANTIATE_REDUCTIONS(std::uint64_t)
HALOREC_INSTANTIATE_MOVES(char)
HALOREC_INSTANTIATE_MOVES(std::uint8_t)
HALOREC_INSTANTIATE_MOVES(float)
HALOREC_INSTANTIATE_MOVES(double)
HALOREC_INSTANTIATE_MOVES(std::int32_t)
HALOREC_INSTANTIATE_MOVES(std::int64_t)
HALOREC_INSTANTIATE_MOVES(std::uint32_t)
HALOREC_INSTANTIATE_MOVES(std::uint64_t)

}  // namespace halorec
