#include "launch/bench/child_job.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "comm/check.hpp"

namespace halorec {
namespace {

// Owns the ends of a pipe that are still open.
struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      fail("cannot make a pipe: {}", std::generic_category().message(errno));
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_read() { close_end(read_end); }
  void close_write() { close_end(write_end); }

 private:
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// The environment at the start: MPI_Init of a program started by hand adds names that would tell
// the child's mpirun it runs inside another job.
std::vector<std::string> first_environment() {
  std::ifstream in("/proc/self/environ", std::ios::binary);
  std::vector<std::string> names;
  for (std::string entry; std::getline(in, entry, '\0');) names.push_back(entry);
  return names;
}

// What tells a process that it is a rank of a job.
bool is_from_launcher(const std::string& entry) {
  if (entry.starts_with("OMPI_ALLOW_RUN_AS_ROOT")) return false;
  for (const char* prefix : {"OMPI_", "PMIX_", "PMI_", "PRTE_", "SLURM_"}) {
    if (entry.starts_with(prefix)) return true;
  }
  return false;
}

// Reads both to their ends, whichever has something.
std::array<std::string, 2> read_both(int out, int err) {
  std::array<std::string, 2> text;
  std::array<pollfd, 2> ends{{{out, POLLIN, 0}, {err, POLLIN, 0}}};
  int open = 2;
  while (open > 0) {
    if (::poll(ends.data(), ends.size(), -1) < 0 && errno != EINTR) break;
    for (std::size_t k = 0; k < ends.size(); ++k) {
      if (ends[k].fd < 0 || ends[k].revents == 0) continue;
      std::array<char, 1 << 14> buffer{};
      const ssize_t got = ::read(ends[k].fd, buffer.data(), buffer.size());
      if (got > 0) {
        text[k].append(buffer.data(), static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        ends[k].fd = -1;
        --open;
      }
    }
  }
  return text;
}

// The last lines of what a job said, in one.
std::string last_words(const std::string& text) {
  std::string words = text.size() > 600 ? text.substr(text.size() - 600) : text;
  for (char& c : words) {
    if (c == '\n') c = ' ';
  }
  return words;
}

}  // namespace

std::vector<std::string> default_launcher(std::int64_t ranks, std::int64_t threads,
                                          std::int64_t cores) {
  if (ranks * threads <= cores) {
    return {"mpirun", "--map-by", fmt::format("slot:PE={}", threads), "--bind-to", "core"};
  }
  return {"mpirun", "--oversubscribe", "--bind-to", "none"};
}

std::vector<nlohmann::ordered_json> run_child_job(const ChildJob& job) {
  std::vector<std::string> line = job.launcher;
  if (!line.empty()) line.insert(line.end(), {"-n", std::to_string(job.ranks)});
  std::array<char, 4096> self{};
  if (::readlink("/proc/self/exe", self.data(), self.size() - 1) < 0) {
    fail("cannot find this program's own path: {}", std::generic_category().message(errno));
  }
  line.emplace_back(self.data());
  line.insert(line.end(), job.arguments.begin(), job.arguments.end());
  line.insert(line.end(), {"--threads", std::to_string(job.threads), "--json"});

  Pipe out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.write_end, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write_end, STDERR_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  auto environment = first_environment();
  if (job.launcher.empty()) std::erase_if(environment, is_from_launcher);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, line.front().c_str(), &actions, nullptr,
                                  pointers(line).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    fail("cannot start '{}': {}; --launcher names the program that starts ranks", line.front(),
         std::generic_category().message(code));
  }
  out.close_write();
  err.close_write();
  const auto text = read_both(out.read_end, err.read_end);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fail("the job of {} ranks failed: {}", job.ranks, last_words(text[1] + text[0]));
  }
  std::vector<nlohmann::ordered_json> events;
  std::size_t begin = 0;
  while (begin < text[0].size()) {
    const std::size_t end = std::min(text[0].find('\n', begin), text[0].size());
    auto event = nlohmann::ordered_json::parse(text[0].substr(begin, end - begin), nullptr, false);
    if (event.is_discarded()) {
      fail("the job of {} ranks said what is not JSON: {}", job.ranks,
           last_words(text[0].substr(begin, end - begin)));
    }
    events.push_back(std::move(event));
    begin = end + 1;
  }
  return events;
}

bool started_by_launcher() {
  for (const std::string& entry : first_environment()) {
    for (const char* name : {"OMPI_COMM_WORLD_RANK=", "PMIX_RANK=", "PMI_RANK="}) {
      if (entry.starts_with(name)) return true;
    }
  }
  return false;
}

const nlohmann::ordered_json& event_of(const std::vector<nlohmann::ordered_json>& events,
                                       const std::string& name) {
  for (const auto& event : events) {
    if (event.value("event", "") == name) return event;
  }
  fail("a job that was started ended without its '{}' event", name);
}

}  // namespace halorec
