#include "engine/exposure.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "engine/item_blocks.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kTilePeople = 256;
constexpr std::int64_t kTileItems = 512;

// Counts, for each person, the items that stand before the one asked for.
class RankCounter {
 public:
  RankCounter(Scorer& scorer, const Catalogue& catalogue, const ExposureQuery& query)
      : scorer_(scorer), catalogue_(catalogue), query_(query) {
    for (const std::int32_t person : query.people) {
      if (!is_left_out(person, query.item)) people_.push_back(person);
    }
    by_popularity_.resize(people_.size());
    for (std::size_t p = 0; p < people_.size(); ++p) {
      by_popularity_[p] = scorer.is_served_by_popularity(people_[p]) ? 1 : 0;
    }
    own_score_.assign(people_.size(), 0);
    before_.assign(people_.size(), 0);
    for (int t = 0; t < omp_get_max_threads(); ++t) {
      tiles_.emplace_back(kTilePeople, kTileItems);
      scratches_.emplace_back(1, scorer.scratch_size(kTilePeople));
    }
  }

  // The block of the item alone, before all others.
  void take_own_scores(std::span<const std::uint32_t> items) {
    visit_tiles(items, [&](std::size_t p, std::span<const std::uint32_t>, const float* scores) {
      own_score_[p] = scores[0];
    });
  }

  void count(std::span<const std::uint32_t> items) {
    visit_tiles(items, [&](std::size_t p, std::span<const std::uint32_t> tile,
                           const float* scores) { before_[p] += count_before(p, tile, scores); });
  }

  // The items counted were those of its kind alone; these are the other candidates.
  void insert(const Catalogue& others, const ColdPlaces& places) {
    const Shard& shard = scorer_.shard();
    const bool cold = shard.item_degree(query_.item) == 0;
    for (std::size_t p = 0; p < people_.size(); ++p) {
      const std::int64_t n = before_[p] + 1;
      const auto num_others =
          static_cast<std::int64_t>(others.num_items()) - num_left_out(people_[p], others);
      if (by_popularity_[p] == 0) {
        before_[p] = places.place_of(n, cold, num_others) - 1;
      } else if (cold) {
        before_[p] += num_others;
      }
    }
  }

  bool all_finite() const { return all_finite_.load(); }

  Exposure finish() {
    std::vector<std::uint64_t> sums(query_.ks.size() + 2, 0);  // people within each k, all, ranks
    for (const std::int64_t before : before_) {
      for (std::size_t j = 0; j < query_.ks.size(); ++j) sums[j] += before < query_.ks[j] ? 1 : 0;
      ++sums[query_.ks.size()];
      sums.back() += static_cast<std::uint64_t>(before) + 1;
    }
    scorer_.shard().communicator().sum(std::span<std::uint64_t>(sums));
    Exposure result;
    result.ks = query_.ks;
    result.num_people = sums[query_.ks.size()];
    const double people = std::max(1.0, static_cast<double>(result.num_people));
    for (std::size_t j = 0; j < query_.ks.size(); ++j) {
      result.shares.push_back(static_cast<double>(sums[j]) / people);
    }
    result.mean_rank = static_cast<double>(sums.back()) / people;
    return result;
  }

