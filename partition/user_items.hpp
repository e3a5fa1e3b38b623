// Items of each user that a rank owns, beside those of the training part: held out, or linked to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halorec {

// Rows as in the shard: for each owned user its items (global indices, ascending, distinct).
struct UserItems {
  std::vector<std::int64_t> begin{0};
  std::vector<std::uint32_t> items;
  std::span<const std::uint32_t> of(std::int64_t user_row) const {
    return {items.data() + begin[static_cast<std::size_t>(user_row)],
            items.data() + begin[static_cast<std::size_t>(user_row) + 1]};
  }
};

// What stands in either, which are of the same users.
UserItems either(const UserItems& a, const UserItems& b);

}  // namespace halorec
