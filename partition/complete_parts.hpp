// The last step of every cut: no node without a part, no part without a node.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halorec {

// Gives nodes that no method placed (-1: without edges) to the parts with the fewest nodes, and an
// empty part the lightest node of the largest one, as long as there is one to give. `degree` is
// indexed by node as `parts` is.
void complete_parts(std::vector<std::int32_t>& parts, std::span<const std::uint32_t> degree,
                    int num_parts);

}  // namespace halorec
