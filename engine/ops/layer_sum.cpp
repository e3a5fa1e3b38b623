#include "engine/ops/layer_sum.hpp"

#include "engine/kernels/dense.hpp"
#include "engine/parallel.hpp"

namespace halorec {
namespace {

// Two matrices that take turns.
template <typename T>
class Turns {
 public:
  Turns(Tape<T>& tape, std::int64_t rows, std::int64_t cols)
      : tape_(tape), rows_(rows), cols_(cols) {}
  MatrixView<T> next() {
    Matrix<T>*& matrix = matrices_[turn_];
    if (matrix == nullptr) matrix = &tape_.scratch(rows_, cols_);
    turn_ = 1 - turn_;
    return matrix->view();
  }

 private:
  Tape<T>& tape_;
  std::int64_t rows_, cols_;
  Matrix<T>* matrices_[2] = {nullptr, nullptr};
  int turn_ = 0;
};

// to[rows[k]] += a from[k].
template <typename T>
void add_at(std::span<const std::int32_t> rows, T a, MatrixView<const T> from, MatrixView<T> to) {
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < from.rows; ++k) {
    kernels::add_scaled(from.cols, a, from.row(k), to.row(rows[static_cast<std::size_t>(k)]));
  }
}

// dE += sum over k of w_k A^k G in Horner form.
template <typename T>
void horner_backward(Tape<T>& tape, Propagation<T>& propagation, MatrixView<const T> w,
                     MatrixView<const T> g, std::span<const std::int32_t> rows,
                     Variable<T>& embeddings) {
  const std::int64_t num_layers = w.cols - 1;
  AddedTo<T> last = AddedTo<T>::demanded(w(0, 0), g);
  if (!embeddings.claim_gradient()) {
    add_at(rows, w(0, 0), g, embeddings.gradient);
    last = AddedTo<T>::y();
  }
  Turns<T> turns(tape, embeddings.value.rows, embeddings.value.cols);
  MatrixView<T> d;
  for (std::int64_t k = num_layers - 1; k >= 0; --k) {
    const MatrixView<T> next = k == 0 ? embeddings.gradient : turns.next();
    const AddedTo<T> added = k == 0 ? last : AddedTo<T>::demanded(w(0, k), g);
    if (k == num_layers - 1) {
      propagation.multiply_from_demanded(w(0, num_layers), g, added, next);
    } else {
      propagation.multiply(T{1}, d, added, next);
    }
    d = next;
  }
}

// The same by powers, with the gradients of the weights.
template <typename T>
void powers_backward(Tape<T>& tape, Propagation<T>& propagation, Variable<T>& weights,
                     MatrixView<const T> g, MatrixView<const T> initial,
                     std::span<const std::int32_t> rows, Variable<T>& embeddings) {
  const MatrixView<const T> w = weights.value;
  weights.clear_stale_gradient();
  weights.gradient(0, 0) += static_cast<T>(dot(g, initial));
  if (embeddings.wants_gradient()) {
    embeddings.clear_stale_gradient();
    add_at(rows, w(0, 0), g, embeddings.gradient);
  }
  Turns<T> turns(tape, embeddings.value.rows, embeddings.value.cols);
  MatrixView<T> power;
  for (std::int64_t k = 1; k < w.cols; ++k) {
    const MatrixView<T> next = turns.next();
    if (k == 1) {
      propagation.multiply_from_demanded(T{1}, g, {}, next);
    } else {
      propagation.multiply(T{1}, power, {}, next);
    }
    power = next;
    weights.gradient(0, k) +=
        static_cast<T>(dot(MatrixView<const T>(power), MatrixView<const T>(embeddings.value)));
    if (embeddings.wants_gradient()) {
      add_scaled(w(0, k), MatrixView<const T>(power), embeddings.gradient);
    }
  }
}

}  // namespace

template <typename T>
Variable<T>& layer_sum(Tape<T>& tape, Propagation<T>& propagation, Variable<T>& embeddings,
                       Variable<T>& weights, std::span<const std::int32_t> rows) {
  const MatrixView<const T> e = embeddings.value;
  const MatrixView<const T> w = weights.value;
  const std::int64_t num_layers = w.cols - 1;
  HALOREC_ASSERT_LIGHT(w.rows == 1 && num_layers >= 0 && e.rows == propagation.num_owned());
  Variable<T>& result = tape.result(std::ssize(rows), e.cols);
  if (num_layers > 0) propagation.demand(rows);

  Turns<T> turns(tape, e.rows, e.cols);
  MatrixView<const T> h = e;
  T factor = w(0, num_layers);
  for (std::int64_t k = num_layers - 1; k >= 1; --k) {
    const MatrixView<T> next = turns.next();
    propagation.multiply(factor, h, AddedTo<T>::owned(w(0, k), e), next);
    h = next;
    factor = T{1};
  }
  if (num_layers > 0) {
    propagation.multiply_to_demanded(factor, h, AddedTo<T>::owned(w(0, 0), e), result.value);
  } else {
    for (std::int64_t k = 0; k < std::ssize(rows); ++k) {
      kernels::scale_into(e.cols, w(0, 0), e.row(rows[static_cast<std::size_t>(k)]),
                          result.value.row(k));
    }
  }

  tape.record([&tape, &propagation, &embeddings, &weights, &result, rows] {
    const MatrixView<const T> g = result.gradient;
    if (weights.wants_gradient()) {
      Matrix<T>& initial = tape.scratch(g.rows, g.cols);
      for (std::int64_t k = 0; k < g.rows; ++k) {
        std::copy_n(embeddings.value.row(rows[static_cast<std::size_t>(k)]), g.cols,
                    initial.row(k));
      }
      powers_backward(tape, propagation, weights, g, MatrixView<const T>(initial.view()), rows,
                      embeddings);
    } else if (!embeddings.wants_gradient()) {
      return;
    } else if (weights.value.cols > 1) {
      horner_backward(tape, propagation, MatrixView<const T>(weights.value), g, rows, embeddings);
    } else {
      embeddings.clear_stale_gradient();
      add_at(rows, weights.value(0, 0), g, embeddings.gradient);
    }
  });
  return result;
}

template Variable<float>& layer_sum(Tape<float>&, Propagation<float>&, Variable<float>&,
                                    Variable<float>&, std::span<const std::int32_t>);
template Variable<double>& layer_sum(Tape<double>&, Propagation<double>&, Variable<double>&,
                                     Variable<double>&, std::span<const std::int32_t>);

}  // namespace halorec
