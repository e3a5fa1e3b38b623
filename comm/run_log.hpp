// What a run says while it works: JSON lines, appended to RUN/log.jsonl and, with --json, written
// to stdout. One object a line, flushed, root only. A line that cannot be written does not end the
// run: for the file it is a warning, for stdout the caller asks stdout_error when all is safe.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <system_error>

namespace halorec {

// One line of JSON with its newline. Bytes that are not UTF-8 (a path, say) become U+FFFD: saying
// something never throws.
std::string json_line(const nlohmann::ordered_json& object);

class RunLog {
 public:
  // Says nothing (ranks other than the root).
  RunLog() = default;
  // `file` may be empty. Appends, on a new line even if an earlier run was killed within one. Error
  // when it cannot be opened.
  RunLog(const std::filesystem::path& file, bool to_stdout);

  // To the file and, with --json, to stdout.
  void event(const nlohmann::ordered_json& object);
  // Why lines for stdout are missing; none when all were taken, or when their reader has left,
  // which is no fault.
  std::error_code stdout_error() const { return stdout_error_; }
  // To the file alone (bindings, phases, bytes: what the contract of --json does not name).
  void note(const nlohmann::ordered_json& object);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  bool to_stdout_ = false;
  std::error_code stdout_error_;
  bool warned_ = false;
};

// Seconds by phase ("propagate", "loss", ...), summed until taken.
class PhaseTimers {
 public:
  class Scope {
   public:
    Scope(PhaseTimers& timers, const char* phase)
        : timers_(timers), phase_(phase), start_(std::chrono::steady_clock::now()) {}
    ~Scope() {
      timers_.seconds_[phase_] +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PhaseTimers& timers_;
    const char* phase_;
    std::chrono::steady_clock::time_point start_;
  };

  Scope time(const char* phase) { return Scope(*this, phase); }
  // The sums so far; starts again from zero.
  std::map<std::string, double> take();

 private:
  std::map<std::string, double> seconds_;
};

// Resident memory of this process, at its peak.
std::uint64_t peak_memory_bytes();
// Of this host, whoever uses it.
std::uint64_t host_memory_bytes();

}  // namespace halorec
