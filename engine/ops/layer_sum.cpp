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

// result [rows x cols] = (sum over k of w_k A^k E)[rows] in Horner form.
template <typename T>
void forward_sum(Tape<T>& tape, Propagation<T>& propagation, MatrixView<const T> w,
                 MatrixView<const T> e, std::span<const std::int32_t> rows, MatrixView<T> result) {
  const std::int64_t num_layers = w.cols - 1;
  if (num_layers == 0) {
    for (std::int64_t k = 0; k < result.rows; ++k) {
      kernels::scale_into(e.cols, w(0, 0), e.row(rows[static_cast<std::size_t>(k)]), result.row(k));
    }
    return;
  }
  propagation.demand(rows);
  Turns<T> turns(tape, e.rows, e.cols);
  MatrixView<const T> h = e;
  T factor = w(0, num_layers);
  for (std::int64_t k = num_layers - 1; k >= 1; --k) {
    const MatrixView<T> next = turns.next();
    propagation.multiply(factor, h, AddedTo<T>::owned(w(0, k), e), next);
    h = next;
    factor = T{1};
  }
  propagation.multiply_to_demanded(factor, h, AddedTo<T>::owned(w(0, 0), e), result);
}

// gradient = (or, with `adds`, +=) sum over k of w_k A^k G in Horner form. G: [rows x cols].
template <typename T>
void backward_sum(Tape<T>& tape, Propagation<T>& propagation, MatrixView<const T> w,
                  MatrixView<const T> g, std::span<const std::int32_t> rows, bool adds,
                  MatrixView<T> gradient) {
  const std::int64_t num_layers = w.cols - 1;
  HALOREC_ASSERT_LIGHT(num_layers >= 1);
  AddedTo<T> last = AddedTo<T>::demanded(w(0, 0), g);
  if (adds) {
    add_at(rows, w(0, 0), g, gradient);
    last = AddedTo<T>::y();
  }
  Turns<T> turns(tape, gradient.rows, gradient.cols);
  MatrixView<T> d;
  for (std::int64_t k = num_layers - 1; k >= 0; --k) {
    const MatrixView<T> next = k == 0 ? gradient : turns.next();
    const AddedTo<T> added = k == 0 ? last : AddedTo<T>::demanded(w(0, k), g);
    if (k == num_layers - 1) {
      propagation.multiply_from_demanded(w(0, num_layers), g, added, next);
    } else {
      propagation.multiply(T{1}, d, added, next);
    }
    d = next;
  }
}

// The same by powers, adding to both gradients; an empty `gradient` is not wanted.
template <typename T>
void backward_powers(Tape<T>& tape, Propagation<T>& propagation, MatrixView<const T> w,
                     MatrixView<const T> e, MatrixView<const T> g,
                     std::span<const std::int32_t> rows, MatrixView<T> weights_gradient,
                     MatrixView<T> gradient) {
  Matrix<T>& initial = tape.scratch(g.rows, g.cols);
  for (std::int64_t k = 0; k < g.rows; ++k) {
    std::copy_n(e.row(rows[static_cast<std::size_t>(k)]), g.cols, initial.row(k));
  }
  weights_gradient(0, 0) += static_cast<T>(dot(g, MatrixView<const T>(initial.view())));
  const bool wanted = gradient.data != nullptr;
  if (wanted) add_at(rows, w(0, 0), g, gradient);
  Turns<T> turns(tape, e.rows, e.cols);
  MatrixView<T> power;
  for (std::int64_t k = 1; k < w.cols; ++k) {
    const MatrixView<T> next = turns.next();
    if (k == 1) {
      propagation.multiply_from_demanded(T{1}, g, {}, next);
    } else {
      propagation.multiply(T{1}, power, {}, next);
    }
    power = next;
    weights_gradient(0, k) += static_cast<T>(dot(MatrixView<const T>(power), e));
    if (wanted) add_scaled(w(0, k), MatrixView<const T>(power), gradient);
  }
}

