#include "comm/hosts.hpp"

#include "comm/communicator.hpp"

namespace halorec {

std::vector<std::int32_t> find_hosts(Communicator& communicator) {
  // The lowest rank of the host is the first of those that share its memory: it names the host.
  std::int32_t first_rank = communicator.rank();
  {
    const Communicator::Wait wait(communicator, "search for ranks of the same host");
    MPI_Comm host = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(communicator.handle(), MPI_COMM_TYPE_SHARED, communicator.rank(),
                                  MPI_INFO_NULL, &host),
              "MPI_Comm_split_type");
    check_mpi(MPI_Comm_set_errhandler(host, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Bcast(&first_rank, 1, MPI_INT32_T, 0, host), "MPI_Bcast");
    check_mpi(MPI_Comm_free(&host), "MPI_Comm_free");
  }
  std::vector<std::int32_t> hosts = communicator.all_gather(first_rank);
  std::int32_t num_hosts = 0;
  for (std::size_t r = 0; r < hosts.size(); ++r) {
    const auto first = static_cast<std::size_t>(hosts[r]);
    hosts[r] = first == r ? num_hosts++ : hosts[first];  // first <= r has its number already
  }
  return hosts;
}

}  // namespace halorec
