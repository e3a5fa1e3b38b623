#include "partition/placement.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace halorec {
namespace {

using Weight = std::int64_t;
using Hosts = std::vector<std::int32_t>;  // of each part or rank

constexpr std::int32_t kNoHost = -1;

// What each part exchanges with which other: both directions of every pair, in compressed rows.
class Neighbours {
 public:
  struct Link {
    std::int32_t part = 0;
    Weight vectors = 0;
  };

  Neighbours(std::span<const PairTraffic> traffic, std::size_t num_parts)
      : begin_(num_parts + 1, 0), links_(2 * traffic.size()) {
    for (const PairTraffic& pair : traffic) {
      ++begin_[static_cast<std::size_t>(pair.low) + 1];
      ++begin_[static_cast<std::size_t>(pair.high) + 1];
    }
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    std::vector<std::size_t> next(begin_.begin(), begin_.end() - 1);
    for (const PairTraffic& pair : traffic) {
      const auto vectors = static_cast<Weight>(pair.vectors);
      links_[next[static_cast<std::size_t>(pair.low)]++] = {pair.high, vectors};
      links_[next[static_cast<std::size_t>(pair.high)]++] = {pair.low, vectors};
    }
  }

  std::span<const Link> of(std::size_t part) const {
    return std::span(links_).subspan(begin_[part], begin_[part + 1] - begin_[part]);
  }

 private:
  std::vector<std::size_t> begin_;
  std::vector<Link> links_;
};

Weight between_hosts(std::span<const PairTraffic> traffic, std::span<const std::int32_t> host) {
  Weight sum = 0;
  for (const PairTraffic& pair : traffic) {
    if (host[static_cast<std::size_t>(pair.low)] != host[static_cast<std::size_t>(pair.high)]) {
      sum += static_cast<Weight>(pair.vectors);
    }
  }
  return sum;
}

// Fills the hosts one by one, those with most ranks first. A host begins with the part that
// exchanges most with parts that have no place yet.
Hosts grow(const Neighbours& neighbours, const std::vector<std::int32_t>& num_ranks,
           std::size_t num_parts) {
  std::vector<std::int32_t> order(num_ranks.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return num_ranks[static_cast<std::size_t>(a)] > num_ranks[static_cast<std::size_t>(b)];
  });
  Hosts host(num_parts, kNoHost);
  std::vector<Weight> loose(num_parts, 0);  // exchanged with parts without a place
  for (std::size_t p = 0; p < num_parts; ++p) {
    for (const auto& link : neighbours.of(p)) loose[p] += link.vectors;
  }
  for (const std::int32_t h : order) {
    std::vector<Weight> here(num_parts, 0);  // exchanged with parts of this host
    for (std::int32_t k = 0; k < num_ranks[static_cast<std::size_t>(h)]; ++k) {
      std::size_t best = num_parts;
      for (std::size_t p = 0; p < num_parts; ++p) {
        if (host[p] != kNoHost) continue;
        if (best == num_parts ||
            std::pair(here[p], loose[p]) > std::pair(here[best], loose[best])) {
          best = p;
        }
      }
      host[best] = h;
      for (const auto& link : neighbours.of(best)) {
        here[static_cast<std::size_t>(link.part)] += link.vectors;
        loose[static_cast<std::size_t>(link.part)] -= link.vectors;
      }
    }
  }
  return host;
}

// Swaps parts of different hosts while that keeps more within hosts.
class Swapping {
 public:
  Swapping(const Neighbours& neighbours, std::size_t num_hosts, Hosts host)
      : neighbours_(neighbours),
        host_(std::move(host)),
        inside_(host_.size(), 0),
        with_current_(host_.size(), 0),
        with_part_(host_.size(), 0),
        with_host_(num_hosts, 0) {
    for (std::size_t p = 0; p < host_.size(); ++p) inside_[p] = exchanged_with(p, host_[p]);
  }

  Hosts run() {
    for (std::size_t round = 0; round < host_.size(); ++round) {
      bool any = false;
      for (std::size_t h = 0; h < with_host_.size(); ++h) {
        any = swap_from(static_cast<std::int32_t>(h)) || any;
      }
      if (!any) break;
    }
    return host_;
  }

 private:
  Weight exchanged_with(std::size_t part, std::int32_t host) const {
    Weight sum = 0;
    for (const auto& link : neighbours_.of(part)) {
      if (host_[static_cast<std::size_t>(link.part)] == host) sum += link.vectors;
    }
    return sum;
  }

