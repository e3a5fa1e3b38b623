#include "engine/ranking.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "engine/item_blocks.hpp"
#include "engine/kernels/dense.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kTilePeople = 256;
constexpr std::int64_t kTileItems = 512;

}  // namespace

RankedLists::RankedLists(std::int64_t num_people, std::int64_t k)
    : k_(k),
      entries_(static_cast<std::size_t>(num_people * k)),
      length_(static_cast<std::size_t>(num_people), 0) {}

// Fills the lists of one query, tile by tile. A list is a heap with its last item on top until
// finish() sorts it.
class ListBuilder {
 public:
  ListBuilder(const Scorer& scorer, const Catalogue& catalogue, const RankingQuery& query)
      : scorer_(scorer),
        catalogue_(catalogue),
        query_(query),
        lists_(std::ssize(query.people), query.k) {
    for (const std::int32_t person : query.people) {
      by_popularity_.push_back(scorer.is_served_by_popularity(person));
    }
    const auto num_threads = static_cast<std::size_t>(omp_get_max_threads());
    for (std::size_t t = 0; t < num_threads; ++t) {
      tiles_.emplace_back(kTilePeople, kTileItems);
      scratches_.emplace_back(1, scorer.scratch_size(kTilePeople));
    }
  }

  // Scores everyone against the block that the scorer has taken.
  void offer_block(std::span<const std::uint32_t> items) {
    std::vector<float> popularity(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      popularity[i] = scorer_.popularity_of(items[i]);
    }
    const std::int64_t num_people = std::ssize(query_.people);
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t begin = 0; begin < num_people; begin += kTilePeople) {
      const std::int64_t count = std::min(kTilePeople, num_people - begin);
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
      const auto people =
          query_.people.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
      for (std::int64_t first = 0; first < std::ssize(items); first += kTileItems) {
        const std::int64_t num_items = std::min(kTileItems, std::ssize(items) - first);
        float* tile = tiles_[thread].data();
        scorer_.score(people, first, num_items, scratches_[thread].data(), tile);
        for (std::int64_t p = 0; p < count; ++p) {
          const bool cold = by_popularity_[static_cast<std::size_t>(begin + p)] != 0;
          offer(begin + p, items.data() + first,
                cold ? popularity.data() + first : tile + p * num_items, num_items);
        }
      }
    }
  }

  bool all_finite() const {
    return all_finite_.load();
  }

  RankedLists finish() {
    const std::int64_t num_people = lists_.num_people();
#pragma omp parallel for schedule(static)
    for (std::int64_t p = 0; p < num_people; ++p) {
      RankedItem* list = lists_.entries_.data() + p * query_.k;
      std::sort(list, list + lists_.length_[static_cast<std::size_t>(p)],
                [this](const auto& a, const auto& b) { return catalogue_.before(a, b); });
    }
    return std::move(lists_);
  }

 private:
  // Scores of person p of the query for `count` items. NaN passes every comparison with the
  // threshold, so that it cannot go unseen.
  void offer(std::int64_t p, const std::uint32_t* items, const float* scores, std::int64_t count) {
    float threshold = threshold_of(p);
    for (std::int64_t i = 0;
         (i += kernels::first_not_below(count - i, threshold, scores + i)) < count; ++i) {
      threshold = consider(p, {items[i], scores[i]});
    }
  }

  float threshold_of(std::int64_t p) const {
    if (lists_.length_[static_cast<std::size_t>(p)] < query_.k) {
      return -std::numeric_limits<float>::infinity();
    }
    return lists_.entries_[static_cast<std::size_t>(p * query_.k)].score;
  }

  // Takes the item into p's list if it belongs there; returns the threshold from now on.
  float consider(std::int64_t p, RankedItem candidate) {
    if (!std::isfinite(candidate.score)) {
      all_finite_.store(false, std::memory_order_relaxed);
      return threshold_of(p);
    }
    const auto before = [this](const RankedItem& a, const RankedItem& b) {
      return catalogue_.before(a, b);
    };
    RankedItem* list = lists_.entries_.data() + p * query_.k;
    std::int32_t& length = lists_.length_[static_cast<std::size_t>(p)];
    const bool full = length == query_.k;
    if ((full && !before(candidate, list[0])) || is_excluded(p, candidate.item)) {
      return threshold_of(p);
    }
    if (full) {
      std::pop_heap(list, list + length, before);
      list[length - 1] = candidate;
    } else {
      list[length++] = candidate;
    }
    std::push_heap(list, list + length, before);
    return threshold_of(p);
  }

  bool is_excluded(std::int64_t p, std::uint32_t item) const {
    const std::int32_t person = query_.people[static_cast<std::size_t>(p)];
    const auto holds = [item](std::span<const std::uint32_t> items) {
      return std::binary_search(items.begin(), items.end(), item);
    };
    if (query_.exclude_history && holds(scorer_.history_of(person))) return true;
    return query_.also_exclude != nullptr && person < scorer_.shard().num_owned_users() &&
           holds(query_.also_exclude->of(person));
  }

  const Scorer& scorer_;
  const Catalogue& catalogue_;
  const RankingQuery& query_;
  RankedLists lists_;
  std::vector<char> by_popularity_;
  std::vector<Matrix<float>> tiles_, scratches_;  // one of each a thread
  std::atomic<bool> all_finite_{true};
};

