#include "comm/run_log.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"

namespace halorec {

RunLog::RunLog(const std::filesystem::path& file, bool to_stdout) : to_stdout_(to_stdout) {
  if (file.empty()) return;
  file_.reset(std::fopen(file.c_str(), "a"));
  if (!file_) fail("cannot write {}: {}", file.string(), std::strerror(errno));
}

void RunLog::event(const nlohmann::ordered_json& object) {
  if (to_stdout_) {
    std::fputs((object.dump() + "\n").c_str(), stdout);
    std::fflush(stdout);
  }
  note(object);
}

void RunLog::note(const nlohmann::ordered_json& object) {
  if (!file_) return;
  std::fputs((object.dump() + "\n").c_str(), file_.get());
  std::fflush(file_.get());
}

std::map<std::string, double> PhaseTimers::take() {
  return std::exchange(seconds_, {});
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace halorec
