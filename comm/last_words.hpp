// Who speaks when a job fails. An error that every rank meets alike has to be said once; one that
// a rank meets alone has to be said by that rank, which then takes the others down.
#pragma once

#include <mpi.h>

namespace halorec {

class LastWords {
 public:
  // Collective: sets a line of its own up, for later no rank may rely on the others.
  LastWords();
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

  // To be called by a rank that fails, once. True when all ranks have called it within `seconds`
  // of this call; false when this rank is alone (it then ends the job by MpiSession::abort).
  bool all_fail(double seconds);

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

}  // namespace halorec
