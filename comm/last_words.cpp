#include "comm/last_words.hpp"

#include <unistd.h>

#include <chrono>

#include "comm/check.hpp"

namespace halorec {

LastWords::LastWords() {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

LastWords::~LastWords() {
  if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
}

bool LastWords::all_fail(double seconds) {
  const auto start = std::chrono::steady_clock::now();
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(comm_, &request) != MPI_SUCCESS) return false;
  while (true) {
    int done = 0;
    if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
    if (done != 0) return true;
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - start;
    if (waited.count() > seconds) return false;
    ::usleep(1000);
  }
}

}  // namespace halorec
