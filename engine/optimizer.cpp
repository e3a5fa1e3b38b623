#include "engine/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/dense.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kBlock = 4096;  // elements

}  // namespace

template <typename T>
Optimizer<T>::Optimizer(const OptimizerOptions& options, std::vector<Parameter<T>*> parameters)
    : options_(options), parameters_(std::move(parameters)) {
  if (options_.kind != OptimizerKind::adam) return;
  for (Parameter<T>* p : parameters_) {
    p->first_moment = Matrix<T>(p->value.rows(), p->value.cols());
    p->second_moment = Matrix<T>(p->value.rows(), p->value.cols());
  }
}

template <typename T>
void Optimizer<T>::synchronise(Communicator& communicator) {
  std::vector<T> bucket;
  for (const Parameter<T>* p : parameters_) {
    if (!p->replicated) continue;
    const auto values = p->gradient.values();
    bucket.insert(bucket.end(), values.begin(), values.end());
  }
  if (bucket.empty()) return;
  communicator.sum(std::span<T>(bucket));
  auto from = bucket.begin();
  for (Parameter<T>* p : parameters_) {
    if (!p->replicated) continue;
    std::copy_n(from, p->gradient.size(), p->gradient.data());
    from += p->gradient.size();
  }
}

template <typename T>
struct Optimizer<T>::Rates {
  double learning_rate;
  double rate, root;  // Adam's
};

template <typename T>
void Optimizer<T>::move(const Rates& rates, std::int64_t n, const T* gradient, std::int64_t first,
                        Parameter<T>& p) const {
  if (options_.kind == OptimizerKind::adam) {
    kernels::adam<T>(n, static_cast<T>(rates.rate), static_cast<T>(rates.root),
                     static_cast<T>(options_.beta1), static_cast<T>(options_.beta2),
                     static_cast<T>(options_.epsilon), gradient, p.first_moment.data() + first,
                     p.second_moment.data() + first, p.value.data() + first);
  } else {
    kernels::add_scaled<T>(n, static_cast<T>(-rates.learning_rate), gradient,
                           p.value.data() + first);
  }
}

template <typename T>
void Optimizer<T>::update(std::uint64_t step, double learning_rate) {
  const auto t = static_cast<double>(step);
  const Rates rates{learning_rate, learning_rate / (1.0 - std::pow(options_.beta1, t)),
                    std::sqrt(1.0 - std::pow(options_.beta2, t))};
  for (Parameter<T>* p : parameters_) {
    if (p->touched) {
      const auto& rows = p->touched->rows;
      HALOREC_ASSERT_LIGHT(p->gradient.rows() == std::ssize(rows));
      const std::int64_t cols = p->value.cols();
#pragma omp parallel for schedule(static)
      for (std::int64_t k = 0; k < std::ssize(rows); ++k) {
        move(rates, cols, p->gradient.row(k), rows[static_cast<std::size_t>(k)] * cols, *p);
      }
      continue;
    }
    // Elements, not rows: a block is long enough for the loop inside, whatever the width.
    const std::int64_t size = p->value.size();
#pragma omp parallel for schedule(static)
    for (std::int64_t first = 0; first < size; first += kBlock) {
      move(rates, std::min(kBlock, size - first), p->gradient.data() + first, first, *p);
    }
  }
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace halorec