// The layers run on owned rows with exchanges between layers, or (`columns`) on blocks of columns
// of all rows, exchanged before the first layer and after the last.
template <typename T>
Variable<T>& layer_sum_on(Tape<T>& tape, Propagation<T>& propagation, ColumnExchange<T>* columns,
                          Variable<T>& embeddings, Variable<T>& weights,
                          std::span<const std::int32_t> rows) {
  const MatrixView<const T> w = weights.value;
  HALOREC_ASSERT_LIGHT(w.rows == 1 && w.cols >= 1);
  Variable<T>& result = tape.result(std::ssize(rows), embeddings.value.cols);
  MatrixView<const T> e = embeddings.value;
  if (columns == nullptr) {
    HALOREC_ASSERT_LIGHT(e.rows == propagation.num_owned());
    forward_sum(tape, propagation, w, e, rows, result.value);
  } else {
    columns->demand(rows);
    Matrix<T>& block = tape.scratch(columns->num_nodes(), columns->num_columns());
    columns->to_columns(e, block.view());
    e = block.view();
    Matrix<T>& few = tape.scratch(std::ssize(columns->demanded()), e.cols);
    forward_sum(tape, propagation, w, e, columns->demanded(), few.view());
    columns->demanded_from_columns(few.view(), result.value);
  }

  tape.record([&tape, &propagation, columns, &embeddings, &weights, &result, e, rows] {
    const MatrixView<const T> weight = weights.value;
    const bool by_powers = weights.wants_gradient();
    if (!by_powers && !embeddings.wants_gradient()) return;
    MatrixView<const T> g = result.gradient;
    std::span<const std::int32_t> at = rows;
    if (columns != nullptr) {
      at = columns->demanded();
      Matrix<T>& few = tape.scratch(std::ssize(at), e.cols);
      columns->demanded_to_columns(g, few.view());
      g = few.view();
    }
    // With columns a block of the gradient is made first, and added as a whole.
    MatrixView<T> gradient = embeddings.gradient;
    const bool wanted = embeddings.wants_gradient();
    if (columns != nullptr && wanted) gradient = tape.scratch(e.rows, e.cols).view();
    if (by_powers || weight.cols == 1) {
      if (columns != nullptr && wanted) {
        for (std::int64_t r = 0; r < gradient.rows; ++r) {
          std::fill_n(gradient.row(r), gradient.cols, T{0});
        }
      } else {
        embeddings.clear_stale_gradient();
      }
    }
    if (by_powers) {
      weights.clear_stale_gradient();
      backward_powers(tape, propagation, weight, e, g, at, weights.gradient,
                      wanted ? gradient : MatrixView<T>{});
    } else if (weight.cols == 1) {
      add_at(at, weight(0, 0), g, gradient);
    } else {
      const bool adds = columns == nullptr && !embeddings.claim_gradient();
      backward_sum(tape, propagation, weight, g, at, adds, gradient);
    }
    if (columns != nullptr && wanted) {
      embeddings.clear_stale_gradient();
      columns->add_from_columns(MatrixView<const T>(gradient), embeddings.gradient);
    }
  });
  return result;
}

}  // namespace

template <typename T>
Variable<T>& layer_sum(Tape<T>& tape, Propagation<T>& propagation, Variable<T>& embeddings,
                       Variable<T>& weights, std::span<const std::int32_t> rows) {
  return layer_sum_on<T>(tape, propagation, nullptr, embeddings, weights, rows);
}

template <typename T>
Variable<T>& layer_sum(Tape<T>& tape, ColumnPropagation<T>& columns, Variable<T>& embeddings,
                       Variable<T>& weights, std::span<const std::int32_t> rows) {
  return layer_sum_on(tape, columns.propagation, &columns.exchange, embeddings, weights, rows);
}

#define HALOREC_INSTANTIATE(T)                                                                 \
  template Variable<T>& layer_sum(Tape<T>&, Propagation<T>&, Variable<T>&, Variable<T>&,       \
                                  std::span<const std::int32_t>);                              \
  template Variable<T>& layer_sum(Tape<T>&, ColumnPropagation<T>&, Variable<T>&, Variable<T>&, \
                                  std::span<const std::int32_t>);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