 private:
  template <typename Visit>
  void visit_tiles(std::span<const std::uint32_t> items, const Visit& visit) {
    std::vector<float> popularity(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      popularity[i] = scorer_.popularity_of(items[i]);
    }
    const std::int64_t num_people = std::ssize(people_);
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t begin = 0; begin < num_people; begin += kTilePeople) {
      const std::int64_t count = std::min(kTilePeople, num_people - begin);
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
      const std::span<const std::int32_t> people(people_.data() + begin,
                                                 static_cast<std::size_t>(count));
      for (std::int64_t first = 0; first < std::ssize(items); first += kTileItems) {
        const std::int64_t num_items = std::min(kTileItems, std::ssize(items) - first);
        float* tile = tiles_[thread].data();
        scorer_.score(people, first, num_items, scratches_[thread].data(), tile);
        for (std::int64_t k = 0; k < count; ++k) {
          const auto p = static_cast<std::size_t>(begin + k);
          visit(p,
                items.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(num_items)),
                by_popularity_[p] != 0 ? popularity.data() + first : tile + k * num_items);
        }
      }
    }
  }

  // Of one tile: all items that stand before, less those that the person's lists leave out.
  std::int64_t count_before(std::size_t p, std::span<const std::uint32_t> tile,
                            const float* scores) {
    const auto n = static_cast<std::int64_t>(tile.size());
    const float own = own_score_[p];
    std::int64_t before = 0, tied = 0, finite = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      before += scores[i] > own ? 1 : 0;
      tied += scores[i] == own ? 1 : 0;
      finite += std::isfinite(scores[i]) ? 1 : 0;
    }
    if (finite != n || !std::isfinite(own)) all_finite_.store(false, std::memory_order_relaxed);
    for (std::int64_t i = 0; tied > 0 && i < n; ++i) {
      if (scores[i] != own) continue;
      before += stands_before(p, tile, scores, i) ? 1 : 0;
      --tied;
    }
    // Its own score may come out a rounding apart from the one taken alone.
    const auto self = std::lower_bound(tile.begin(), tile.end(), query_.item);
    if (self != tile.end() && *self == query_.item && scores[self - tile.begin()] > own) --before;

    const std::int32_t person = people_[p];
    const auto history =
        query_.exclude_history ? scorer_.history_of(person) : std::span<const std::uint32_t>();
    const auto leave_out = [&](std::span<const std::uint32_t> excluded, bool beyond_history) {
      auto at = tile.begin();
      const auto begin = std::lower_bound(excluded.begin(), excluded.end(), tile.front());
      for (auto item = begin; item != excluded.end() && *item <= tile.back(); ++item) {
        at = std::lower_bound(at, tile.end(), *item);
        if (at == tile.end() || *at != *item) continue;
        if (beyond_history && std::binary_search(history.begin(), history.end(), *item)) continue;
        before -= stands_before(p, tile, scores, at - tile.begin()) ? 1 : 0;
      }
    };
    leave_out(history, false);
    if (query_.also_exclude != nullptr) leave_out(query_.also_exclude->of(person), true);
    return before;
  }

  bool stands_before(std::size_t p, std::span<const std::uint32_t> tile, const float* scores,
                     std::int64_t i) const {
    return catalogue_.before({tile[static_cast<std::size_t>(i)], scores[i]},
                             {query_.item, own_score_[p]});
  }

  bool is_left_out(std::int32_t person, std::uint32_t item) const {
    const auto holds = [item](std::span<const std::uint32_t> items) {
      return std::binary_search(items.begin(), items.end(), item);
    };
    return (query_.exclude_history && holds(scorer_.history_of(person))) ||
           (query_.also_exclude != nullptr && holds(query_.also_exclude->of(person)));
  }

  // Of these candidates, how many the person's lists leave out.
  std::int64_t num_left_out(std::int32_t person, const Catalogue& candidates) const {
    const auto history =
        query_.exclude_history ? scorer_.history_of(person) : std::span<const std::uint32_t>();
    std::int64_t count = 0;
    for (const std::uint32_t item : history) count += candidates.holds(scorer_.shard(), item);
    if (query_.also_exclude == nullptr) return count;
    for (const std::uint32_t item : query_.also_exclude->of(person)) {
      const bool counted = std::binary_search(history.begin(), history.end(), item);
      count += !counted && candidates.holds(scorer_.shard(), item);
    }
    return count;
  }

  Scorer& scorer_;
  const Catalogue& catalogue_;
  const ExposureQuery& query_;
  std::vector<std::int32_t> people_;  // whose lists may hold the item
  std::vector<char> by_popularity_;
  std::vector<float> own_score_;                  // [people]
  std::vector<std::int64_t> before_;              // [people]
  std::vector<Matrix<float>> tiles_, scratches_;  // one of each a thread
  std::atomic<bool> all_finite_{true};
};

}  // namespace

Exposure measure_exposure(Scorer& scorer, const Catalogue& candidates, const ExposureQuery& query) {
  const std::optional<Catalogue> known = candidates.known_to(scorer);
  const Catalogue& catalogue = known ? *known : candidates;
  Catalogue alone = catalogue;
  alone.keep_only(std::span(&query.item, 1));
  if (alone.num_items() == 0) {
    Exposure none;
    none.ks = query.ks;
    none.shares.assign(query.ks.size(), 0);
    none.is_candidate = false;
    return none;
  }
  const Shard& shard = scorer.shard();
  const ColdPlaces& places = catalogue.cold_places();
  const bool cold = shard.item_degree(query.item) == 0;
  const Catalogue rivals =
      places.any() ? catalogue.narrowed(shard, cold ? Candidates::cold : Candidates::warm)
                   : catalogue;
  RankCounter counter(scorer, rivals, query);
  for_each_item_block(scorer, alone, [&](auto items) { counter.take_own_scores(items); });
  for_each_item_block(scorer, rivals, [&](auto items) { counter.count(items); });
  check_all_finite(shard.communicator(), counter.all_finite());
  if (places.any()) {
    counter.insert(catalogue.narrowed(shard, cold ? Candidates::warm : Candidates::cold), places);
  }
  return counter.finish();
}

}  // namespace halorec
