#include "engine/ops/attribute_messages.hpp"

#include <algorithm>
#include <vector>

#include "engine/kernels/dense.hpp"

namespace halorec {
namespace {

// Entries of a value that are summed at a time: one value may be had by a large part of all nodes.
constexpr std::int64_t kPiece = 1024;

// w_iv = node[i] value[v]; empty: ones.
template <typename T>
struct Factors {
  std::vector<T> node, value;

  T of_node(std::int64_t i) const {
    return node.empty() ? T{1} : node[static_cast<std::size_t>(i)];
  }
  T of_value(std::int64_t v) const {
    return value.empty() ? T{1} : value[static_cast<std::size_t>(v)];
  }
};

template <typename T>
std::vector<T> converted(const std::vector<double>& scale, bool squared) {
  std::vector<T> to;
  to.reserve(scale.size());
  for (const double s : scale) to.push_back(static_cast<T>(squared ? s * s : s));
  return to;
}

template <typename T>
Factors<T> factors_of(const AttributeRelation& relation, Normalisation normalisation,
                      bool nodes_hear) {
  if (normalisation == Normalisation::symmetric) {
    return {converted<T>(relation.scale, false), converted<T>(relation.value_scale, false)};
  }
  if (normalisation == Normalisation::sum) return {};
  if (nodes_hear) return {converted<T>(relation.scale, true), {}};
  return {{}, converted<T>(relation.value_scale, true)};
}

// y_k (+)= factor sum over the values v of row k's node of w_iv z_v.
template <typename T>
void values_to_nodes(const AttributeRelation& relation, const Factors<T>& factors, T factor,
                     MatrixView<const T> z, const std::int32_t* rows, bool adds, MatrixView<T> y) {
  const Csr& values = relation.values_of;
#pragma omp parallel for schedule(dynamic, 64)
  for (std::int64_t k = 0; k < y.rows; ++k) {
    const std::int64_t i = rows == nullptr ? k : rows[k];
    if (!adds) std::fill_n(y.row(k), y.cols, T{0});
    const T of_node = factor * factors.of_node(i);
    for (std::int64_t e = values.row_begin[static_cast<std::size_t>(i)];
         e < values.row_begin[static_cast<std::size_t>(i) + 1]; ++e) {
      const std::int32_t v = values.column[static_cast<std::size_t>(e)];
      kernels::add_scaled(y.cols, of_node * factors.of_value(v), z.row(v), y.row(k));
    }
  }
}

struct Piece {
  std::int64_t value, begin, end;
};

std::vector<Piece> pieces_of(const Csr& nodes) {
  std::vector<Piece> pieces;
  for (std::int64_t v = 0; v < nodes.num_rows(); ++v) {
    const std::int64_t end = nodes.row_begin[static_cast<std::size_t>(v) + 1];
    for (std::int64_t e = nodes.row_begin[static_cast<std::size_t>(v)]; e < end; e += kPiece) {
      pieces.push_back({v, e, std::min(end, e + kPiece)});
    }
  }
  return pieces;
}

// z_v += factor sum over this rank's nodes i of v of w_iv x_(place of i), where they have one; over
// all ranks where `together`, which is collective. Pieces are summed side by side, their sums in
// order: the same bits for any number of threads.
template <typename T>
void nodes_to_values(const AttributeRelation& relation, const Factors<T>& factors, T factor,
                     MatrixView<const T> x, const std::vector<std::int32_t>& place, bool together,
                     MatrixView<T> z) {
  const Csr& nodes = relation.nodes_of;
  const std::vector<Piece> pieces = pieces_of(nodes);
  Matrix<double> sums(std::ssize(pieces), x.cols);
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t p = 0; p < sums.rows(); ++p) {
    const Piece& piece = pieces[static_cast<std::size_t>(p)];
    double* sum = sums.row(p);
    std::fill_n(sum, x.cols, 0.0);
    for (std::int64_t e = piece.begin; e < piece.end; ++e) {
      const std::int32_t i = nodes.column[static_cast<std::size_t>(e)];
      const std::int64_t k = place.empty() ? i : place[static_cast<std::size_t>(i)];
      if (k < 0) continue;
      const auto of_node = static_cast<double>(factors.of_node(i));
      const T* from = x.row(k);
#pragma omp simd
      for (std::int64_t c = 0; c < x.cols; ++c) sum[c] += of_node * static_cast<double>(from[c]);
    }
  }
  Matrix<double> totals(z.rows, z.cols);
  totals.fill(0);
  for (std::int64_t p = 0; p < sums.rows(); ++p) {
    kernels::add_scaled(z.cols, 1.0, sums.row(p),
                        totals.row(pieces[static_cast<std::size_t>(p)].value));
  }
  if (together) {
    relation.communicator->sum(
        std::span<double>(totals.data(), static_cast<std::size_t>(z.rows * z.cols)));
  }
  for (std::int64_t v = 0; v < z.rows; ++v) {
    const auto scale = static_cast<double>(factor * factors.of_value(v));
    for (std::int64_t c = 0; c < z.cols; ++c) z(v, c) += static_cast<T>(scale * totals(v, c));
  }
}

}  // namespace

