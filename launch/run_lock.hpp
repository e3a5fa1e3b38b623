// One job at a time uses a RUN: rank 0 holds the lock of RUN/lock for as long as the job lives. The
// kernel gives it back however the process ends.
#pragma once

#include <filesystem>

namespace halorec {

class RunLock {
 public:
  // Of a file in a run's folder.
  static constexpr const char* kFileName = "lock";

  RunLock() = default;  // holds nothing
  // `folder` exists. Waits a few seconds for a job that is just ending; Error when another job
  // keeps the lock. Holds nothing, and is no Error, on a file system without locks or without the
  // right to write. Not collective.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;

 private:
  int fd_ = -1;
};

}  // namespace halorec
