// Which rank takes which part of a cut when ranks share hosts: parts that exchange much go to one
// host, where vectors pass through memory and not over the network. The cut stays as it is; only
// its parts are dealt out anew.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halorec {

// Vectors that two parts exchange a layer, both directions together. A pair is listed once.
struct PairTraffic {
  std::int32_t low = 0, high = 0;
  std::uint64_t vectors = 0;
};

struct Placement {
  std::vector<std::int32_t> rank_of_part;  // a permutation
  std::int32_t num_hosts = 1;
  std::uint64_t vectors = 0;               // of a layer, between all parts
  std::uint64_t between_hosts_as_cut = 0;  // of them between hosts with part k on rank k
  std::uint64_t between_hosts = 0;         // of them between hosts as placed; never more
};

// Whether there is anything to choose: several hosts, and one of them with several ranks.
bool placement_matters(std::span<const std::int32_t> host_of_rank);

// Deals out parts 0 .. K-1 to the K ranks, whose hosts (0 .. number of hosts - 1, any layout) are
// given. Hosts are filled one after the other, each time with the part that exchanges most with
// those already there; then two parts of different hosts change places as long as that keeps more
// within hosts (Kernighan and Lin's gain, Bell Syst. Tech. J. 1970, without their look-ahead). The
// same swaps are tried on part k on rank k, which is also what remains where nothing is better.
//
// Time O(K^2 + pairs) a round over all parts, and at most K rounds; memory O(K + pairs). A function
// of the arguments alone, whatever the order of the pairs. Not collective.
Placement place_parts(std::span<const PairTraffic> traffic,
                      std::span<const std::int32_t> host_of_rank);

}  // namespace halorec
