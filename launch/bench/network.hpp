// The network between ranks as three numbers, given or measured, and what a message costs by them
// (Alexandrov et al., LogGP, SPAA 1995, with sending and receiving overhead in one).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace halorec {

class Communicator;

struct Network {
  double latency_seconds = 2e-6;    // of an empty message, end to end
  double bytes_per_second = 12e9;   // of a long one
  double message_seconds = 0.5e-6;  // that a rank spends on each further message under way
  std::string how = "assumed";      // given, measured, assumed

  // An exchange in which a rank sends and receives `messages` of together `bytes` in each
  // direction, all at once.
  double exchange_seconds(double messages, double bytes) const;
  // A reduction of a few numbers over `ranks`, there and back along a binary tree.
  double reduction_seconds(std::int64_t ranks) const;
};

// seconds = latency + bytes / rate by least squares of relative errors, so that short messages
// count like long ones. Sizes in bytes, at least two different ones.
struct LineFit {
  double start = 0;
  double slope = 0;
};
LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y);

// One size of the ping-pong: seconds one way, the median.
struct PingPong {
  double bytes = 0;
  double seconds = 0;
};

// Ping-pong between the first and the last rank, and a burst of small messages; the others wait.
// Needs two ranks. `measured` receives the sizes. Collective.
Network measure_network(Communicator& communicator, std::vector<PingPong>* measured = nullptr);

}  // namespace halorec