namespace {

// query.k: at most the number of candidates. Collective.
RankedLists rank_by_score(Scorer& scorer, const Catalogue& catalogue, const RankingQuery& query) {
  Communicator& communicator = scorer.shard().communicator();
  ListBuilder builder(scorer, catalogue, query);
  if (communicator.max(static_cast<std::int64_t>(query.people.size())) == 0) {
    return builder.finish();
  }
  for_each_item_block(scorer, catalogue,
                      [&](std::span<const std::uint32_t> items) { builder.offer_block(items); });
  check_all_finite(communicator, builder.all_finite());
  return builder.finish();
}

RankedLists merge(const RankedLists& warm, const RankedLists& cold, const ColdPlaces& places,
                  const Scorer& scorer, const RankingQuery& query) {
  RankedLists merged(warm.num_people(), query.k);
#pragma omp parallel for schedule(static)
  for (std::int64_t p = 0; p < warm.num_people(); ++p) {
    const bool by_popularity =
        scorer.is_served_by_popularity(query.people[static_cast<std::size_t>(p)]);
    auto next_warm = warm.of(p), next_cold = cold.of(p);
    for (std::int64_t place = 1; place <= query.k; ++place) {
      const bool prefers_cold = !by_popularity && places.at(place);
      auto& first = prefers_cold ? next_cold : next_warm;
      auto& next = first.empty() ? (prefers_cold ? next_warm : next_cold) : first;
      if (next.empty()) break;
      merged.append(p, next.front());
      next = next.subspan(1);
    }
  }
  return merged;
}

}  // namespace

RankedLists rank_items(Scorer& scorer, const Catalogue& candidates, const RankingQuery& asked) {
  HALOREC_ASSERT_LIGHT(asked.k >= 1);
  const std::optional<Catalogue> known = candidates.known_to(scorer);
  const Catalogue& catalogue = known ? *known : candidates;
  RankingQuery query = asked;
  query.k = std::clamp<std::int64_t>(static_cast<std::int64_t>(catalogue.num_items()), 1, asked.k);
  if (!catalogue.cold_places().any()) return rank_by_score(scorer, catalogue, query);
  const Shard& shard = scorer.shard();
  const RankedLists warm =
      rank_by_score(scorer, catalogue.narrowed(shard, Candidates::warm), query);
  const RankedLists cold =
      rank_by_score(scorer, catalogue.narrowed(shard, Candidates::cold), query);
  return merge(warm, cold, catalogue.cold_places(), scorer, query);
}

}  // namespace halorec
