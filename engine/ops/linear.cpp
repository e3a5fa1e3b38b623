#include "engine/ops/linear.hpp"

#include <algorithm>

#include "engine/kernels/dense.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kBlockRows = 256;
// Weights' gradients are sums over rows: of so many pieces, each by one thread, whatever the
// threads, then of the pieces in order.
constexpr std::int64_t kPieces = 16;

// f(first row, rows) for blocks of n rows, on all threads.
template <typename F>
void for_each_block(std::int64_t n, const F& f) {
#pragma omp parallel for schedule(static)
  for (std::int64_t first = 0; first < n; first += kBlockRows) {
    f(first, std::min(kBlockRows, n - first));
  }
}

// f(piece, first row, rows): every piece, also one without rows.
template <typename F>
void for_each_piece(std::int64_t n, const F& f) {
#pragma omp parallel for schedule(static)
  for (std::int64_t piece = 0; piece < kPieces; ++piece) {
    const std::int64_t first = n * piece / kPieces;
    f(piece, first, n * (piece + 1) / kPieces - first);
  }
}

// to += the pieces, each as large as `to`, one below the other.
template <typename T>
void add_pieces(MatrixView<const T> pieces, MatrixView<T> to) {
  for (std::int64_t r = 0; r < pieces.rows; ++r) {
    kernels::add_scaled(to.cols, T{1}, pieces.row(r), to.row(r % to.rows));
  }
}

// dW += X^T dY.
template <typename T>
void add_weight_gradient(Tape<T>& tape, MatrixView<const T> x, MatrixView<const T> dy,
                         MatrixView<T> dw) {
  MatrixView<T> pieces = tape.scratch(kPieces * x.cols, dy.cols).view();
  for_each_piece(x.rows, [&](std::int64_t piece, std::int64_t first, std::int64_t n) {
    MatrixView<T> mine = pieces.rows_from(piece * x.cols, x.cols);
    if (n == 0) {
      std::fill_n(mine.data, x.cols * dy.cols, T{0});
      return;
    }
    kernels::matrix_product<T>(true, false, x.cols, dy.cols, n, T{1}, x.row(first), x.stride,
                               dy.row(first), dy.stride, T{0}, mine.data, mine.stride);
  });
  add_pieces<T>(pieces, dw);
}

// db += sum of the rows of dY.
template <typename T>
void add_bias_gradient(Tape<T>& tape, MatrixView<const T> dy, MatrixView<T> db) {
  MatrixView<T> pieces = tape.scratch(kPieces, dy.cols).view();
  for_each_piece(dy.rows, [&](std::int64_t piece, std::int64_t first, std::int64_t n) {
    std::fill_n(pieces.row(piece), dy.cols, T{0});
    for (std::int64_t r = first; r < first + n; ++r) {
      kernels::add_scaled(dy.cols, T{1}, dy.row(r), pieces.row(piece));
    }
  });
  add_pieces<T>(pieces, db);
}

}  // namespace

template <typename T>
Variable<T>& linear(Tape<T>& tape, const std::vector<LinearTerm<T>>& terms, Variable<T>* bias) {
  HALOREC_ASSERT_LIGHT(!terms.empty());
  const std::int64_t n = terms.front().x.value.rows;
  const std::int64_t out = terms.front().weight.value.cols;
  for (const auto& [x, weight] : terms) {
    HALOREC_ASSERT_LIGHT(x.value.rows == n && weight.value.cols == out &&
                         weight.value.rows == x.value.cols);
  }
  Variable<T>& result = tape.result(n, out);
  for_each_block(n, [&](std::int64_t first, std::int64_t rows) {
    T beta{0};
    if (bias != nullptr) {
      for (std::int64_t r = first; r < first + rows; ++r) {
        std::copy_n(bias->value.row(0), out, result.value.row(r));
      }
      beta = T{1};
    }
    for (const auto& [x, weight] : terms) {
      kernels::matrix_product<T>(false, false, rows, out, x.value.cols, T{1}, x.value.row(first),
                                 x.value.stride, weight.value.data, weight.value.stride, beta,
                                 result.value.row(first), result.value.stride);
      beta = T{1};
    }
  });

  // Y = X W + b:  dX += dY W^T,  dW += X^T dY,  db += sum of rows of dY.
  tape.record([&tape, terms, bias, &result, n, out] {
    const MatrixView<const T> dy = result.gradient;
    for (const auto& [x, weight] : terms) {
      if (weight.wants_gradient()) {
        weight.clear_stale_gradient();
        add_weight_gradient<T>(tape, x.value, dy, weight.gradient);
      }
      if (!x.wants_gradient()) continue;
      const T beta = x.claim_gradient() ? T{0} : T{1};
      const MatrixView<T> dx = x.gradient, w = weight.value;
      for_each_block(n, [&](std::int64_t first, std::int64_t rows) {
        kernels::matrix_product<T>(false, true, rows, dx.cols, out, T{1}, dy.row(first), dy.stride,
                                   w.data, w.stride, beta, dx.row(first), dx.stride);
      });
    }
    if (bias != nullptr && bias->wants_gradient()) {
      bias->clear_stale_gradient();
      add_bias_gradient<T>(tape, dy, bias->gradient);
    }
  });
  return result;
}

template Variable<float>& linear<float>(Tape<float>&, const std::vector<LinearTerm<float>>&,
                                        Variable<float>*);
template Variable<double>& linear<double>(Tape<double>&, const std::vector<LinearTerm<double>>&,
                                          Variable<double>*);

}  // namespace halorec
