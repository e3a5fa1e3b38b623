#include "engine/neighbourhood.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "comm/halo.hpp"

namespace halorec {
namespace {

// Global ids of owned rows and ghosts as numbers that sort alike and that a halo can carry: exact,
// since an index has 32 bits.
std::vector<double> sortable_ids(const Shard& shard, const HaloPlan& halo) {
  constexpr double kKind = 4294967296.0;
  std::vector<double> ids(static_cast<std::size_t>(shard.num_owned()));
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    const GlobalId id = shard.global_id(r);
    ids[static_cast<std::size_t>(r)] = static_cast<double>(id.kind()) * kKind + id.index();
  }
  HaloExchange<double> exchange(halo);
  exchange.start_gather(ids.data(), 1, 1);
  const double* ghosts = exchange.finish_gather();
  ids.insert(ids.end(), ghosts, ghosts + halo.num_ghosts());
  return ids;
}

}  // namespace

Neighbourhood::Neighbourhood(const Shard& shard, const Adjacency& edges, bool with_self)
    : place_(static_cast<std::size_t>(shard.num_owned()), -1) {
  const std::vector<double> ids = sortable_ids(shard, *edges.halo);
  const std::int64_t num_owned = shard.num_owned();
  const Csr& local = edges.local;
  const Csr& cross = edges.cross;
  edges_.row_begin.resize(static_cast<std::size_t>(num_owned) + 1);
  for (std::size_t r = 0; r < edges_.row_begin.size(); ++r) {
    edges_.row_begin[r] =
        local.row_begin[r] + cross.row_begin[r] + (with_self ? static_cast<std::int64_t>(r) : 0);
  }
  edges_.column.resize(static_cast<std::size_t>(edges_.row_begin.back()));
#pragma omp parallel for schedule(dynamic, 1024)
  for (std::int64_t row = 0; row < num_owned; ++row) {
    const auto r = static_cast<std::size_t>(row);
    std::int32_t* const begin = edges_.column.data() + edges_.row_begin[r];
    std::int32_t* end = begin;
    if (with_self) *end++ = static_cast<std::int32_t>(row);
    end = std::copy(local.column.data() + local.row_begin[r],
                    local.column.data() + local.row_begin[r + 1], end);
    end = std::transform(
        cross.column.data() + cross.row_begin[r], cross.column.data() + cross.row_begin[r + 1], end,
        [&](std::int32_t ghost) { return static_cast<std::int32_t>(num_owned + ghost); });
    std::sort(begin, end, [&](std::int32_t a, std::int32_t b) {
      return ids[static_cast<std::size_t>(a)] < ids[static_cast<std::size_t>(b)];
    });
  }
  turn_round(num_owned + edges.num_ghosts());
}

Neighbourhood::Neighbourhood(Csr edges, std::int64_t num_sources, std::vector<std::int32_t> degree,
                             std::span<const std::int32_t> demanded)
    : edges_(std::move(edges)),
      degree_(std::move(degree)),
      place_(static_cast<std::size_t>(edges_.num_rows()), -1) {
  HALOREC_ASSERT_LIGHT(std::ssize(degree_) == edges_.num_rows());
  turn_round(num_sources);
  demand(demanded);
}

void Neighbourhood::turn_round(std::int64_t num_sources) {
  readers_ = transpose(edges_, num_sources);
  edge_of_.resize(readers_.column.size());
  std::vector<std::int64_t> next(readers_.row_begin.begin(), readers_.row_begin.end() - 1);
  for (std::size_t e = 0; e < edges_.column.size(); ++e) {
    const auto source = static_cast<std::size_t>(edges_.column[e]);
    edge_of_[static_cast<std::size_t>(next[source]++)] = static_cast<std::int64_t>(e);
  }
  all_chunks_ = RowChunks(edges_);
  reader_chunks_ = RowChunks(readers_);
}

void Neighbourhood::demand(std::span<const std::int32_t> rows) {
  for (const std::int32_t row : demanded_) place_[static_cast<std::size_t>(row)] = -1;
  demanded_.assign(rows.begin(), rows.end());
  for (std::size_t k = 0; k < demanded_.size(); ++k) {
    place_[static_cast<std::size_t>(demanded_[k])] = static_cast<std::int32_t>(k);
  }
  demanded_chunks_ = RowChunks(edges_, demanded_);
}

}  // namespace halorec
