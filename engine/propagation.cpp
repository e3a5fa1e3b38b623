#include "engine/propagation.hpp"

#include <algorithm>

#include "engine/kernels/spmm.hpp"

namespace halorec {
namespace {

// Chunks that one parallel region works through before the main thread lets MPI move data.
constexpr std::int64_t kChunksPerRegion = 32;
constexpr std::int64_t kMaxRegions = 16;
constexpr std::int64_t kMinChunkNonzeros = 2048;

}  // namespace

template <typename T>
Propagation<T>::Propagation(const Shard& shard)
    : shard_(&shard),
      exchange_(shard.halo()),
      local_chunks_(balanced_chunks(shard.local())),
      cross_chunks_(balanced_chunks(shard.cross())),
      cross_transposed_chunks_(balanced_chunks(shard.cross_transposed())) {}

template <typename T>
typename Propagation<T>::Chunks Propagation<T>::balanced_chunks(const Csr& matrix) {
  const std::int64_t target =
      std::max(kMinChunkNonzeros, matrix.num_nonzeros() / (kChunksPerRegion * kMaxRegions) + 1);
  Chunks begin{0};
  for (std::int64_t row = 0; row < matrix.num_rows(); ++row) {
    const std::int64_t filled = matrix.row_begin[static_cast<std::size_t>(row) + 1] -
                                matrix.row_begin[static_cast<std::size_t>(begin.back())];
    // Rows without nonzeros cost too: they are written.
    if (filled >= target || row + 1 - begin.back() >= target) begin.push_back(row + 1);
  }
  if (begin.back() != matrix.num_rows()) begin.push_back(matrix.num_rows());
  return begin;
}

template <typename T>
template <typename BetweenChunks>
void Propagation<T>::product(const Csr& matrix, const Chunks& chunks, MatrixView<const T> x,
                             MatrixView<T> y, bool accumulate, const BetweenChunks& between) {
  const std::int64_t num_chunks = std::ssize(chunks) - 1;
  for (std::int64_t region = 0; region < num_chunks; region += kChunksPerRegion) {
    const std::int64_t last = std::min(num_chunks, region + kChunksPerRegion);
    // Each row is one thread's, so any schedule gives the same bits.
#pragma omp parallel for schedule(dynamic, 1)
    for (std::int64_t c = region; c < last; ++c) {
      const auto chunk = static_cast<std::size_t>(c);
      kernels::spmm_rows<T>(matrix.row_begin.data(), matrix.column.data(), matrix.weight.data(),
                            chunks[chunk], chunks[chunk + 1], x.data, x.stride, y.data, y.stride,
                            x.cols, accumulate);
    }
    between();
  }
}

template <typename T>
void Propagation<T>::multiply(MatrixView<const T> x, MatrixView<T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == num_owned() && y.rows == num_owned() && x.cols == y.cols);
  HALOREC_ASSERT_LIGHT(x.data != y.data || x.rows == 0);
  exchange_.start_gather(x.data, x.cols, x.stride);
  product(shard_->local(), local_chunks_, x, y, false, [&] { exchange_.progress(); });
  const T* ghosts = exchange_.finish_gather();
  const MatrixView<const T> ghost_rows{ghosts, shard_->num_ghosts(), x.cols, x.cols};
  product(shard_->cross(), cross_chunks_, ghost_rows, y, true, [] {});
}

template <typename T>
void Propagation<T>::multiply_transposed(MatrixView<const T> x, MatrixView<T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == num_owned() && y.rows == num_owned() && x.cols == y.cols);
  HALOREC_ASSERT_LIGHT(x.data != y.data || x.rows == 0);
  if (ghosts_.rows() != shard_->num_ghosts() || ghosts_.cols() != x.cols) {
    ghosts_ = Matrix<T>(shard_->num_ghosts(), x.cols);
  }
  product(shard_->cross_transposed(), cross_transposed_chunks_, x, ghosts_.view(), false, [] {});
  exchange_.start_scatter_add(ghosts_.data(), x.cols);
  // The local block of a symmetric matrix is its own transpose.
  product(shard_->local(), local_chunks_, x, y, false, [&] { exchange_.progress(); });
  exchange_.finish_scatter_add(y.data, y.stride);
}

template class Propagation<float>;
template class Propagation<double>;

}  // namespace halorec
