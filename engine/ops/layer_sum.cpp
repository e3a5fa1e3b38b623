#include "engine/ops/layer_sum.hpp"

#include "engine/parallel.hpp"

namespace halorec {

template <typename T>
Variable<T>& layer_sum(Tape<T>& tape, Propagation<T>& propagation, Variable<T>& embeddings,
                       Variable<T>& weights) {
  const MatrixView<T> e = embeddings.value;
  const MatrixView<T> w = weights.value;
  const std::int64_t num_layers = w.cols - 1;
  HALOREC_ASSERT_LIGHT(w.rows == 1 && num_layers >= 0 && e.rows == propagation.num_owned());
  Variable<T>& result = tape.result(e.rows, e.cols);

  scale_into(w(0, num_layers), MatrixView<const T>(e), result.value);
  Matrix<T>& product = tape.scratch(e.rows, e.cols);
  for (std::int64_t k = num_layers - 1; k >= 0; --k) {
    propagation.multiply(result.value, product.view());
    scale_into(w(0, k), MatrixView<const T>(e), result.value);
    add_scaled(T{1}, MatrixView<const T>(product.view()), result.value);
  }

  tape.record([&tape, &propagation, &embeddings, &weights, &result, num_layers] {
    const MatrixView<const T> value = embeddings.value;
    MatrixView<T> power = result.gradient;  // B_k, starting with B_0
    MatrixView<T> next = tape.scratch(value.rows, value.cols).view();
    for (std::int64_t k = 0; k <= num_layers; ++k) {
      if (k > 0) {
        propagation.multiply_transposed(power, next);
        std::swap(power, next);
      }
      if (weights.wants_gradient()) {
        weights.gradient(0, k) += static_cast<T>(dot(MatrixView<const T>(power), value));
      }
      if (embeddings.wants_gradient()) {
        add_scaled(weights.value(0, k), MatrixView<const T>(power), embeddings.gradient);
      }
    }
  });
  return result;
}

template Variable<float>& layer_sum(Tape<float>&, Propagation<float>&, Variable<float>&,
                                    Variable<float>&);
template Variable<double>& layer_sum(Tape<double>&, Propagation<double>&, Variable<double>&,
                                     Variable<double>&);

}  // namespace halorec
