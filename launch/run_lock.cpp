#include "launch/run_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include "comm/check.hpp"

namespace halorec {
namespace {

constexpr std::chrono::seconds kPatience(5);
constexpr std::chrono::milliseconds kPause(100);

// "process 1234 on node17", for whoever is refused.
void write_holder(int fd) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const std::string text = fmt::format("process {} on {}\n", ::getpid(), host.data());
  // What cannot be written is missing from a message, no more.
  if (::ftruncate(fd, 0) != 0 || ::write(fd, text.data(), text.size()) < 0) return;
}

std::string read_holder(const std::filesystem::path& file) {
  std::string holder;
  std::ifstream in(file);
  std::getline(in, holder);
  return holder.empty() ? "an unknown process" : holder;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kFileName;
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) return;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return;
    if (std::chrono::steady_clock::now() > give_up) {
      ::close(std::exchange(fd_, -1));
      fail(
          "another job is using this run ({}: {}); wait for its end, or give this job a --run of "
          "its own",
          folder.string(), read_holder(file));
    }
    std::this_thread::sleep_for(kPause);
  }
  write_holder(fd_);
}

RunLock::~RunLock() {
  if (fd_ >= 0) ::close(fd_);
}

RunLock::RunLock(RunLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

}  // namespace halorec
