// The protocols (split.hpp) applied user by user, for interactions that never stand in memory
// together: the same parts as split_events chooses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/synthetic/edge_source.hpp"

namespace halorec {

// From these times on an interaction is tested, or else validation (--protocol time).
struct TimeCuts {
  std::int64_t test, validation;
};

class UserSplit {
 public:
  // Hashes every item's id: 8 bytes an item. `cuts` under --protocol time.
  UserSplit(const EdgeSource& source, const Protocol& protocol, std::optional<TimeCuts> cuts);

  // Sets part[k] to the Split of the user's k-th edge. For any thread.
  void operator()(std::uint32_t user, const UserEdges& edges,
                  std::vector<std::uint8_t>& part) const;

 private:
  const EdgeSource& source_;
  Random random_;
  bool leave_last_;
  std::optional<TimeCuts> cuts_;
  std::vector<std::uint64_t> item_hash_;
};

}  // namespace halorec
