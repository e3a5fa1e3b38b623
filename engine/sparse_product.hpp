// A sparse product on all threads of a rank: rows are dealt to threads in chunks of nearly equal
// numbers of nonzeros, and a hub's row, which alone could starve the others, is cut into segments
// whose sums are added in a fixed order. The bits depend neither on the threads nor on the
// schedule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/spmm.hpp"
#include "engine/matrix.hpp"
#include "partition/shard.hpp"

namespace halorec {

// How the rows of a matrix, or a list of them, are dealt out.
class RowChunks {
 public:
  RowChunks() = default;
  explicit RowChunks(const Csr& matrix);
  // Only the rows listed; the list is kept by reference.
  RowChunks(const Csr& matrix, std::span<const std::int32_t> rows);

  // Positions [first, last): rows themselves, or places in the list.
  struct Chunk {
    std::int64_t first, last;
  };
  struct Hub {
    std::int64_t position;
    std::int64_t first_segment, last_segment;
  };
  std::span<const Chunk> chunks() const { return chunks_; }  // without hubs
  std::span<const Hub> hubs() const { return hubs_; }
  // Segment s holds the edges [segments()[2 s], segments()[2 s + 1]).
  std::span<const std::int64_t> segments() const { return segments_; }
  std::int64_t num_segments() const { return std::ssize(segments_) / 2; }
  std::span<const std::int32_t> rows() const { return rows_; }  // empty: all rows
  std::int64_t longest_row() const { return longest_row_; }     // or segment, if that is all it has

 private:
  void deal(const Csr& matrix, std::int64_t num_positions);

  std::span<const std::int32_t> rows_;
  std::vector<Chunk> chunks_;
  std::vector<Hub> hubs_;
  std::vector<std::int64_t> segments_;
  std::int64_t longest_row_ = 0;
};

template <typename T>
class SparseProduct {
 public:
  // Computes what `what` says for all positions of `chunks` (its row_begin, column, value, rows and
  // kept are filled in here). Calls between() on the main thread now and then, so that MPI can move
  // data.
  template <typename Between>
  void run(const Csr& matrix, const RowChunks& chunks, kernels::Spmm<T> what,
           const Between& between);
  // The same with nothing to call: all in one parallel region.
  void run(const Csr& matrix, const RowChunks& chunks, kernels::Spmm<T> what);

 private:
  void prepare(const Csr& matrix, const RowChunks& chunks, kernels::Spmm<T>& what);
  void run_chunks(const RowChunks& chunks, const kernels::Spmm<T>& what, std::int64_t first,
                  std::int64_t last);
  void add_hubs(const RowChunks& chunks, const kernels::Spmm<T>& what);

  // Work items (segments, then chunks) of one parallel region, after which between() is called: few
  // enough for many calls, more than one for each thread.
  static std::int64_t items_per_region(std::int64_t num_items);

  std::vector<std::vector<std::int32_t>> kept_;  // one a thread
  std::vector<std::vector<float>> kept_value_;
  Matrix<T> segment_sums_;
};

template <typename T>
template <typename Between>
void SparseProduct<T>::run(const Csr& matrix, const RowChunks& chunks, kernels::Spmm<T> what,
                           const Between& between) {
  prepare(matrix, chunks, what);
  const std::int64_t num_items = chunks.num_segments() + std::ssize(chunks.chunks());
  const std::int64_t step = items_per_region(num_items);
  for (std::int64_t first = 0; first < num_items; first += step) {
    run_chunks(chunks, what, first, std::min(num_items, first + step));
    between();
  }
  add_hubs(chunks, what);
}

}  // namespace halorec
