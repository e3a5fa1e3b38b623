#include "engine/item_blocks.hpp"

#include <algorithm>

namespace halorec {
namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{1} << 20;

std::int64_t items_in_block(std::int64_t width) {
  const std::int64_t row_bytes = std::max<std::int64_t>(1, width) * std::int64_t{sizeof(float)};
  return std::clamp<std::int64_t>(kBlockBytes / row_bytes, 256, 8192);
}

}  // namespace

void for_each_item_block(Scorer& scorer, const Catalogue& catalogue,
                         const std::function<void(std::span<const std::uint32_t>)>& take) {
  Communicator& communicator = scorer.shard().communicator();
  const std::int64_t width = scorer.item_width();
  const std::int64_t step = items_in_block(width);
  Matrix<float> rows(step, width);
  std::vector<std::int32_t> owned;
  for (int owner = 0; owner < communicator.size(); ++owner) {
    const auto candidates = catalogue.of_rank(owner);
    for (std::int64_t first = 0; first < std::ssize(candidates); first += step) {
      const std::int64_t count = std::min(step, std::ssize(candidates) - first);
      const auto items =
          candidates.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
      if (width > 0) {
        if (owner == communicator.rank()) {
          owned.clear();
          for (const std::uint32_t item : items) {
            owned.push_back(scorer.shard().address_of_item(item).row -
                            static_cast<std::int32_t>(scorer.shard().num_owned_users()));
          }
          scorer.pack_items(owned, rows.data());
        }
        communicator.broadcast(
            std::span<float>(rows.data(), static_cast<std::size_t>(count * width)), owner);
      }
      scorer.take_items({items, {rows.data(), count, width, width}});
      take(items);
    }
  }
}

void check_all_finite(Communicator& communicator, bool all_finite) {
  if (communicator.min(all_finite ? 1 : 0) == 1) return;
  throw Error(
      "a score is not a finite number: training has diverged, or the numbers have overflowed; "
      "train again with a lower --lr",
      kExitFailure, true);
}

}  // namespace halorec
