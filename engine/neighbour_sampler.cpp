#include "engine/neighbour_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "comm/random.hpp"
#include "engine/edge_dropout.hpp"

namespace halorec {
namespace {

constexpr std::int32_t kAbsent = -1;

std::size_t at(std::int64_t k) {
  return static_cast<std::size_t>(k);
}

constexpr std::uint64_t kAnyHash = ~std::uint64_t{0};

// A hash such that, of `count` uniform ones, `kept` are below it but for a chance of some 1e-3: the
// smallest are then among few.
std::uint64_t likely_limit(std::int64_t kept, std::int64_t count) {
  const auto wanted = static_cast<double>(kept);
  const double share = (wanted + 3 * std::sqrt(wanted) + 3) / static_cast<double>(count);
  return share >= 1 ? kAnyHash : static_cast<std::uint64_t>(share * 0x1.0p64);
}

// A neighbour that may be drawn. Equal hashes, which a lifetime will not see, go by id.
struct Candidate {
  std::uint64_t hash;
  GlobalId id;
  std::int32_t draw;
  float value;  // of the edge
};

std::int64_t length(const Csr& matrix, std::int64_t row) {
  return matrix.row_begin[at(row) + 1] - matrix.row_begin[at(row)];
}

}  // namespace

Csr SampledBlock::edges_with_self() const {
  const Csr& edges = parts_.edges;
  Csr result;
  result.row_begin.assign(edges.row_begin.begin(), edges.row_begin.end());
  for (std::size_t t = 0, row = 0; row + 1 < result.row_begin.size(); ++row) {
    if (t < parts_.targets.size() && parts_.targets[t] == static_cast<std::int32_t>(row)) ++t;
    result.row_begin[row + 1] += static_cast<std::int64_t>(t);
  }
  result.column.resize(at(result.row_begin.back()));
  for (const std::int32_t self : parts_.targets) {
    const auto first = edges.column.begin() + edges.row_begin[at(self)];
    const auto last = edges.column.begin() + edges.row_begin[at(self) + 1];
    const auto middle = std::find_if(first, last, [&](std::int32_t other) {
      return parts_.ids[at(self)] < parts_.ids[at(other)];
    });
    auto to = std::copy(first, middle, result.column.begin() + result.row_begin[at(self)]);
    *to++ = self;
    std::copy(middle, last, to);
  }
  return result;
}

const Neighbourhood& SampledBlock::neighbourhood(bool with_self) {
  auto& lists = neighbourhoods_[with_self ? 1 : 0];
  if (!lists) {
    std::vector<std::int32_t> degree = parts_.degree;
    if (with_self) {
      for (auto& number : degree) ++number;
    }
    lists.emplace(with_self ? edges_with_self() : parts_.edges, std::ssize(parts_.ids),
                  std::move(degree), parts_.targets);
  }
  return *lists;
}

NeighbourSampler::NeighbourSampler(const Shard& shard, const Adjacency& edges,
                                   std::span<const std::int64_t> fanout, std::uint64_t seed)
    : edges_(&edges),
      fanout_(fanout.begin(), fanout.end()),
      seed_(seed),
      row_place_(at(shard.num_owned()), kAbsent),
      ghost_place_(at(edges.num_ghosts()), kAbsent) {
  HALOREC_ASSERT_LIGHT(!fanout.empty());
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) owned_ids_.push_back(shard.global_id(r));
  ghost_ids_ = ids_of_ghosts(*edges_->halo, owned_ids_);
}

std::int64_t NeighbourSampler::degree(std::int64_t row) const {
  return length(edges_->local, row) + length(edges_->cross, row);
}

