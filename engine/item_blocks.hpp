// How ranking sees the catalogue: blocks of items go round by broadcast, rank 0's first, and each
// rank scores its people against the block that has arrived.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "engine/catalogue.hpp"
#include "engine/scorer.hpp"

namespace halorec {

// Calls take(items) for each block, once the scorer has taken it: global indices, ascending. A
// block has at most 1 MiB or 256 items; it is all the memory that this takes. Collective.
void for_each_item_block(Scorer& scorer, const Catalogue& catalogue,
                         const std::function<void(std::span<const std::uint32_t>)>& take);

// Error on every rank unless all scores were finite on all ranks. Collective.
void check_all_finite(Communicator& communicator, bool all_finite);

}  // namespace halorec
