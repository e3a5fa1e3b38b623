// y = A x for the symmetrically normalised adjacency A of the whole graph, spread over ranks: start
// the gather of boundary rows, multiply the local edges in chunks while they travel (MPI moves data
// only inside its calls, so progress is driven between chunks), finish the gather, multiply the
// cross edges.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/halo.hpp"
#include "engine/matrix.hpp"
#include "partition/shard.hpp"

namespace halorec {

template <typename T>
class Propagation {
 public:
  explicit Propagation(const Shard& shard);

  std::int64_t num_owned() const { return shard_->num_owned(); }
  Communicator& communicator() const { return shard_->communicator(); }

  // y = A x; x, y: [num_owned x cols], owned rows, distinct. Collective.
  void multiply(MatrixView<const T> x, MatrixView<T> y);
  // y = A^T x, the adjoint: cross edges first, whose sums travel home while the local edges are
  // multiplied, and are added in rank order. Collective. (A is symmetric, so both give the same up
  // to the order of sums; the tape calls this one, as every operator's backward calls its adjoint.)
  void multiply_transposed(MatrixView<const T> x, MatrixView<T> y);

 private:
  // Row ranges of nearly equal numbers of nonzeros.
  using Chunks = std::vector<std::int64_t>;
  static Chunks balanced_chunks(const Csr& matrix);
  template <typename BetweenChunks>
  void product(const Csr& matrix, const Chunks& chunks, MatrixView<const T> x, MatrixView<T> y,
               bool accumulate, const BetweenChunks& between);

  const Shard* shard_;
  HaloExchange<T> exchange_;
  Chunks local_chunks_, cross_chunks_, cross_transposed_chunks_;
  Matrix<T> ghosts_;
};

}  // namespace halorec
