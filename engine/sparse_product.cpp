#include "engine/sparse_product.hpp"

#include <omp.h>

#include <algorithm>

namespace halorec {
namespace {

constexpr std::int64_t kMaxChunks = 512;
constexpr std::int64_t kMinChunkNonzeros = 2048;
constexpr std::int64_t kSegmentNonzeros = 1 << 13;
constexpr std::int64_t kHubNonzeros = 2 * kSegmentNonzeros;

}  // namespace

RowChunks::RowChunks(const Csr& matrix) {
  deal(matrix, matrix.num_rows());
}

RowChunks::RowChunks(const Csr& matrix, std::span<const std::int32_t> rows) : rows_(rows) {
  if (!rows.empty()) deal(matrix, std::ssize(rows));
}

void RowChunks::deal(const Csr& matrix, std::int64_t num_positions) {
  const auto begin_of = [&](std::int64_t k) {
    const std::int64_t row = rows_.empty() ? k : rows_[static_cast<std::size_t>(k)];
    return matrix.row_begin[static_cast<std::size_t>(row)];
  };
  const auto end_of = [&](std::int64_t k) {
    const std::int64_t row = rows_.empty() ? k : rows_[static_cast<std::size_t>(k)];
    return matrix.row_begin[static_cast<std::size_t>(row) + 1];
  };
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < num_positions; ++k) total += end_of(k) - begin_of(k) + 1;
  // Rows without nonzeros cost too: they are written.
  const std::int64_t target = std::max(kMinChunkNonzeros, total / kMaxChunks + 1);
  std::int64_t first = 0, filled = 0;
  const auto close = [&](std::int64_t last) {
    if (last > first) chunks_.push_back({first, last});
    first = last;
    filled = 0;
  };
  for (std::int64_t k = 0; k < num_positions; ++k) {
    const std::int64_t begin = begin_of(k), end = end_of(k);
    if (end - begin > kHubNonzeros) {
      close(k);
      first = k + 1;
      const std::int64_t first_segment = num_segments();
      for (std::int64_t e = begin; e < end; e += kSegmentNonzeros) {
        segments_.push_back(e);
        segments_.push_back(std::min(end, e + kSegmentNonzeros));
      }
      hubs_.push_back({k, first_segment, num_segments()});
      longest_row_ = std::max(longest_row_, kSegmentNonzeros);
      continue;
    }
    longest_row_ = std::max(longest_row_, end - begin);
    filled += end - begin + 1;
    if (filled >= target) close(k + 1);
  }
  close(num_positions);
}

template <typename T>
void SparseProduct<T>::prepare(const Csr& matrix, const RowChunks& chunks, kernels::Spmm<T>& what) {
  what.row_begin = matrix.row_begin.data();
  what.column = matrix.column.data();
  what.value = matrix.has_values() ? matrix.value.data() : nullptr;
  what.rows = chunks.rows().empty() ? nullptr : chunks.rows().data();
  if (what.rows != nullptr || what.x_row != nullptr) {
    const auto room = static_cast<std::size_t>(chunks.longest_row() + kernels::kKeptEdges +
                                               kernels::kKeptPadding);
    kept_.resize(static_cast<std::size_t>(omp_get_max_threads()));
    for (auto& kept : kept_) kept.resize(room);
    if (what.value != nullptr) {
      kept_value_.resize(kept_.size());
      for (auto& kept : kept_value_) kept.resize(room);
    }
  }
  if (segment_sums_.rows() < chunks.num_segments() || segment_sums_.cols() != what.cols) {
    segment_sums_ = Matrix<T>(chunks.num_segments(), what.cols);
  }
}

template <typename T>
std::int64_t SparseProduct<T>::items_per_region(std::int64_t num_items) {
  constexpr std::int64_t kRegions = 24;
  return std::max<std::int64_t>(2 * omp_get_max_threads(), num_items / kRegions);
}

template <typename T>
void SparseProduct<T>::run(const Csr& matrix, const RowChunks& chunks, kernels::Spmm<T> what) {
  prepare(matrix, chunks, what);
  run_chunks(chunks, what, 0, chunks.num_segments() + std::ssize(chunks.chunks()));
  add_hubs(chunks, what);
}

template <typename T>
void SparseProduct<T>::run_chunks(const RowChunks& chunks, const kernels::Spmm<T>& what,
                                  std::int64_t first, std::int64_t last) {
#pragma omp parallel
  {
    kernels::Spmm<T> own = what;
    if (own.rows != nullptr || own.x_row != nullptr) {
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
      own.kept = kept_[thread].data();
      if (own.value != nullptr) own.kept_value = kept_value_[thread].data();
    }
    kernels::Spmm<T> segment = own;
    segment.rows = nullptr;
    segment.row_scale = nullptr;
    segment.base = nullptr;
    segment.accumulate = false;
    segment.y_by_row = false;
    segment.factor = T{1};
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t item = first; item < last; ++item) {
      if (item < chunks.num_segments()) {
        segment.row_begin = chunks.segments().data() + 2 * item;
        segment.y = segment_sums_.row(item);
        kernels::spmm_rows<T>(segment, 0, 1);
        continue;
      }
      const auto chunk = chunks.chunks()[static_cast<std::size_t>(item - chunks.num_segments())];
      kernels::spmm_rows<T>(own, chunk.first, chunk.last);
    }
  }
}

template <typename T>
void SparseProduct<T>::add_hubs(const RowChunks& chunks, const kernels::Spmm<T>& what) {
  for (const RowChunks::Hub& hub : chunks.hubs()) {
    const std::int64_t row = what.rows == nullptr ? hub.position : what.rows[hub.position];
    T* y = what.y + (what.y_by_row ? row : hub.position) * what.y_stride;
    const T factor = what.row_scale == nullptr ? what.factor : what.factor * what.row_scale[row];
    const std::int64_t at = what.base_row == nullptr ? row : what.base_row[row];
    const bool has_base = what.base != nullptr && at >= 0;
    for (std::int64_t c = 0; c < what.cols; ++c) {
      T sum{0};
      for (std::int64_t s = hub.first_segment; s < hub.last_segment; ++s) {
        sum += segment_sums_(s, c);
      }
      T start{0};
      if (what.accumulate) {
        start = y[c];
      } else if (has_base) {
        start = what.base_factor * what.base[at * what.base_stride + c];
      }
      y[c] = start + factor * sum;
    }
  }
}

template class SparseProduct<float>;
template class SparseProduct<double>;

}  // namespace halorec
