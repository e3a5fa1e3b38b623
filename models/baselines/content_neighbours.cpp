#include "models/baselines/content_neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/baselines/content_rows.hpp"
#include "partition/side/row_index.hpp"

namespace halorec {
namespace {

constexpr std::size_t kBlockEntries = std::size_t{1} << 22;

// A stretch of an owner's trained items.
struct TravellingRows {
  std::vector<std::uint32_t> items;  // global indices
  SparseRows rows;
};

// Calls use(block) for blocks of all ranks' trained items. Collective.
template <typename Use>
void for_each_block(const Shard& shard, const SparseRows& own, const Use& use) {
  Communicator& communicator = shard.communicator();
  for (int owner = 0; owner < communicator.size(); ++owner) {
    std::int64_t next = 0;
    for (bool more = true; more;) {
      TravellingRows block;
      if (owner == communicator.rank()) {
        for (; next < shard.num_owned_items() && block.rows.feature.size() < kBlockEntries;
             ++next) {
          const std::uint32_t item = shard.owned_items()[static_cast<std::size_t>(next)];
          const auto row = static_cast<std::size_t>(next);
          if (shard.item_degree(item) == 0) continue;
          const auto first = static_cast<std::ptrdiff_t>(own.begin[row]);
          const auto last = static_cast<std::ptrdiff_t>(own.begin[row + 1]);
          block.items.push_back(item);
          block.rows.feature.insert(block.rows.feature.end(), own.feature.begin() + first,
                                    own.feature.begin() + last);
          block.rows.value.insert(block.rows.value.end(), own.value.begin() + first,
                                  own.value.begin() + last);
          block.rows.close_row();
        }
        more = next < shard.num_owned_items();
      }
      more = communicator.broadcast(static_cast<std::int32_t>(more), owner) != 0;
      communicator.broadcast(block.items, owner);
      communicator.broadcast(block.rows.begin, owner);
      communicator.broadcast(block.rows.feature, owner);
      communicator.broadcast(block.rows.value, owner);
      use(block);
    }
  }
}

}  // namespace

ContentNeighbours::ContentNeighbours(const Shard& shard, const DatasetFile& dataset,
                                     const std::vector<std::string>& columns,
                                     std::int64_t num_neighbours, double power)
    : NeighbourScorer(shard, dataset, num_neighbours) {
  const ContentRows content = read_content_rows(shard, dataset, columns);
  const SparseRows& own = content.rows;
  std::vector<std::vector<RankedItem>> found(static_cast<std::size_t>(shard.num_owned_items()));
  const auto nearer = [this](const RankedItem& a, const RankedItem& b) { return before(a, b); };
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, num_neighbours));

  for_each_block(shard, own, [&](const TravellingRows& block) {
    const RowIndex index(block.rows, content.num_features);
#pragma omp parallel
    {
      RowIndex::Sums sums = index.make_sums();
#pragma omp for schedule(dynamic, 16)
      for (std::int64_t i = 0; i < shard.num_owned_items(); ++i) {
        const auto row = static_cast<std::size_t>(i);
        const std::uint64_t first = own.begin[row], count = own.begin[row + 1] - first;
        index.multiply({own.feature.data() + first, count}, {own.value.data() + first, count},
                       sums);
        std::vector<RankedItem>& candidates = found[row];
        for (const std::uint32_t other : sums.met) {
          const float product = std::exchange(sums.of_row[other], 0.0F);
          if (product <= 0 || block.items[other] == shard.owned_items()[row]) continue;
          candidates.push_back({block.items[other], product});
        }
        RowIndex::clear(sums);
        if (candidates.size() <= most) continue;
        std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(most),
                         candidates.end(), nearer);
        candidates.resize(most);
        candidates.shrink_to_fit();
      }
    }
  });
  for (std::int64_t i = 0; i < shard.num_owned_items(); ++i) {
    std::vector<RankedItem>& candidates = found[static_cast<std::size_t>(i)];
    for (RankedItem& candidate : candidates) {
      candidate.score = static_cast<float>(std::pow(static_cast<double>(candidate.score), power));
    }
    keep_nearest(i, candidates);
    candidates = {};
  }
}

}  // namespace halorec
