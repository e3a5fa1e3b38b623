// Products with graphs whose edges weigh, written out: what the engine is compared with.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/ops/sampled_sum.hpp"
#include "partition/interaction_facts.hpp"
#include "tests/dated_dataset.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {

struct KnownEdge {
  double weight = 0;      // summed
  std::int64_t time = 0;  // newest
};
using KnownEdges = std::map<std::pair<std::uint32_t, std::uint32_t>, KnownEdge>;

inline KnownEdges known_edges(const Dataset& data, TrainingPart part) {
  KnownEdges edges;
  for (int s = 0; s < (part == TrainingPart::train ? 1 : 2); ++s) {
    const Interactions& in = data.splits[static_cast<std::size_t>(s)];
    for (std::size_t k = 0; k < in.user.size(); ++k) {
      KnownEdge& edge = edges[{in.user[k], in.item[k]}];
      edge.weight += static_cast<double>(in.weight[k]);
      edge.time = std::max(edge.time, in.time.empty() ? 0 : in.time[k]);
    }
  }
  return edges;
}

// The weight of an edge of the whole graph; zero: none.
using WeightOf = std::function<double(std::uint32_t user, std::uint32_t item)>;

// y = D^-1/2 W D^-1/2 x with D the sums of W's rows. x: rows as in whole_graph.hpp.
template <typename T>
Matrix<T> weighted_product(std::size_t num_users, std::size_t num_items, const WeightOf& weight,
                           const Matrix<T>& x) {
  std::vector<double> degree(num_users + num_items, 0);
  std::vector<std::tuple<std::size_t, std::size_t, double>> edges;
  for (std::size_t u = 0; u < num_users; ++u) {
    for (std::size_t i = 0; i < num_items; ++i) {
      const double w = weight(static_cast<std::uint32_t>(u), static_cast<std::uint32_t>(i));
      if (w == 0) continue;
      degree[u] += w;
      degree[num_users + i] += w;
      edges.emplace_back(u, num_users + i, w);
    }
  }
  Matrix<double> sums(x.rows(), x.cols());
  for (const auto& [u, i, w] : edges) {
    const double entry = w / std::sqrt(degree[u] * degree[i]);
    const auto user = static_cast<std::int64_t>(u), item = static_cast<std::int64_t>(i);
    for (std::int64_t c = 0; c < x.cols(); ++c) {
      sums(user, c) += entry * static_cast<double>(x(item, c));
      sums(item, c) += entry * static_cast<double>(x(user, c));
    }
  }
  Matrix<T> y(x.rows(), x.cols());
  for (std::size_t k = 0; k < y.values().size(); ++k) {
    y.values()[k] = static_cast<T>(sums.values()[k]);
  }
  return y;
}

// A graph's interactions, equal or each as heavy as its rating, and the same written out.
// Collective to make.
class WrittenEdges {
 public:
  WrittenEdges(const TinyGraph& graph, bool weigh)
      : shard_(graph.shard()), known_(known_edges(graph.data(), TrainingPart::train)) {
    if (!weigh) {
      for (auto& [pair, edge] : known_) edge.weight = 1;
      return;
    }
    const InteractionFacts facts(shard_, graph.file(), TrainingPart::train);
    weighted_ =
        weighted_adjacency(facts, WeightRule::rating, std::numeric_limits<double>::infinity());
  }

  const Adjacency& all() const { return weighted_ ? *weighted_ : shard_.interactions(); }
  // Between a user and an item; zero: none.
  double value(GlobalId one, GlobalId other) const {
    if (one.kind() == other.kind()) return 0;
    if (one.kind() == NodeKind::item) std::swap(one, other);
    const auto found = known_.find({one.index(), other.index()});
    return found == known_.end() ? 0 : found->second.weight;
  }
  double total(GlobalId node) const {
    double sum = 0;
    for (const auto& [pair, edge] : known_) {
      const bool is_end =
          node.index() == (node.kind() == NodeKind::user ? pair.first : pair.second);
      sum += is_end ? edge.weight : 0;
    }
    return sum;
  }
  // What edge (i, j) counts in a sum over all neighbours of i.
  double weight(Normalisation weights, GlobalId i, GlobalId j) const {
    return value(i, j) * (weights == Normalisation::symmetric ? 1 / std::sqrt(total(i) * total(j))
                          : weights == Normalisation::mean    ? 1 / total(i)
                                                              : 1);
  }

 private:
  const Shard& shard_;
  KnownEdges known_;
  std::optional<Adjacency> weighted_;
};

}  // namespace halorec
