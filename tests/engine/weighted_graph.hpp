// Products with graphs whose edges weigh, written out: what the engine is compared with.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

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

}  // namespace halorec
