#include "engine/ops/attention.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/kernels/attention.hpp"
#include "engine/kernels/dense.hpp"

namespace halorec {
namespace {

std::int64_t first_edge(const Csr& edges, std::int64_t row) {
  return edges.row_begin[static_cast<std::size_t>(row)];
}

// The neighbours of an owned row.
template <typename T>
kernels::EdgeRow<T> edge_row(const Csr& edges, std::int64_t row, MatrixView<const T> x,
                             std::int64_t num_heads, const T* scale = nullptr) {
  const std::int64_t begin = first_edge(edges, row);
  return {edges.column.data() + begin,
          first_edge(edges, row + 1) - begin,
          x.data,
          x.stride,
          num_heads,
          x.cols / num_heads,
          scale};
}

// The readers of a neighbour.
kernels::ReaderRow reader_row(const Neighbourhood& neighbours, std::int64_t source, Rows rows) {
  const Csr& readers = neighbours.readers();
  const std::int64_t begin = first_edge(readers, source);
  return {readers.column.data() + begin, neighbours.edge_of().data() + begin,
          first_edge(readers, source + 1) - begin, neighbours.place(rows)};
}

// Replaces the scores of a node's edges, [count x num_heads], by their softmax in each head.
template <typename T>
void softmax_by_head(std::int64_t count, std::int64_t num_heads, T* scores, std::vector<T>& one) {
  one.resize(static_cast<std::size_t>(count));
  for (std::int64_t h = 0; h < num_heads; ++h) {
    for (std::int64_t e = 0; e < count; ++e) {
      one[static_cast<std::size_t>(e)] = scores[e * num_heads + h];
    }
    T largest{0};
    const double sum = kernels::exponentials<T>(count, T{1}, one.data(), &largest);
    for (std::int64_t e = 0; e < count; ++e) {
      scores[e * num_heads + h] = static_cast<T>(one[static_cast<std::size_t>(e)] / sum);
    }
  }
}

// A row shorter than this has no direction.
constexpr double kShortest = 1e-12;

}  // namespace

template <typename T>
Variable<T>& gat_attention(Tape<T>& tape, const Neighbourhood& neighbours, Variable<T>& targets,
                           Variable<T>& sources, Variable<T>& attention, std::int64_t num_heads,
                           Rows rows, const Variable<T>* source_scale) {
  const Csr& edges = neighbours.edges();
  const std::int64_t n = neighbours.num_rows(rows), dim = sources.value.cols;
  HALOREC_ASSERT_LIGHT(targets.value.rows == n && targets.value.cols == dim &&
                       targets.value.stride == dim);
  HALOREC_ASSERT_LIGHT(sources.value.rows == neighbours.num_sources() && dim % num_heads == 0);
  HALOREC_ASSERT_LIGHT(attention.value.rows == 1 && attention.value.cols == dim);
  Variable<T>& result = tape.result(n, dim);
  HALOREC_ASSERT_LIGHT(source_scale == nullptr || (source_scale->value.cols == 1 &&
                                                   source_scale->value.rows == sources.value.rows));
  const T* scale = source_scale == nullptr ? nullptr : source_scale->value.data;
  MatrixView<T> weights = tape.scratch(neighbours.num_edges(), num_heads).view();
  for_each_row(neighbours.chunks(rows), [&](std::int64_t, std::int64_t k, std::int64_t row) {
    const auto edge = edge_row<T>(edges, row, sources.value, num_heads, scale);
    if (edge.count == 0) {
      std::fill_n(result.value.row(k), dim, T{0});
      return;
    }
    T* w = weights.row(first_edge(edges, row));
    kernels::gat_scores(edge, targets.value.row(k), attention.value.data, w);
    thread_local std::vector<T> one_head;
    softmax_by_head(edge.count, num_heads, w, one_head);
    for (std::int64_t e = 0; e < edge.count && scale != nullptr; ++e) {
      for (std::int64_t h = 0; h < num_heads; ++h) w[e * num_heads + h] *= scale[edge.column[e]];
    }
    kernels::weighted_rows(edge, w, result.value.row(k));
  });

  // First over nodes: ds_ij = w_ij (b_j <dy_i, x_j> - <dy_i, y_i>), dt_i and da, summed by parcel
  // and then over parcels. Then over neighbours, who collect from their readers: no two threads
  // write one row.
  tape.record([&tape, &neighbours, &targets, &sources, &attention, &result, weights, scale,
               num_heads, rows, dim] {
    const Csr& lists = neighbours.edges();
    const RowChunks& chunks = neighbours.chunks(rows);
    targets.clear_stale_gradient();
    sources.clear_stale_gradient();
    MatrixView<T> slopes = tape.scratch(neighbours.num_edges(), num_heads).view();
    Matrix<T> shares(num_parcels(chunks), dim);  // of da
    for_each_row(chunks, [&](std::int64_t parcel, std::int64_t k, std::int64_t row) {
      thread_local std::vector<T> above;
      above.resize(static_cast<std::size_t>(dim));
      const std::int64_t at = first_edge(lists, row);
      kernels::gat_backward_target(edge_row<T>(lists, row, sources.value, num_heads, scale),
                                   targets.value.row(k), attention.value.data, weights.row(at),
                                   result.value.row(k), result.gradient.row(k), slopes.row(at),
                                   above.data(), targets.gradient.row(k), shares.row(parcel));
    });
    if (attention.wants_gradient()) {
      attention.clear_stale_gradient();
      for (std::int64_t p = 0; p < shares.rows(); ++p) {
        kernels::add_scaled(dim, T{1}, shares.row(p), attention.gradient.data);
      }
    }
    for_each_row(neighbours.reader_chunks(), [&](std::int64_t, std::int64_t, std::int64_t source) {
      kernels::gat_backward_source(reader_row(neighbours, source, rows), num_heads, dim / num_heads,
                                   sources.value.row(source), attention.value.data,
                                   targets.value.data, weights.data, slopes.data,
                                   result.gradient.data, sources.gradient.row(source));
    });
  });
  return result;
}

template <typename T>
Variable<T>& neighbour_aware_sum(Tape<T>& tape, const Neighbourhood& neighbours,
                                 Variable<T>& sources, Rows rows) {
  const Csr& edges = neighbours.edges();
  const std::int64_t n = neighbours.num_rows(rows), dim = sources.value.cols;
  HALOREC_ASSERT_LIGHT(sources.value.rows == neighbours.num_sources());
  Variable<T>& result = tape.result(n, dim);
  MatrixView<T> inverse_norm = tape.scratch(sources.value.rows, 1).view();
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < sources.value.rows; ++r) {
    double square = 0;
    for (const T x : sources.value.row_span(r)) {
      square += static_cast<double>(x) * static_cast<double>(x);
    }
    const double norm = std::sqrt(square);
    inverse_norm(r, 0) = norm < kShortest ? T{0} : static_cast<T>(1.0 / norm);
  }
  MatrixView<T> weights = tape.scratch(neighbours.num_edges(), 1).view();
  MatrixView<T> means = tape.scratch(n, dim).view();
  MatrixView<T> scale = tape.scratch(n, 1).view();
  for_each_row(neighbours.chunks(rows), [&](std::int64_t, std::int64_t k, std::int64_t row) {
    const auto edge = edge_row<T>(edges, row, sources.value, 1);
    T* w = weights.row(first_edge(edges, row));
    // d^-1/2 of the sum over all d neighbours, for which those listed stand, each for d / count.
    const auto count = static_cast<T>(edge.count), degree = static_cast<T>(neighbours.degree(row));
    scale(k, 0) = edge.count == 0 ? T{0} : T{1} / std::sqrt(count) * std::sqrt(degree / count);
    kernels::aware_weights(edge, inverse_norm.data, means.row(k), w);
    kernels::weighted_rows(edge, w, result.value.row(k));
    kernels::scale_into(dim, scale(k, 0), result.value.row(k), result.value.row(k));
  });

