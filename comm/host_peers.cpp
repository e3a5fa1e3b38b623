#include "comm/host_peers.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "comm/check.hpp"

namespace halorec {

// Zero where nobody can be watched: another process-id namespace (containers), an unknown one.
struct HostPeers::Slot {
  std::atomic<std::int64_t> pid;
  std::atomic<std::uint64_t> pid_namespace;
  std::atomic<std::int32_t> rank;
  std::atomic<std::int32_t> has_spoken;
};

namespace {

std::uint64_t own_pid_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

}  // namespace

HostPeers::HostPeers() {
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host_),
            "MPI_Comm_split_type");
  check_mpi(MPI_Comm_set_errhandler(host_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_size(host_, &num_slots_), "MPI_Comm_size");
  check_mpi(MPI_Comm_rank(host_, &own_slot_), "MPI_Comm_rank");
  void* own = nullptr;
  // The lowest rank of the host holds the whole board.
  const auto bytes = own_slot_ == 0 ? static_cast<MPI_Aint>(sizeof(Slot)) * num_slots_ : 0;
  check_mpi(MPI_Win_allocate_shared(bytes, 1, MPI_INFO_NULL, host_, &own, &window_),
            "MPI_Win_allocate_shared");
  MPI_Aint whole = 0;
  int unit = 0;
  void* board = nullptr;
  check_mpi(MPI_Win_shared_query(window_, 0, &whole, &unit, &board), "MPI_Win_shared_query");
  board_ = static_cast<Slot*>(board);
  auto& slot = board_[own_slot_];
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  slot.rank = rank;
  slot.has_spoken = 0;
  slot.pid_namespace = own_pid_namespace();
  slot.pid = ::getpid();
  check_mpi(MPI_Barrier(host_), "MPI_Barrier");
}

HostPeers::~HostPeers() {
  board_ = nullptr;
  if (window_ != MPI_WIN_NULL) MPI_Win_free(&window_);
  if (host_ != MPI_COMM_NULL) MPI_Comm_free(&host_);
}

void HostPeers::note_spoken() {
  board_[own_slot_].has_spoken = 1;
}

std::optional<int> HostPeers::lost_rank() const {
  const auto& mine = board_[own_slot_];
  std::optional<int> lost;
  for (int s = 0; s < num_slots_; ++s) {
    const auto& slot = board_[s];
    if (slot.has_spoken != 0) return std::nullopt;
    if (s == own_slot_ || slot.pid_namespace != mine.pid_namespace || mine.pid_namespace == 0) {
      continue;
    }
    const bool gone = ::kill(static_cast<pid_t>(slot.pid), 0) != 0 && errno == ESRCH;
    if (!gone && s < own_slot_) return std::nullopt;  // that one speaks
    if (gone && !lost) lost = slot.rank;
  }
  return lost;
}

}  // namespace halorec
