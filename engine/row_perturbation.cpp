#include "engine/row_perturbation.hpp"

#include <cmath>
#include <vector>

namespace halorec {
RowPerturbation::RowPerturbation(const Shard& shard, const Perturbation& what, const StepKey& key)
    : shard_(&shard),
      what_(what),
      nodes_(what.seed, Purpose::node_dropout, key.step),
      messages_(what.seed, Purpose::message_dropout, key.step),
      noise_(what.seed, Purpose::row_noise, key.step) {}

double RowPerturbation::noise(std::int64_t layer) const {
  if (layer == 0) return what_.embedding_noise;
  return what_.contrast == Contrast::xsimgcl ? what_.layer_noise : 0;
}

template <typename T>
void RowPerturbation::drop_nodes(MatrixView<T> rows, Rows which) const {
  const double p = what_.node_dropout;
  const T kept = static_cast<T>(1 / (1 - p));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < rows.rows; ++k) {
    const T factor = nodes_.uniform(id(which.at(k))) < p ? T{0} : kept;
    for (std::int64_t c = 0; c < rows.cols; ++c) rows(k, c) *= factor;
  }
}

template <typename T>
void RowPerturbation::drop_messages(std::int64_t layer, MatrixView<T> rows, Rows which) const {
  const double p = what_.message_dropout;
  const T kept = static_cast<T>(1 / (1 - p));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < rows.rows; ++k) {
    const std::uint64_t start = messages_.bits(id(which.at(k)), static_cast<std::uint32_t>(layer));
    for (std::int64_t c = 0; c < rows.cols; ++c) {
      rows(k, c) *=
          uniform_of(sequence_bits(start, static_cast<std::uint64_t>(c))) < p ? T{0} : kept;
    }
  }
}

template <typename T>
void RowPerturbation::add_noise(std::int64_t layer, MatrixView<T> rows, Rows which) const {
  const double length = noise(layer);
#pragma omp parallel
  {
    std::vector<double> direction(static_cast<std::size_t>(rows.cols));
#pragma omp for schedule(static)
    for (std::int64_t k = 0; k < rows.rows; ++k) {
      const std::uint64_t start = noise_.bits(id(which.at(k)), static_cast<std::uint32_t>(layer));
      double square = 0;
      for (std::int64_t c = 0; c < rows.cols; ++c) {
        const std::uint64_t bits = sequence_bits(start, static_cast<std::uint64_t>(c));
        const double u = uniform_of(bits);  // the lowest bit is not in it
        direction[static_cast<std::size_t>(c)] = (bits & 1) == 0 ? u : -u;
        square += u * u;
      }
      const double factor = square > 0 ? length / std::sqrt(square) : 0;
      for (std::int64_t c = 0; c < rows.cols; ++c) {
        rows(k, c) += static_cast<T>(factor * direction[static_cast<std::size_t>(c)]);
      }
    }
  }
}

#define HALOREC_INSTANTIATE(T)                                                              \
  template void RowPerturbation::drop_nodes<T>(MatrixView<T>, Rows) const;                  \
  template void RowPerturbation::drop_messages<T>(std::int64_t, MatrixView<T>, Rows) const; \
  template void RowPerturbation::add_noise<T>(std::int64_t, MatrixView<T>, Rows) const;
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
