// How a job fails. A user's or data fault is an Error: it says what is wrong, where, and what to
// do. A bug is an assertion with a level that names its cost. Every return code of a C library
// passes through check_mpi, check_hdf5 (hdf5_file.cpp) or check_metis (partitioner.cpp).
#pragma once

#include <fmt/core.h>

#include <climits>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace halorec {

// Exit statuses of the program.
inline constexpr int kExitFailure = 1;   // data, files, machines
inline constexpr int kExitUsage = 2;     // options, ids and values that the caller typed
inline constexpr int kExitStopped = 75;  // stopped on request, nothing is lost: run again

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_status = kExitFailure,
                 bool everywhere = false)
      : std::runtime_error(message), exit_status_(exit_status), everywhere_(everywhere) {}

  int exit_status() const { return exit_status_; }
  // True when every rank throws this same error at the same place, so that the job may end in
  // order; false when this rank is alone and has to take the others down.
  bool everywhere() const { return everywhere_; }

 private:
  int exit_status_;
  bool everywhere_;
};

// Throws Error with exit status 1: a fault of data, files or machines.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), kExitFailure);
}

// Throws Error with exit status 2: a fault in what the caller typed.
template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), kExitUsage);
}

// Prints file, line and condition and aborts: a bug of Halorec, never a user's fault.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

// Throws Error when an MPI call did not return MPI_SUCCESS. `what` names the call.
void check_mpi(int code, const char* what);

// Counts reach an `int` parameter of MPI or BLAS only through here.
inline int checked_int(std::int64_t count, const char* what) {
  if (count < 0 || count > INT_MAX) {
    fail("{}: a count of {} does not fit MPI's 32-bit counts; use more ranks", what, count);
  }
  return static_cast<int>(count);
}

}  // namespace halorec

#ifndef HALOREC_ASSERT_LEVEL
#define HALOREC_ASSERT_LEVEL 1
#endif
#define HALOREC_ASSERT_AT(level, condition)                          \
  do {                                                               \
    if constexpr (HALOREC_ASSERT_LEVEL >= (level)) {                 \
      if (!(condition)) [[unlikely]]                                 \
        ::halorec::assertion_failed(#condition, __FILE__, __LINE__); \
    }                                                                \
  } while (false)
// Constant cost, always on.
#define HALOREC_ASSERT_LIGHT(condition) HALOREC_ASSERT_AT(1, condition)
// Cost that grows with the data; off in release.
#define HALOREC_ASSERT_HEAVY(condition) HALOREC_ASSERT_AT(2, condition)
