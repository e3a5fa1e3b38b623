#include "launch/bench/ranking_rate.hpp"

#include <omp.h>

#include <algorithm>
#include <numeric>

#include "comm/random.hpp"
#include "engine/embedding_scorer.hpp"
#include "engine/kernels/dense.hpp"
#include "engine/ranking.hpp"

namespace halorec {
namespace {

constexpr double kFlopsOfARound = 2e10;
constexpr std::int64_t kTilePeople = 256;

// The scores of these people for `num_items` items in tiles of `tile_items`: seconds.
double multiply_scores(MatrixView<const float> people, MatrixView<const float> items,
                       std::int64_t tile_items, std::vector<Matrix<float>>* tiles) {
  return seconds_of([&] {
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t p = 0; p < people.rows; p += kTilePeople) {
      float* tile = (*tiles)[static_cast<std::size_t>(omp_get_thread_num())].data();
      const std::int64_t count = std::min(kTilePeople, people.rows - p);
      for (std::int64_t i = 0; i < items.rows; i += tile_items) {
        const std::int64_t width = std::min(tile_items, items.rows - i);
        kernels::matrix_product<float>(false, true, count, width, people.cols, 1.0F, people.row(p),
                                       people.stride, items.row(i), items.stride, 0.0F, tile,
                                       width);
      }
    }
  });
}

}  // namespace

RankingRate measure_ranking(const Shard& shard, const DatasetFile& dataset, std::int64_t dim,
                            std::int64_t k, std::int64_t rounds, std::uint64_t seed) {
  Matrix<float> rows(shard.num_owned(), dim);
  const Random random(seed, Purpose::initialise);
  for (std::int64_t e = 0; e < rows.size(); ++e) {
    rows.values()[static_cast<std::size_t>(e)] =
        static_cast<float>(random.uniform(static_cast<std::uint64_t>(e)) - 0.5);
  }
  EmbeddingScorer scorer(shard, rows.view());
  const Catalogue catalogue(shard, dataset);
  RankingRate rate;
  rate.num_items = catalogue.num_items();
  rate.k = k;
  const double flops_of_one = 2.0 * static_cast<double>(rate.num_items) * static_cast<double>(dim);
  rate.num_people =
      std::min(shard.num_owned_users(),
               std::max<std::int64_t>(kTilePeople,
                                      static_cast<std::int64_t>(kFlopsOfARound / flops_of_one)));
  rate.flops = flops_of_one * static_cast<double>(rate.num_people);
  std::vector<std::int32_t> people(static_cast<std::size_t>(rate.num_people));
  std::iota(people.begin(), people.end(), 0);
  RankingQuery query;
  query.k = k;
  query.people = people;

  const MatrixView<const float> of_people = rows.view().rows_from(0, rate.num_people);
  const MatrixView<const float> of_items =
      rows.view().rows_from(shard.num_owned_users(), static_cast<std::int64_t>(rate.num_items));
  constexpr std::int64_t kTiles[] = {512, 4096};
  std::vector<Matrix<float>> tiles;
  tiles.reserve(static_cast<std::size_t>(omp_get_max_threads()));
  for (int t = 0; t < omp_get_max_threads(); ++t) tiles.emplace_back(kTilePeople, kTiles[1]);
  const auto times =
      interleave({[&] { return seconds_of([&] { rank_items(scorer, catalogue, query); }); },
                  [&] { return multiply_scores(of_people, of_items, kTiles[0], &tiles); },
                  [&] { return multiply_scores(of_people, of_items, kTiles[1], &tiles); }},
                 rounds, 1);
  const auto& product =
      summarise(times[1]).median < summarise(times[2]).median ? times[1] : times[2];
  rate.seconds = summarise(times[0]);
  rate.product_seconds = summarise(product);
  rate.fraction = summarise(ratios(product, times[0]));
  return rate;
}

}  // namespace halorec