NeighbourSampler::Draws NeighbourSampler::draw(std::uint64_t step, std::int64_t layer,
                                               std::span<const std::int32_t> targets) const {
  const std::int64_t fanout = fanout_[at(num_layers() - layer)];
  const std::int64_t num_owned = edges_->num_owned();
  const std::uint64_t start =
      Random(seed_, Purpose::neighbour_sample, step).bits(static_cast<std::uint64_t>(layer));
  Draws draws;
  draws.begin.assign(1, 0);
  for (const std::int32_t row : targets) {
    draws.begin.push_back(draws.begin.back() + std::min(fanout, degree(row)));
  }
  draws.drawn.resize(at(draws.begin.back()));
  if (edges_weigh()) draws.value.resize(draws.drawn.size());
#pragma omp parallel for schedule(dynamic, 16)
  for (std::int64_t t = 0; t < std::ssize(targets); ++t) {
    const std::int64_t row = targets[at(t)];
    const std::int64_t kept = draws.begin[at(t) + 1] - draws.begin[at(t)];
    const std::uint64_t of_node = sequence_bits(start, owned_ids_[at(row)].bits());
    thread_local std::vector<Candidate> candidates;
    candidates.clear();
    const auto add_below = [&](std::uint64_t limit) {
      const auto add = [&](const Csr& edges, const std::vector<GlobalId>& ids, std::int64_t first) {
        for (std::int64_t e = edges.row_begin[at(row)]; e < edges.row_begin[at(row) + 1]; ++e) {
          const std::int32_t column = edges.column[at(e)];
          const GlobalId id = ids[at(column)];
          const std::uint64_t hash = sequence_bits(of_node, id.bits());
          if (hash > limit) continue;
          candidates.push_back({hash, id, static_cast<Draw>(first + column),
                                edges.has_values() ? edges.value[at(e)] : 1.0F});
        }
      };
      add(edges_->local, owned_ids_, 0);
      add(edges_->cross, ghost_ids_, num_owned);
    };
    add_below(likely_limit(kept, degree(row)));
    if (std::ssize(candidates) < kept) {  // seldom
      candidates.clear();
      add_below(kAnyHash);
    }
    if (kept < std::ssize(candidates)) {
      std::nth_element(candidates.begin(), candidates.begin() + kept, candidates.end(),
                       [](const Candidate& a, const Candidate& b) {
                         return a.hash != b.hash ? a.hash < b.hash : a.id < b.id;
                       });
    }
    std::sort(candidates.begin(), candidates.begin() + kept,
              [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
    std::transform(candidates.begin(), candidates.begin() + kept,
                   draws.drawn.begin() + draws.begin[at(t)],
                   [](const Candidate& candidate) { return candidate.draw; });
    if (draws.value.empty()) continue;
    std::transform(candidates.begin(), candidates.begin() + kept,
                   draws.value.begin() + draws.begin[at(t)],
                   [](const Candidate& candidate) { return candidate.value; });
  }
  return draws;
}

SampledBlock NeighbourSampler::make_block(std::span<const std::int32_t> targets, Draws draws) {
  const HaloPlan& halo = *edges_->halo;
  Communicator& communicator = halo.communicator();
  const auto num_ranks = at(communicator.size());
  const std::int64_t num_owned = edges_->num_owned();
  SampledBlock::Parts parts;
  parts.rows.assign(targets.begin(), targets.end());
  std::vector<std::int32_t> ghosts;
  // Notes once what is needed; the places follow when all of it is known.
  const auto note = [](std::vector<std::int32_t>& places, std::int32_t number,
                       std::vector<std::int32_t>& list) {
    if (places[at(number)] != kAbsent) return;
    places[at(number)] = 0;
    list.push_back(number);
  };
  for (const std::int32_t row : targets) row_place_[at(row)] = 0;
  for (const Draw drawn : draws.drawn) {
    if (drawn < num_owned) {
      note(row_place_, drawn, parts.rows);
    } else {
      note(ghost_place_, static_cast<std::int32_t>(drawn - num_owned), ghosts);
    }
  }
  std::sort(ghosts.begin(), ghosts.end());

  // Owners hear of their rows by the place in what they send to this rank in the graph's halo.
  std::vector<std::int32_t> asked;
  std::vector<std::int64_t> counts(num_ranks, 0), arriving;
  std::vector<std::int64_t> receive_begin(num_ranks + 1, 0), send_begin(num_ranks + 1, 0);
  for (std::size_t r = 0, g = 0; r < num_ranks; ++r) {
    for (; g < ghosts.size() && ghosts[g] < halo.receive_begin()[r + 1]; ++g) {
      asked.push_back(static_cast<std::int32_t>(ghosts[g] - halo.receive_begin()[r]));
      ++counts[r];
    }
    receive_begin[r + 1] = receive_begin[r] + counts[r];
  }
  std::vector<std::int32_t> sent = communicator.all_to_all<std::int32_t>(asked, counts, &arriving);
  for (std::size_t r = 0; r < num_ranks; ++r) {
    send_begin[r + 1] = send_begin[r] + arriving[r];
    for (std::int64_t k = send_begin[r]; k < send_begin[r + 1]; ++k) {
      sent[at(k)] = halo.send_rows()[at(halo.send_begin()[r] + sent[at(k)])];
      note(row_place_, sent[at(k)], parts.rows);
    }
  }
  std::sort(parts.rows.begin(), parts.rows.end());

  const auto number = [](const std::vector<std::int32_t>& list, std::vector<std::int32_t>& places) {
    for (std::size_t k = 0; k < list.size(); ++k)
      places[at(list[k])] = static_cast<std::int32_t>(k);
  };
  number(parts.rows, row_place_);
  number(ghosts, ghost_place_);
  const auto num_rows = std::ssize(parts.rows);
  for (auto& row : sent) row = row_place_[at(row)];
  for (const std::int32_t row : targets) parts.targets.push_back(row_place_[at(row)]);
  for (const std::int32_t row : parts.rows) {
    parts.degree.push_back(static_cast<std::int32_t>(degree(row)));
    if (edges_weigh()) {
      const double scale = edges_->scale[at(row)];
      parts.weighted_degree.push_back(scale == 0 ? 0.0 : 1 / (scale * scale));
    }
    parts.ids.push_back(owned_ids_[at(row)]);
  }
  for (const std::int32_t ghost : ghosts) parts.ids.push_back(ghost_ids_[at(ghost)]);
  // Rows that are no targets have no neighbours.
  parts.edges.row_begin.assign(at(num_rows) + 1, 0);
  for (std::size_t t = 0; t < parts.targets.size(); ++t) {
    parts.edges.row_begin[at(parts.targets[t]) + 1] = draws.begin[t + 1] - draws.begin[t];
  }
  std::partial_sum(parts.edges.row_begin.begin(), parts.edges.row_begin.end(),
                   parts.edges.row_begin.begin());
  parts.edges.value = std::move(draws.value);
  parts.edges.column.resize(draws.drawn.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t e = 0; e < std::ssize(draws.drawn); ++e) {
    const Draw drawn = draws.drawn[at(e)];
    parts.edges.column[at(e)] =
        drawn < num_owned
            ? row_place_[at(drawn)]
            : static_cast<std::int32_t>(num_rows + ghost_place_[at(drawn - num_owned)]);
  }
  for (const std::int32_t row : parts.rows) row_place_[at(row)] = kAbsent;
  for (const std::int32_t ghost : ghosts) ghost_place_[at(ghost)] = kAbsent;
  return {HaloPlan(communicator, num_rows, std::move(sent), std::move(send_begin),
                   std::move(receive_begin)),
          std::move(parts)};
}

void NeighbourSampler::sample(std::uint64_t step, std::span<const std::int32_t> rows) {
  blocks_.clear();
  places_.assign(at(num_layers()), {});
  std::span<const std::int32_t> targets = rows;
  std::vector<std::int32_t> places(rows.size());
  std::iota(places.begin(), places.end(), 0);
  for (std::int64_t layer = num_layers(); layer >= 1; --layer) {
    const SampledBlock& block =
        blocks_.emplace_front(make_block(targets, draw(step, layer, targets)));
    for (auto& place : places) place = block.targets()[at(place)];
    places_[at(layer - 1)] = places;
    targets = block.rows();
  }
}

}  // namespace halorec
