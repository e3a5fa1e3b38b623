#include "engine/ops/elementwise.hpp"

#include <cmath>

#include "engine/parallel.hpp"

namespace halorec {
namespace {

constexpr double kLeakySlope = 0.2;

// f(row) on all threads.
template <typename F>
void for_each_row_of(std::int64_t rows, const F& f) {
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < rows; ++r) f(r);
}

// y = f(x);  dx += dy slope(x, y).
template <typename T, typename F, typename Slope>
Variable<T>& map(Tape<T>& tape, Variable<T>& x, const F& f, const Slope& slope) {
  const std::int64_t rows = x.value.rows, cols = x.value.cols;
  Variable<T>& y = tape.result(rows, cols);
  for_each_row_of(rows, [&](std::int64_t r) {
    const T* in = x.value.row(r);
    T* out = y.value.row(r);
    for (std::int64_t c = 0; c < cols; ++c) out[c] = f(in[c]);
  });
  tape.record([&x, &y, slope, rows, cols] {
    if (!x.wants_gradient()) return;
    x.clear_stale_gradient();
    for_each_row_of(rows, [&](std::int64_t r) {
      const T *in = x.value.row(r), *out = y.value.row(r), *dy = y.gradient.row(r);
      T* dx = x.gradient.row(r);
      for (std::int64_t c = 0; c < cols; ++c) dx[c] += dy[c] * slope(in[c], out[c]);
    });
  });
  return y;
}

// dx += a dy.
template <typename T>
void pass_on(Variable<T>& x, T a, const Variable<T>& y) {
  if (!x.wants_gradient()) return;
  x.clear_stale_gradient();
  add_scaled<T>(a, y.gradient, x.gradient);
}

}  // namespace

template <typename T>
Variable<T>& add(Tape<T>& tape, Variable<T>& x, Variable<T>& y) {
  Variable<T>& result = tape.result(x.value.rows, x.value.cols);
  scale_into<T>(T{1}, x.value, result.value);
  add_scaled<T>(T{1}, y.value, result.value);
  tape.record([&x, &y, &result] {
    pass_on(x, T{1}, result);
    pass_on(y, T{1}, result);
  });
  return result;
}

template <typename T>
Variable<T>& scale(Tape<T>& tape, T a, Variable<T>& x) {
  Variable<T>& result = tape.result(x.value.rows, x.value.cols);
  scale_into<T>(a, x.value, result.value);
  tape.record([&x, &result, a] { pass_on(x, a, result); });
  return result;
}

template <typename T>
Variable<T>& hadamard(Tape<T>& tape, Variable<T>& x, Variable<T>& y) {
  const std::int64_t rows = x.value.rows, cols = x.value.cols;
  HALOREC_ASSERT_LIGHT(y.value.rows == rows && y.value.cols == cols);
  Variable<T>& result = tape.result(rows, cols);
  for_each_row_of(rows, [&](std::int64_t r) {
    const T *a = x.value.row(r), *b = y.value.row(r);
    T* out = result.value.row(r);
    for (std::int64_t c = 0; c < cols; ++c) out[c] = a[c] * b[c];
  });
  // d(x y) = y dx + x dy.
  tape.record([&x, &y, &result, rows, cols] {
    for (auto [to, other] : {std::pair{&x, &y}, std::pair{&y, &x}}) {
      if (!to->wants_gradient()) continue;
      to->clear_stale_gradient();
      for_each_row_of(rows, [&, into = to, with = other](std::int64_t r) {
        const T *g = result.gradient.row(r), *b = with->value.row(r);
        T* d = into->gradient.row(r);
        for (std::int64_t c = 0; c < cols; ++c) d[c] += g[c] * b[c];
      });
    }
  });
  return result;
}

template <typename T>
Variable<T>& activate(Tape<T>& tape, Activation activation, Variable<T>& x) {
  const T leak = static_cast<T>(kLeakySlope);
  switch (activation) {
    case Activation::relu:
      return map(
          tape, x, [](T v) { return v > T{0} ? v : T{0}; },
          [](T v, T) { return v > T{0} ? T{1} : T{0}; });
    case Activation::leaky_relu:
      return map(
          tape, x, [leak](T v) { return v > T{0} ? v : leak * v; },
          [leak](T v, T) { return v > T{0} ? T{1} : leak; });
    case Activation::elu:
      return map(
          tape, x, [](T v) { return v > T{0} ? v : std::expm1(v); },
          [](T v, T y) { return v > T{0} ? T{1} : T{1} + y; });
    case Activation::sigmoid:
      return map(
          tape, x, [](T v) { return T{1} / (T{1} + std::exp(-v)); },
          [](T, T y) { return y * (T{1} - y); });
    case Activation::tanh:
      return map(
          tape, x, [](T v) { return std::tanh(v); }, [](T, T y) { return T{1} - y * y; });
  }
  HALOREC_ASSERT_LIGHT(false);
  return x;
}

#define HALOREC_INSTANTIATE(T)                                             \
  template Variable<T>& add<T>(Tape<T>&, Variable<T>&, Variable<T>&);      \
  template Variable<T>& scale<T>(Tape<T>&, T, Variable<T>&);               \
  template Variable<T>& hadamard<T>(Tape<T>&, Variable<T>&, Variable<T>&); \
  template Variable<T>& activate<T>(Tape<T>&, Activation, Variable<T>&);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
