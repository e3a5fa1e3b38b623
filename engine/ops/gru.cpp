#include "engine/ops/gru.hpp"

#include "engine/kernels/gates.hpp"

namespace halorec {

template <typename T>
Variable<T>& gru_cell(Tape<T>& tape, Variable<T>& input, Variable<T>& state,
                      Variable<T>& previous) {
  const std::int64_t n = previous.value.rows, dim = previous.value.cols;
  HALOREC_ASSERT_LIGHT(input.value.rows == n && input.value.cols == 3 * dim);
  HALOREC_ASSERT_LIGHT(state.value.rows == n && state.value.cols == 3 * dim);
  Variable<T>& result = tape.result(n, dim);
  MatrixView<T> gates = tape.scratch(n, 3 * dim).view();  // r, z, c
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < n; ++k) {
    kernels::gru_forward<T>(dim, input.value.row(k), state.value.row(k), previous.value.row(k),
                            gates.row(k), result.value.row(k));
  }
  // With g = dy:  dc = g (1 - z),  dz = g (h - c),  dh += g z;  of the arguments of the gates
  //   dn = dc (1 - c^2),  dr' = dn state_n r (1 - r),  dz' = dz z (1 - z)
  //   d input = (dr', dz', dn),  d state = (dr', dz', dn r).
  tape.record([&input, &state, &previous, &result, gates, n, dim] {
    input.clear_stale_gradient();
    state.clear_stale_gradient();
    previous.clear_stale_gradient();
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < n; ++k) {
      const T *g = result.gradient.row(k), *h = previous.value.row(k);
      const T *r = gates.row(k), *z = r + dim, *c = z + dim;
      const T* state_n = state.value.row(k) + 2 * dim;
      T *di = input.gradient.row(k), *ds = state.gradient.row(k), *dh = previous.gradient.row(k);
      for (std::int64_t j = 0; j < dim; ++j) {
        const T dn = g[j] * (T{1} - z[j]) * (T{1} - c[j] * c[j]);
        const T dr = dn * state_n[j] * r[j] * (T{1} - r[j]);
        const T dz = g[j] * (h[j] - c[j]) * z[j] * (T{1} - z[j]);
        di[j] += dr;
        di[dim + j] += dz;
        di[2 * dim + j] += dn;
        ds[j] += dr;
        ds[dim + j] += dz;
        ds[2 * dim + j] += dn * r[j];
        dh[j] += g[j] * z[j];
      }
    }
  });
  return result;
}

template Variable<float>& gru_cell<float>(Tape<float>&, Variable<float>&, Variable<float>&,
                                          Variable<float>&);
template Variable<double>& gru_cell<double>(Tape<double>&, Variable<double>&, Variable<double>&,
                                            Variable<double>&);

}  // namespace halorec
