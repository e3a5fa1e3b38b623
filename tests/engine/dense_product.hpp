// y = A x by the normalised adjacency written out: what products over ranks are compared with.
#pragma once

#include <cmath>
#include <vector>

#include "engine/matrix.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {

// The normalised adjacency of the training pairs, written out. [nodes x nodes], row-major.
inline std::vector<double> dense_adjacency(const Dataset& data, std::size_t* num_nodes) {
  const std::size_t users = data.users.size();
  *num_nodes = users + data.items.size();
  const Interactions& train = data[Split::train];
  std::vector<double> degree(*num_nodes, 0), a(*num_nodes * *num_nodes, 0);
  for (std::size_t k = 0; k < train.user.size(); ++k) {
    ++degree[train.user[k]];
    ++degree[users + train.item[k]];
  }
  for (std::size_t k = 0; k < train.user.size(); ++k) {
    const std::size_t u = train.user[k], i = users + train.item[k];
    a[u * *num_nodes + i] = a[i * *num_nodes + u] = 1 / std::sqrt(degree[u] * degree[i]);
  }
  return a;
}

// A x of the whole graph, rows as in whole_graph.hpp.
template <typename T>
Matrix<T> dense_product(const Dataset& data, const Matrix<T>& x) {
  std::size_t n = 0;
  const std::vector<double> a = dense_adjacency(data, &n);
  Matrix<T> y(x.rows(), x.cols());
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    for (std::int64_t c = 0; c < x.cols(); ++c) {
      double sum = 0;
      for (std::int64_t k = 0; k < x.rows(); ++k) {
        sum += a[static_cast<std::size_t>(r) * n + static_cast<std::size_t>(k)] *
               static_cast<double>(x(k, c));
      }
      y(r, c) = static_cast<T>(sum);
    }
  }
  return y;
}

}  // namespace halorec