  // Every part of host `a` against all of other hosts.
  bool swap_from(std::int32_t a) {
    std::fill(with_current_.begin(), with_current_.end(), 0);
    for (std::size_t p = 0; p < host_.size(); ++p) {
      if (host_[p] != a) continue;
      for (const auto& link : neighbours_.of(p)) {
        with_current_[static_cast<std::size_t>(link.part)] += link.vectors;
      }
    }
    bool any = false;
    for (std::size_t p = 0; p < host_.size(); ++p) {
      if (host_[p] != a) continue;
      const std::size_t q = best_for(p);
      if (q == p) continue;
      const std::int32_t b = host_[q];
      move(p, a, b, a);
      move(q, b, a, a);
      any = true;
    }
    return any;
  }

  // The part whose change of places with `p` keeps most within hosts; p where none helps.
  // gain = (p with q's host - p with its own) + (q with p's host - q with its own) - 2 (p with q)
  std::size_t best_for(std::size_t p) {
    for (const auto& link : neighbours_.of(p)) {
      const auto q = static_cast<std::size_t>(link.part);
      with_part_[q] = link.vectors;
      with_host_[static_cast<std::size_t>(host_[q])] += link.vectors;
    }
    std::size_t best = p;
    Weight best_gain = 0;
    for (std::size_t q = 0; q < host_.size(); ++q) {
      if (host_[q] == host_[p]) continue;
      const Weight gain = with_host_[static_cast<std::size_t>(host_[q])] - inside_[p] +
                          with_current_[q] - inside_[q] - 2 * with_part_[q];
      if (gain > best_gain) {
        best_gain = gain;
        best = q;
      }
    }
    for (const auto& link : neighbours_.of(p)) with_part_[static_cast<std::size_t>(link.part)] = 0;
    std::fill(with_host_.begin(), with_host_.end(), 0);
    return best;
  }

  // Keeps inside_ and, for host `current`, with_current_ true.
  void move(std::size_t p, std::int32_t from, std::int32_t to, std::int32_t current) {
    host_[p] = to;
    inside_[p] = exchanged_with(p, to);
    const Weight sign = to == current ? 1 : -1;
    for (const auto& link : neighbours_.of(p)) {
      const auto q = static_cast<std::size_t>(link.part);
      with_current_[q] += sign * link.vectors;
      if (host_[q] == from) inside_[q] -= link.vectors;
      if (host_[q] == to) inside_[q] += link.vectors;
    }
  }

  const Neighbours& neighbours_;
  Hosts host_;
  std::vector<Weight> inside_;        // what a part exchanges within its host
  std::vector<Weight> with_current_;  // with the host whose parts are tried
  // Of the part that is tried, zero otherwise: with each part, and with each host.
  std::vector<Weight> with_part_, with_host_;
};

}  // namespace

bool placement_matters(std::span<const std::int32_t> host_of_rank) {
  const Hosts hosts(host_of_rank.begin(), host_of_rank.end());
  Hosts distinct = hosts;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  return distinct.size() > 1 && distinct.size() < hosts.size();
}

Placement place_parts(std::span<const PairTraffic> traffic,
                      std::span<const std::int32_t> host_of_rank) {
  const std::size_t num_parts = host_of_rank.size();
  Placement placement;
  placement.num_hosts =
      num_parts == 0 ? 0 : *std::max_element(host_of_rank.begin(), host_of_rank.end()) + 1;
  std::vector<std::int32_t> num_ranks(static_cast<std::size_t>(placement.num_hosts), 0);
  for (const std::int32_t h : host_of_rank) ++num_ranks[static_cast<std::size_t>(h)];
  for (const PairTraffic& pair : traffic) placement.vectors += pair.vectors;

  const Neighbours neighbours(traffic, num_parts);
  const Hosts as_cut(host_of_rank.begin(), host_of_rank.end());
  Hosts best = Swapping(neighbours, num_ranks.size(), as_cut).run();
  Hosts grown =
      Swapping(neighbours, num_ranks.size(), grow(neighbours, num_ranks, num_parts)).run();
  if (between_hosts(traffic, grown) < between_hosts(traffic, best)) best = std::move(grown);
  placement.between_hosts_as_cut = static_cast<std::uint64_t>(between_hosts(traffic, as_cut));
  placement.between_hosts = static_cast<std::uint64_t>(between_hosts(traffic, best));

  // Parts of a host in their order to its ranks in theirs.
  std::vector<std::vector<std::int32_t>> ranks_of_host(num_ranks.size());
  for (std::size_t r = 0; r < num_parts; ++r) {
    ranks_of_host[static_cast<std::size_t>(host_of_rank[r])].push_back(
        static_cast<std::int32_t>(r));
  }
  std::vector<std::size_t> next(num_ranks.size(), 0);
  for (std::size_t p = 0; p < num_parts; ++p) {
    const auto h = static_cast<std::size_t>(best[p]);
    placement.rank_of_part.push_back(ranks_of_host[h][next[h]++]);
  }
  return placement;
}

}  // namespace halorec
