#include "engine/ops/perturb_layer.hpp"

#include "engine/parallel.hpp"

namespace halorec {

template <typename T>
Variable<T>& perturb_layer(Tape<T>& tape, const RowPerturbation& perturbation, std::int64_t layer,
                           Variable<T>& x, RowPerturbation::Rows which) {
  const bool drops = layer > 0 && perturbation.drops_messages();
  const bool adds = perturbation.noise(layer) > 0;
  if (!drops && !adds) return x;
  Variable<T>& y = tape.result(x.value.rows, x.value.cols);
  scale_into<T>(T{1}, x.value, y.value);
  if (drops) perturbation.drop_messages(layer, y.value, which);
  if (adds) perturbation.add_noise(layer, y.value, which);
  tape.record([perturbation, layer, which, drops, &x, &y] {
    if (!x.wants_gradient()) return;
    x.clear_stale_gradient();
    // Nobody reads the result's gradient after this.
    if (drops) perturbation.drop_messages(layer, y.gradient, which);
    add_scaled<T>(T{1}, y.gradient, x.gradient);
  });
  return y;
}

#define HALOREC_INSTANTIATE(T)                                                           \
  template Variable<T>& perturb_layer<T>(Tape<T>&, const RowPerturbation&, std::int64_t, \
                                         Variable<T>&, RowPerturbation::Rows);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
