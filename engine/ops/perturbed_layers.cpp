#include "engine/ops/perturbed_layers.hpp"

#include <algorithm>

#include "engine/kernels/dense.hpp"
#include "engine/parallel.hpp"

namespace halorec {
namespace {

template <typename T>
void copy_rows(MatrixView<const T> from, std::span<const std::int32_t> rows, MatrixView<T> to) {
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < to.rows; ++k) {
    std::copy_n(from.row(rows[static_cast<std::size_t>(k)]), to.cols, to.row(k));
  }
}

template <typename T>
void add_rows(std::span<const std::int32_t> rows, MatrixView<const T> from, MatrixView<T> to) {
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < from.rows; ++k) {
    kernels::add_scaled(from.cols, T{1}, from.row(k), to.row(rows[static_cast<std::size_t>(k)]));
  }
}

// Of owned rows, the one of two matrices that is not `other`.
template <typename T>
MatrixView<T> another(Matrix<T>* (&matrices)[2], MatrixView<const T> other) {
  return matrices[0]->data() == other.data ? matrices[1]->view() : matrices[0]->view();
}

// What the result of a product becomes, at all rows or at some.
template <typename T>
void finish_layer(const RowPerturbation& perturbation, std::int64_t k, MatrixView<T> h,
                  RowPerturbation::Rows which) {
  if (perturbation.drops_messages()) perturbation.drop_messages(k, h, which);
  if (perturbation.noise(k) > 0) perturbation.add_noise(k, h, which);
}

}  // namespace

template <typename T>
std::vector<Variable<T>*> perturbed_layers(Tape<T>& tape, Propagation<T>& propagation,
                                           const RowPerturbation& perturbation,
                                           Variable<T>& embeddings, std::int64_t num_layers,
                                           std::span<const std::int32_t> rows) {
  const std::int64_t num_owned = embeddings.value.rows, dim = embeddings.value.cols;
  HALOREC_ASSERT_LIGHT(num_owned == propagation.num_owned());
  std::vector<Variable<T>*> layers;
  for (std::int64_t k = 0; k <= num_layers; ++k) {
    layers.push_back(&tape.result(std::ssize(rows), dim));
  }
  const RowPerturbation::Rows demanded{rows.data()};
  Matrix<T>* turns[2] = {&tape.scratch(num_owned, dim), &tape.scratch(num_owned, dim)};
  MatrixView<T> h = turns[0]->view();
  scale_into(T{1}, MatrixView<const T>(embeddings.value), h);
  if (perturbation.noise(0) > 0) perturbation.add_noise(0, h);
  copy_rows<T>(h, rows, layers[0]->value);
  if (num_layers > 0) propagation.demand(rows);
  for (std::int64_t k = 1; k <= num_layers; ++k) {
    if (perturbation.drops_nodes()) perturbation.drop_nodes(h);
    const MatrixView<T> result = layers[static_cast<std::size_t>(k)]->value;
    if (k == num_layers) {
      propagation.multiply_to_demanded(T{1}, h, {}, result);
      finish_layer(perturbation, k, result, demanded);
      break;
    }
    const MatrixView<T> next = another<T>(turns, h);
    propagation.multiply(T{1}, h, {}, next);
    finish_layer(perturbation, k, next, {});
    copy_rows<T>(next, rows, result);
    h = next;
  }

  // D_L = G_L, D_(k-1) = C A R_k D_k + G_(k-1): A is symmetric, the masks are diagonal.
  tape.record([&tape, &propagation, perturbation, &embeddings, layers, num_layers, rows, demanded,
               num_owned, dim] {
    embeddings.clear_stale_gradient();
    add_rows<T>(rows, layers[0]->gradient, embeddings.gradient);
    if (num_layers == 0) return;
    Matrix<T>* back[2] = {&tape.scratch(num_owned, dim), &tape.scratch(num_owned, dim)};
    MatrixView<T> d = layers.back()->gradient;
    for (std::int64_t k = num_layers; k >= 1; --k) {
      if (perturbation.drops_messages()) {
        perturbation.drop_messages(k, d, k == num_layers ? demanded : RowPerturbation::Rows{});
      }
      const MatrixView<T> next = another<T>(back, d);
      if (k == num_layers) {
        propagation.multiply_from_demanded(T{1}, d, {}, next);
      } else {
        propagation.multiply(T{1}, d, {}, next);
      }
      if (perturbation.drops_nodes()) perturbation.drop_nodes(next);
      if (k > 1) add_rows<T>(rows, layers[static_cast<std::size_t>(k) - 1]->gradient, next);
      d = next;
    }
    add_scaled(T{1}, MatrixView<const T>(d), embeddings.gradient);
  });
  return layers;
}

template <typename T>
Variable<T>& combine_layers(Tape<T>& tape, const std::vector<Variable<T>*>& layers,
                            Variable<T>& weights) {
  HALOREC_ASSERT_LIGHT(weights.value.cols == std::ssize(layers));
  Variable<T>& result = tape.result(layers[0]->value.rows, layers[0]->value.cols);
  scale_into(weights.value(0, 0), MatrixView<const T>(layers[0]->value), result.value);
  for (std::size_t k = 1; k < layers.size(); ++k) {
    add_scaled(weights.value(0, static_cast<std::int64_t>(k)),
               MatrixView<const T>(layers[k]->value), result.value);
  }
  tape.record([layers, &weights, &result] {
    const MatrixView<const T> g = result.gradient;
    if (weights.wants_gradient()) weights.clear_stale_gradient();
    for (std::size_t k = 0; k < layers.size(); ++k) {
      const auto column = static_cast<std::int64_t>(k);
      add_scaled(weights.value(0, column), g, layers[k]->gradient);
      if (weights.wants_gradient()) {
        weights.gradient(0, column) +=
            static_cast<T>(dot(MatrixView<const T>(layers[k]->value), g));
      }
    }
  });
  return result;
}

#define HALOREC_INSTANTIATE(T)                                                       \
  template std::vector<Variable<T>*> perturbed_layers<T>(                            \
      Tape<T>&, Propagation<T>&, const RowPerturbation&, Variable<T>&, std::int64_t, \
      std::span<const std::int32_t>);                                                \
  template Variable<T>& combine_layers<T>(Tape<T>&, const std::vector<Variable<T>*>&, Variable<T>&);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
