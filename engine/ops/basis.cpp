#include "engine/ops/basis.hpp"

#include <algorithm>

#include "engine/kernels/dense.hpp"

namespace halorec {

template <typename T>
Variable<T>& mix_bases(Tape<T>& tape, Variable<T>& bases, Variable<T>& coefficients,
                       std::int64_t row) {
  const std::int64_t num_bases = coefficients.value.cols, out = bases.value.cols;
  const std::int64_t in = bases.value.rows / num_bases;
  HALOREC_ASSERT_LIGHT(bases.value.rows == num_bases * in && row < coefficients.value.rows);
  Variable<T>& result = tape.result(in, out);
  for (std::int64_t r = 0; r < in; ++r) {
    std::fill_n(result.value.row(r), out, T{0});
    for (std::int64_t b = 0; b < num_bases; ++b) {
      kernels::add_scaled(out, coefficients.value(row, b), bases.value.row(b * in + r),
                          result.value.row(r));
    }
  }
  // dV_b += c_b dW,  dc_b += <V_b, dW>.
  tape.record([&bases, &coefficients, &result, row, num_bases, in, out] {
    bases.clear_stale_gradient();
    coefficients.clear_stale_gradient();
    for (std::int64_t b = 0; b < num_bases; ++b) {
      double along = 0;
      for (std::int64_t r = 0; r < in; ++r) {
        const T* dw = result.gradient.row(r);
        const T* v = bases.value.row(b * in + r);
        kernels::add_scaled(out, coefficients.value(row, b), dw, bases.gradient.row(b * in + r));
        for (std::int64_t c = 0; c < out; ++c) {
          along += static_cast<double>(v[c]) * static_cast<double>(dw[c]);
        }
      }
      coefficients.gradient(row, b) += static_cast<T>(along);
    }
  });
  return result;
}

template Variable<float>& mix_bases<float>(Tape<float>&, Variable<float>&, Variable<float>&,
                                           std::int64_t);
template Variable<double>& mix_bases<double>(Tape<double>&, Variable<double>&, Variable<double>&,
                                             std::int64_t);

}  // namespace halorec
