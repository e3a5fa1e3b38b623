#include "launch/bench/network.hpp"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "comm/communicator.hpp"
#include "launch/bench/statistics.hpp"

namespace halorec {

double Network::exchange_seconds(double messages, double bytes) const {
  if (messages <= 0) return 0;
  return latency_seconds + (messages - 1) * message_seconds + bytes / bytes_per_second;
}

double Network::reduction_seconds(std::int64_t ranks) const {
  return 2 * std::ceil(std::log2(static_cast<double>(std::max<std::int64_t>(1, ranks)))) *
         latency_seconds;
}

LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y) {
  double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double weight = 1 / (y[k] * y[k]);
    w += weight;
    wx += weight * x[k];
    wy += weight * y[k];
    wxx += weight * x[k] * x[k];
    wxy += weight * x[k] * y[k];
  }
  const double determinant = w * wxx - wx * wx;
  if (!(determinant > 0)) fail("a line needs two different sizes");
  const double slope = (w * wxy - wx * wy) / determinant;
  return {(wy - slope * wx) / w, slope};
}

namespace {

constexpr int kTag = 77;

// Both ends run this alike; `first` says who sends first.
double ping_pong(Communicator& communicator, int peer, bool first, std::vector<char>& buffer,
                 int bytes, int trips) {
  const auto send = [&] {
    check_mpi(MPI_Send(buffer.data(), bytes, MPI_BYTE, peer, kTag, communicator.handle()),
              "MPI_Send");
  };
  const auto receive = [&] {
    check_mpi(MPI_Recv(buffer.data(), bytes, MPI_BYTE, peer, kTag, communicator.handle(),
                       MPI_STATUS_IGNORE),
              "MPI_Recv");
  };
  const Communicator::Wait watch(communicator, "ping-pong");
  return seconds_of([&] {
           for (int k = 0; k < trips; ++k) {
             if (first) {
               send();
               receive();
             } else {
               receive();
               send();
             }
           }
         }) /
         (2.0 * trips);
}

// Seconds that each of many small messages takes when all are under way at once.
double burst(Communicator& communicator, int peer, bool sends, int messages) {
  std::vector<double> numbers(static_cast<std::size_t>(messages));
  std::vector<MPI_Request> requests(numbers.size());
  const Communicator::Wait watch(communicator, "burst of messages");
  return seconds_of([&] {
           for (std::size_t k = 0; k < numbers.size(); ++k) {
             check_mpi(sends ? MPI_Isend(&numbers[k], 1, MPI_DOUBLE, peer, kTag,
                                         communicator.handle(), &requests[k])
                             : MPI_Irecv(&numbers[k], 1, MPI_DOUBLE, peer, kTag,
                                         communicator.handle(), &requests[k]),
                       "MPI_Isend");
           }
           check_mpi(MPI_Waitall(messages, requests.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
         }) /
         messages;
}

}  // namespace

Network measure_network(Communicator& communicator, std::vector<PingPong>* measured) {
  if (communicator.size() < 2) fail_usage("a network is measured between two ranks: mpirun -n 2");
  const int last = communicator.size() - 1;
  const bool first = communicator.rank() == 0;
  const int peer = first ? last : 0;
  constexpr int kRounds = 11, kMessages = 256;
  std::vector<PingPong> sizes;
  Network network;
  communicator.barrier();
  if (first || communicator.rank() == last) {
    std::vector<char> buffer(std::size_t{1} << 23);
    for (int bytes = 8; bytes <= 1 << 23; bytes *= 4) {
      std::vector<double> seconds;
      seconds.reserve(kRounds);
      for (int round = 0; round < kRounds; ++round) {
        seconds.push_back(
            ping_pong(communicator, peer, first, buffer, bytes, bytes > (1 << 18) ? 4 : 50));
      }
      sizes.push_back({static_cast<double>(bytes), summarise(seconds).median});
    }
    std::vector<double> gaps;
    gaps.reserve(kRounds);
    for (int round = 0; round < kRounds; ++round) {
      gaps.push_back(burst(communicator, peer, first, kMessages));
    }
    network.message_seconds = summarise(gaps).median;
  }
  communicator.barrier();
  std::vector<double> x, y;
  for (const PingPong& size : sizes) {
    x.push_back(size.bytes);
    y.push_back(size.seconds);
  }
  if (first) {
    const LineFit line = fit_line(x, y);
    network.latency_seconds = std::max(line.start, 1e-9);
    network.bytes_per_second = 1 / std::max(line.slope, 1e-15);
  }
  std::array<double, 3> numbers{network.latency_seconds, network.bytes_per_second,
                                network.message_seconds};
  communicator.broadcast(std::span<double>(numbers));
  if (measured != nullptr) *measured = sizes;
  return {numbers[0], numbers[1], numbers[2], "measured"};
}

}  // namespace halorec