  // With s_i = n_i^-1/2 and p_ij = s_i <dy_i, x_j> where w_ij > 0, else 0:
  //   dm_i = sum over j of p_ij u_j,   du_j = sum over readers i of p_ij m_i + dm_i / n_i,
  //   dx_j += sum over readers i of s_i w_ij dy_i  +  (du_j - u_j <u_j, du_j>) / |x_j|.
  tape.record([&tape, &neighbours, &sources, &result, inverse_norm, weights, means, scale, rows, n,
               dim] {
    if (!sources.wants_gradient()) return;
    sources.clear_stale_gradient();
    const Csr& lists = neighbours.edges();
    MatrixView<T> slopes = tape.scratch(neighbours.num_edges(), 1).view();
    MatrixView<T> d_means = tape.scratch(n, dim).view();
    for_each_row(neighbours.chunks(rows), [&](std::int64_t, std::int64_t k, std::int64_t row) {
      const std::int64_t at = first_edge(lists, row);
      kernels::aware_backward_target(edge_row<T>(lists, row, sources.value, 1), inverse_norm.data,
                                     weights.row(at), scale(k, 0), result.gradient.row(k),
                                     slopes.row(at), d_means.row(k));
    });
    for_each_row(neighbours.reader_chunks(), [&](std::int64_t, std::int64_t, std::int64_t source) {
      thread_local std::vector<T> sums;
      sums.resize(static_cast<std::size_t>(2 * dim));
      T *direct = sums.data(), *unit = direct + dim;
      kernels::aware_backward_source(reader_row(neighbours, source, rows), dim, scale.data,
                                     weights.data, slopes.data, result.gradient.data, means.data,
                                     d_means.data, direct, unit);
      const T inverse = inverse_norm(source, 0);
      const T* x = sources.value.row(source);
      T* dx = sources.gradient.row(source);
      T along{0};
      for (std::int64_t c = 0; c < dim; ++c) along += inverse * x[c] * unit[c];
      for (std::int64_t c = 0; c < dim; ++c) {
        dx[c] += direct[c] + inverse * (unit[c] - inverse * x[c] * along);
      }
    });
  });
  return result;
}

#define HALOREC_INSTANTIATE(T)                                                           \
  template Variable<T>& gat_attention<T>(Tape<T>&, const Neighbourhood&, Variable<T>&,   \
                                         Variable<T>&, Variable<T>&, std::int64_t, Rows, \
                                         const Variable<T>*);                            \
  template Variable<T>& neighbour_aware_sum<T>(Tape<T>&, const Neighbourhood&, Variable<T>&, Rows);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
