// Which ranks share a host: what they say to each other goes through memory, not over the network.
#pragma once

#include <cstdint>
#include <vector>

namespace halorec {

class Communicator;

// The host of each rank, [size]; hosts are numbered in the order of their first ranks. The same on
// every rank. Collective.
std::vector<std::int32_t> find_hosts(Communicator& communicator);

}  // namespace halorec
