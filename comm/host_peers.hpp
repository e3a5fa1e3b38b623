// The ranks of this host keep an eye on each other: one that is killed (kill -9, the kernel's
// out-of-memory killer) says nothing itself, and its launcher says little. A small board in shared
// memory holds each rank's process id, and whether it has already said why it ends.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <optional>

namespace halorec {

class HostPeers {
 public:
  // Collective over MPI_COMM_WORLD.
  HostPeers();
  // Collective: every rank is still there.
  ~HostPeers();
  HostPeers(const HostPeers&) = delete;
  HostPeers& operator=(const HostPeers&) = delete;

  // This rank has said why it ends; nobody else needs to. Callable from any thread.
  void note_spoken();
  // A rank of this host that is gone although no rank of the host has spoken, told to the lowest
  // rank of the host that lives. Reads memory and the process table alone; any thread.
  std::optional<int> lost_rank() const;

 private:
  struct Slot;

  MPI_Comm host_ = MPI_COMM_NULL;
  MPI_Win window_ = MPI_WIN_NULL;
  Slot* board_ = nullptr;  // one slot for each rank of the host, in rank order
  int num_slots_ = 0;
  int own_slot_ = 0;
};

}  // namespace halorec