template <typename T>
Variable<T>& hear_values(Tape<T>& tape, const AttributeRelation& relation,
                         Normalisation normalisation, T factor, Variable<T>& z,
                         std::optional<std::span<const std::int32_t>> rows) {
  HALOREC_ASSERT_LIGHT(z.value.rows == relation.num_values());
  const std::int64_t num_owned = relation.values_of.num_rows();
  const std::int32_t* listed = rows ? rows->data() : nullptr;
  const Factors<T> factors = factors_of<T>(relation, normalisation, true);
  Variable<T>& result = tape.result(rows ? std::ssize(*rows) : num_owned, z.value.cols);
  values_to_nodes<T>(relation, factors, factor, z.value, listed, false, result.value);
  // dz_v += factor sum over nodes i of w_iv dy_i.
  tape.record([&relation, &z, &result, factors, factor, rows, num_owned] {
    if (!z.wants_gradient()) return;
    z.clear_stale_gradient();
    std::vector<std::int32_t> place;
    if (rows) {
      place.assign(static_cast<std::size_t>(num_owned), -1);
      for (std::size_t k = 0; k < rows->size(); ++k) {
        place[static_cast<std::size_t>((*rows)[k])] = static_cast<std::int32_t>(k);
      }
    }
    nodes_to_values<T>(relation, factors, factor, result.gradient, place, false, z.gradient);
  });
  return result;
}

template <typename T>
Variable<T>& hear_nodes(Tape<T>& tape, const AttributeRelation& relation,
                        Normalisation normalisation, T factor, Variable<T>& x) {
  HALOREC_ASSERT_LIGHT(x.value.rows == relation.values_of.num_rows());
  const Factors<T> factors = factors_of<T>(relation, normalisation, false);
  Variable<T>& result = tape.result(relation.num_values(), x.value.cols);
  for (std::int64_t v = 0; v < result.value.rows; ++v) {
    std::fill_n(result.value.row(v), result.value.cols, T{0});
  }
  nodes_to_values<T>(relation, factors, factor, x.value, {}, true, result.value);
  // Shares of dz become dz, then dx_i += factor sum over values v of w_vi dz_v. On every rank, also
  // one whose nodes have no values.
  tape.record([&tape, &relation, &x, &result, factors, factor] {
    Matrix<T>& gradient = tape.scratch(result.gradient.rows, result.gradient.cols);
    Matrix<double> total(gradient.rows(), gradient.cols());
    for (std::int64_t v = 0; v < total.rows(); ++v) {
      std::copy_n(result.gradient.row(v), total.cols(), total.row(v));
    }
    relation.communicator->sum(
        std::span<double>(total.data(), static_cast<std::size_t>(total.rows() * total.cols())));
    if (!x.wants_gradient()) return;
    for (std::int64_t v = 0; v < total.rows(); ++v) {
      for (std::int64_t c = 0; c < total.cols(); ++c) {
        gradient(v, c) = static_cast<T>(total(v, c));
      }
    }
    x.clear_stale_gradient();
    values_to_nodes<T>(relation, factors, factor, gradient.view(), nullptr, true, x.gradient);
  });
  return result;
}

#define HALOREC_INSTANTIATE(T)                                                               \
  template Variable<T>& hear_values<T>(Tape<T>&, const AttributeRelation&, Normalisation, T, \
                                       Variable<T>&,                                         \
                                       std::optional<std::span<const std::int32_t>>);        \
  template Variable<T>& hear_nodes<T>(Tape<T>&, const AttributeRelation&, Normalisation, T,  \
                                      Variable<T>&);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
