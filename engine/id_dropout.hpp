// Which nodes a training step treats as if they had just arrived: without a row of their own and
// without interactions, so that features and links learn to do alone what they must do for new
// users and items. (DropoutNet: Volkovs et al., NeurIPS 2017, drops the input; here the edges go
// too, or a node would be told who it is by its neighbours.) A function of (seed, step, global id):
// the same at both ends of an edge, on any number of ranks.
#pragma once

#include <array>
#include <cstdint>

#include "comm/random.hpp"
#include "partition/types.hpp"

namespace halorec {

class IdDropout {
 public:
  // `share` of the nodes of the kinds that are marked, each by itself; in [0, 1).
  IdDropout(double share, std::array<bool, kNumNodeKinds> kinds, std::uint64_t seed,
            std::uint64_t step)
      : share_(share), kinds_(kinds), start_(Random(seed, Purpose::id_dropout, step).bits(0)) {}

  bool drops(GlobalId id) const {
    return kinds_[static_cast<std::size_t>(id.kind())] &&
           uniform_of(sequence_bits(start_, id.bits())) < share_;
  }

 private:
  double share_;
  std::array<bool, kNumNodeKinds> kinds_;
  std::uint64_t start_;
};

}  // namespace halorec
