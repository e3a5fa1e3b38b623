#include "engine/ops/combine.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/dense.hpp"
#include "engine/parallel.hpp"

namespace halorec {
namespace {

template <typename T>
T inner(const T* x, const T* y, std::int64_t n) {
  T sum{0};
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < n; ++c) sum += x[c] * y[c];
  return sum;
}

}  // namespace

template <typename T>
Variable<T>& concatenate_columns(Tape<T>& tape, const std::vector<Variable<T>*>& parts) {
  const std::int64_t n = parts.front()->value.rows;
  std::int64_t cols = 0;
  for (const Variable<T>* part : parts) {
    HALOREC_ASSERT_LIGHT(part->value.rows == n);
    cols += part->value.cols;
  }
  Variable<T>& result = tape.result(n, cols);
  // The columns of `whole` that belong to a part.
  const auto block = [](MatrixView<T> whole, std::int64_t first, std::int64_t count) {
    return MatrixView<T>{whole.data + first, whole.rows, count, whole.stride};
  };
  std::int64_t at = 0;
  for (const Variable<T>* part : parts) {
    scale_into<T>(T{1}, part->value, block(result.value, at, part->value.cols));
    at += part->value.cols;
  }
  tape.record([parts, block, &result] {
    std::int64_t first = 0;
    for (Variable<T>* part : parts) {
      if (part->wants_gradient()) {
        part->clear_stale_gradient();
        add_scaled<T>(T{1}, block(result.gradient, first, part->value.cols), part->gradient);
      }
      first += part->value.cols;
    }
  });
  return result;
}

template <typename T>
Variable<T>& mean_of(Tape<T>& tape, const std::vector<Variable<T>*>& parts) {
  const T share = T{1} / static_cast<T>(parts.size());
  Variable<T>& result = tape.result(parts.front()->value.rows, parts.front()->value.cols);
  scale_into<T>(share, parts.front()->value, result.value);
  for (std::size_t k = 1; k < parts.size(); ++k) {
    add_scaled<T>(share, parts[k]->value, result.value);
  }
  tape.record([parts, &result, share] {
    for (Variable<T>* part : parts) {
      if (!part->wants_gradient()) continue;
      part->clear_stale_gradient();
      add_scaled<T>(share, result.gradient, part->gradient);
    }
  });
  return result;
}

template <typename T>
Variable<T>& attend_parts(Tape<T>& tape, const std::vector<Variable<T>*>& parts, Variable<T>& q) {
  const std::int64_t n = parts.front()->value.rows, dim = parts.front()->value.cols;
  const auto num_parts = std::ssize(parts);
  HALOREC_ASSERT_LIGHT(q.value.rows == 1 && q.value.cols == dim);
  Variable<T>& result = tape.result(n, dim);
  MatrixView<T> weights = tape.scratch(n, num_parts).view();  // a
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < n; ++r) {
    T* a = weights.row(r);
    for (std::int64_t k = 0; k < num_parts; ++k) {
      a[k] = inner(q.value.data, parts[static_cast<std::size_t>(k)]->value.row(r), dim);
    }
    const T largest = *std::max_element(a, a + num_parts);
    T sum{0};
    for (std::int64_t k = 0; k < num_parts; ++k) sum += a[k] = std::exp(a[k] - largest);
    T* y = result.value.row(r);
    std::fill_n(y, dim, T{0});
    for (std::int64_t k = 0; k < num_parts; ++k) {
      a[k] /= sum;
      kernels::add_scaled(dim, a[k], parts[static_cast<std::size_t>(k)]->value.row(r), y);
    }
  }
  // With g = dy_n:  ds_k = a_k (<g, x_k> - <g, y>),  dx_k += a_k g + ds_k q,  dq += ds_k x_k.
  tape.record([&tape, parts, &q, &result, weights, n, dim, num_parts] {
    MatrixView<T> slopes = tape.scratch(n, num_parts).view();  // ds
    for (Variable<T>* part : parts) part->clear_stale_gradient();
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < n; ++r) {
      const T* g = result.gradient.row(r);
      const T along = inner(g, result.value.row(r), dim);
      for (std::int64_t k = 0; k < num_parts; ++k) {
        Variable<T>& part = *parts[static_cast<std::size_t>(k)];
        const T a = weights(r, k);
        const T ds = a * (inner(g, part.value.row(r), dim) - along);
        slopes(r, k) = ds;
        if (!part.wants_gradient()) continue;
        kernels::add_scaled(dim, a, g, part.gradient.row(r));
        kernels::add_scaled(dim, ds, q.value.data, part.gradient.row(r));
      }
    }
    if (!q.wants_gradient()) return;
    q.clear_stale_gradient();
    for (std::int64_t k = 0; k < num_parts; ++k) {
      const MatrixView<T>& x = parts[static_cast<std::size_t>(k)]->value;
      for (std::int64_t r = 0; r < n; ++r) {
        kernels::add_scaled(dim, slopes(r, k), x.row(r), q.gradient.data);
      }
    }
  });
  return result;
}

template <typename T>
Variable<T>& softmax(Tape<T>& tape, Variable<T>& x) {
  HALOREC_ASSERT_LIGHT(x.value.rows == 1);
  const std::int64_t n = x.value.cols;
  Variable<T>& result = tape.result(1, n);
  const T largest = *std::max_element(x.value.data, x.value.data + n);
  T sum{0};
  for (std::int64_t k = 0; k < n; ++k) {
    sum += result.value(0, k) = std::exp(x.value(0, k) - largest);
  }
  for (std::int64_t k = 0; k < n; ++k) result.value(0, k) /= sum;
  // With y the result and g = dy:  dx_k += y_k (g_k - <g, y>).
  tape.record([&x, &result, n] {
    if (!x.wants_gradient()) return;
    x.clear_stale_gradient();
    const T along = inner(result.gradient.data, result.value.data, n);
    for (std::int64_t k = 0; k < n; ++k) {
      x.gradient(0, k) += result.value(0, k) * (result.gradient(0, k) - along);
    }
  });
  return result;
}

#define HALOREC_INSTANTIATE(T)                                                              \
  template Variable<T>& softmax<T>(Tape<T>&, Variable<T>&);                                 \
  template Variable<T>& concatenate_columns<T>(Tape<T>&, const std::vector<Variable<T>*>&); \
  template Variable<T>& mean_of<T>(Tape<T>&, const std::vector<Variable<T>*>&);             \
  template Variable<T>& attend_parts<T>(Tape<T>&, const std::vector<Variable<T>*>&, Variable<T>&);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
