#include "models/baselines/item_knn.hpp"

#include <omp.h>

#include <cmath>
#include <vector>

namespace halorec {
namespace {

// The training items of the users that this rank sees as ghosts, by ghost number (none for ghosts
// that are items). The owners know from the halo's plan who needs which list. Collective.
struct GhostLists {
  std::vector<std::int64_t> begin{0};
  std::vector<std::uint32_t> items;
};

GhostLists fetch_ghost_lists(const Shard& shard) {
  Communicator& communicator = shard.communicator();
  const HaloPlan& halo = shard.halo();
  std::vector<std::int64_t> num_lists, num_items;
  std::vector<std::uint32_t> lengths, items;
  for (std::size_t r = 0; r < static_cast<std::size_t>(communicator.size()); ++r) {
    const std::size_t items_before = items.size();
    for (std::int64_t s = halo.send_begin()[r]; s < halo.send_begin()[r + 1]; ++s) {
      const std::int32_t row = halo.send_rows()[static_cast<std::size_t>(s)];
      if (row >= shard.num_owned_users()) {
        lengths.push_back(0);
        continue;
      }
      const auto list = shard.items_of(row);
      lengths.push_back(static_cast<std::uint32_t>(list.size()));
      items.insert(items.end(), list.begin(), list.end());
    }
    num_lists.push_back(halo.send_begin()[r + 1] - halo.send_begin()[r]);
    num_items.push_back(static_cast<std::int64_t>(items.size() - items_before));
  }
  GhostLists lists;
  for (const std::uint32_t length : communicator.all_to_all<std::uint32_t>(lengths, num_lists)) {
    lists.begin.push_back(lists.begin.back() + length);
  }
  lists.items = communicator.all_to_all<std::uint32_t>(items, num_items);
  HALOREC_ASSERT_LIGHT(std::ssize(lists.begin) == shard.num_ghosts() + 1);
  HALOREC_ASSERT_LIGHT(lists.begin.back() == std::ssize(lists.items));
  return lists;
}

}  // namespace

ItemKnn::ItemKnn(const Shard& shard, const DatasetFile& dataset, std::int64_t num_neighbours,
                 double shrinkage)
    : NeighbourScorer(shard, dataset, num_neighbours) {
  find_neighbours(shrinkage);
}

void ItemKnn::find_neighbours(double shrinkage) {
  const GhostLists ghosts = fetch_ghost_lists(shard());
  // Working space of each thread: common users with every item (all zero between items), and the
  // items met.
  const auto num_threads = static_cast<std::size_t>(omp_get_max_threads());
  std::vector<std::vector<std::uint32_t>> counts(num_threads), met(num_threads);
  std::vector<std::vector<RankedItem>> found(num_threads);
  for (std::size_t t = 0; t < num_threads; ++t) {
    counts[t].assign(shard().num_items(), 0);
    met[t].reserve(shard().num_items());
    found[t].reserve(shard().num_items());
  }

#pragma omp parallel for schedule(dynamic, 16)
  for (std::int64_t i = 0; i < shard().num_owned_items(); ++i) {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    std::uint32_t* const count = counts[thread].data();
    std::vector<std::uint32_t>& touched = met[thread];
    std::vector<RankedItem>& candidates = found[thread];
    touched.clear();
    candidates.clear();
    const std::uint32_t self = shard().owned_items()[static_cast<std::size_t>(i)];
    const auto add = [&](std::span<const std::uint32_t> list) {
      for (const std::uint32_t other : list) {
        if (other == self) continue;
        if (count[other]++ == 0) touched.push_back(other);
      }
    };
    const auto row = static_cast<std::size_t>(shard().num_owned_users() + i);
    const Csr& local = shard().local();
    for (std::int64_t e = local.row_begin[row]; e < local.row_begin[row + 1]; ++e) {
      add(shard().items_of(local.column[static_cast<std::size_t>(e)]));
    }
    const Csr& cross = shard().cross();
    for (std::int64_t e = cross.row_begin[row]; e < cross.row_begin[row + 1]; ++e) {
      const auto ghost = static_cast<std::size_t>(cross.column[static_cast<std::size_t>(e)]);
      add({ghosts.items.data() + ghosts.begin[ghost],
           static_cast<std::size_t>(ghosts.begin[ghost + 1] - ghosts.begin[ghost])});
    }
    const double degree = shard().item_degree(self);
    for (const std::uint32_t other : touched) {
      const double cosine =
          count[other] / (std::sqrt(degree * shard().item_degree(other)) + shrinkage);
      candidates.push_back({other, static_cast<float>(cosine)});
      count[other] = 0;
    }
    keep_nearest(i, candidates);
  }
}

}  // namespace halorec
