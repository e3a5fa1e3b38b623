#include "comm/run_log.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "comm/check.hpp"

namespace halorec {

namespace {

bool write_line(std::FILE* file, const std::string& line) {
  return std::fwrite(line.data(), 1, line.size(), file) == line.size() && std::fflush(file) == 0;
}

// True when the file ends within a line: a writer was killed there.
bool ends_torn(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || file.tellg() <= 0) return false;
  file.seekg(-1, std::ios::end);
  return file.get() != '\n';
}

}  // namespace

std::string json_line(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

RunLog::RunLog(const std::filesystem::path& file, bool to_stdout)
    : path_(file), to_stdout_(to_stdout) {
  if (file.empty()) return;
  const bool torn = ends_torn(file);
  file_.reset(std::fopen(file.c_str(), "a"));
  if (!file_) fail("cannot write {}: {}", file.string(), std::generic_category().message(errno));
  if (torn) write_line(file_.get(), "\n");
}

void RunLog::event(const nlohmann::ordered_json& object) {
  if (to_stdout_ && !write_line(stdout, json_line(object))) {
    to_stdout_ = false;
    if (errno != EPIPE) stdout_error_ = {errno, std::generic_category()};
    std::clearerr(stdout);
  }
  note(object);
}

void RunLog::note(const nlohmann::ordered_json& object) {
  if (!file_ || write_line(file_.get(), json_line(object))) return;
  const int why = errno;
  std::clearerr(file_.get());
  if (std::exchange(warned_, true)) return;
  fmt::print(stderr, "halorec: warning: cannot write {}: {}; lines of the log are missing\n",
             path_.string(), std::generic_category().message(why));
}

std::map<std::string, double> PhaseTimers::take() {
  return std::exchange(seconds_, {});
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

std::uint64_t host_memory_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
}

}  // namespace halorec
