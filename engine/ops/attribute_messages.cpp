#include "engine/ops/attribute_messages.hpp"

#include <algorithm>
#include <vector>

#include "engine/kernels/dense.hpp"

namespace halorec {
namespace {

// Entries of a value that are summed at a time: one value may be had by a large part of all nodes.
constexpr std::int64_t kPiece = 1024;

// w_iv = node(i) value(v).
class Factors {
 public:
  Factors(const AttributeRelation& relation, Normalisation normalisation, bool nodes_hear)
      : squared_(normalisation == Normalisation::mean) {
    const bool symmetric = normalisation == Normalisation::symmetric;
    if (symmetric || (squared_ && nodes_hear)) node_ = relation.scale.data();
    if (symmetric || (squared_ && !nodes_hear)) value_ = relation.value_scale.data();
    if (!nodes_hear) is_heard_ = relation.is_heard.data();
  }
  double node(std::int64_t i) const {
    return is_heard_ == nullptr || is_heard_[i] != 0 ? of(node_, i) : 0;
  }
  double value(std::int64_t v) const { return of(value_, v); }

 private:
  double of(const double* scale, std::int64_t k) const {
    if (scale == nullptr) return 1;
    return squared_ ? scale[k] * scale[k] : scale[k];
  }

  const double *node_ = nullptr, *value_ = nullptr;  // null: ones
  const char* is_heard_ = nullptr;                   // null: all are
  bool squared_;                                     // of inverse roots: for means
};

// y_k (+)= factor sum over the values v of row k's node of w_iv z_v.
template <typename T>
void values_to_nodes(const AttributeRelation& relation, const Factors& factors, T factor,
                     MatrixView<const T> z, const std::int32_t* rows, bool adds, MatrixView<T> y) {
  const Csr& values = relation.values_of;
#pragma omp parallel for schedule(dynamic, 64)
  for (std::int64_t k = 0; k < y.rows; ++k) {
    const std::int64_t i = rows == nullptr ? k : rows[k];
    if (!adds) std::fill_n(y.row(k), y.cols, T{0});
    const double of_node = static_cast<double>(factor) * factors.node(i);
    for (std::int64_t e = values.row_begin[static_cast<std::size_t>(i)];
         e < values.row_begin[static_cast<std::size_t>(i) + 1]; ++e) {
      const std::int32_t v = values.column[static_cast<std::size_t>(e)];
      kernels::add_scaled(y.cols, static_cast<T>(of_node * factors.value(v)), z.row(v), y.row(k));
    }
  }
}

// Entries [begin, end) of the values' rows; those of value v are pieces [first[v], first[v + 1]).
struct Pieces {
  struct Piece {
    std::int64_t begin, end;
  };
  std::vector<Piece> all;
  std::vector<std::int64_t> first{0};

  explicit Pieces(const Csr& nodes) {
    for (std::size_t v = 0; v + 1 < nodes.row_begin.size(); ++v) {
      const std::int64_t end = nodes.row_begin[v + 1];
      for (std::int64_t e = nodes.row_begin[v]; e < end; e += kPiece) {
        all.push_back({e, std::min(end, e + kPiece)});
      }
      first.push_back(std::ssize(all));
    }
  }
};

// [num_values x cols]: of each value v the sum over this rank's nodes i of v of node(i) times row
// (place of i) of x, where it has one. Pieces are summed side by side, their sums in order: the
// same bits for any number of threads.
template <typename T>
Matrix<double> sums_over_nodes(const AttributeRelation& relation, const Factors& factors,
                               MatrixView<const T> x, const std::vector<std::int32_t>& place) {
  const Csr& nodes = relation.nodes_of;
  const Pieces pieces(nodes);
  Matrix<double> sums(std::ssize(pieces.all), x.cols), totals(relation.num_values(), x.cols);
#pragma omp parallel
  {
#pragma omp for schedule(dynamic, 4)
    for (std::int64_t p = 0; p < sums.rows(); ++p) {
      const auto [begin, end] = pieces.all[static_cast<std::size_t>(p)];
      double* sum = sums.row(p);
      std::fill_n(sum, x.cols, 0.0);
      for (std::int64_t e = begin; e < end; ++e) {
        const std::int32_t i = nodes.column[static_cast<std::size_t>(e)];
        const std::int64_t k = place.empty() ? i : place[static_cast<std::size_t>(i)];
        if (k < 0) continue;
        const double of_node = factors.node(i);
        const T* from = x.row(k);
#pragma omp simd
        for (std::int64_t c = 0; c < x.cols; ++c) sum[c] += of_node * static_cast<double>(from[c]);
      }
    }
#pragma omp for schedule(static)
    for (std::int64_t v = 0; v < totals.rows(); ++v) {
      std::fill_n(totals.row(v), totals.cols(), 0.0);
      for (std::int64_t p = pieces.first[static_cast<std::size_t>(v)];
           p < pieces.first[static_cast<std::size_t>(v) + 1]; ++p) {
        kernels::add_scaled(totals.cols(), 1.0, sums.row(p), totals.row(v));
      }
    }
  }
  return totals;
}

// z_v = (or, with `adds`, +=) factor value(v) sums_v.
template <typename T>
void take_sums(const Factors& factors, T factor, const Matrix<double>& sums, bool adds,
               MatrixView<T> z) {
#pragma omp parallel for schedule(static)
  for (std::int64_t v = 0; v < z.rows; ++v) {
    const double scale = static_cast<double>(factor) * factors.value(v);
    for (std::int64_t c = 0; c < z.cols; ++c) {
      const auto number = static_cast<T>(scale * sums(v, c));
      z(v, c) = adds ? z(v, c) + number : number;
    }
  }
}

}  // namespace

template <typename T>
Variable<T>& hear_values(Tape<T>& tape, const AttributeRelation& relation,
                         Normalisation normalisation, T factor, Variable<T>& z,
                         std::optional<std::span<const std::int32_t>> rows) {
  HALOREC_ASSERT_LIGHT(z.value.rows == relation.num_values());
  const std::int64_t num_owned = relation.values_of.num_rows();
  const Factors factors(relation, normalisation, true);
  Variable<T>& result = tape.result(rows ? std::ssize(*rows) : num_owned, z.value.cols);
  values_to_nodes<T>(relation, factors, factor, z.value, rows ? rows->data() : nullptr, false,
                     result.value);
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
    take_sums<T>(factors, factor, sums_over_nodes<T>(relation, factors, result.gradient, place),
                 true, z.gradient);
  });
  return result;
}

template <typename T>
Variable<T>& hear_nodes(Tape<T>& tape, const AttributeRelation& relation,
                        Normalisation normalisation, T factor, Variable<T>& x) {
  HALOREC_ASSERT_LIGHT(x.value.rows == relation.values_of.num_rows());
  const Factors factors(relation, normalisation, false);
  Variable<T>& result = tape.result(relation.num_values(), x.value.cols);
  Matrix<double> sums = sums_over_nodes<T>(relation, factors, x.value, {});
  relation.communicator->sum(sums.values());
  take_sums<T>(factors, factor, sums, false, result.value);
  // Shares of dz become dz, then dx_i += factor sum over values v of w_vi dz_v. On every rank, also
  // one whose nodes have no values.
  tape.record([&tape, &relation, &x, &result, factors, factor] {
    Matrix<T>& gradient = tape.scratch(result.gradient.rows, result.gradient.cols);
    Matrix<double> total(gradient.rows(), gradient.cols());
    std::copy_n(result.gradient.data, total.size(), total.data());
    relation.communicator->sum(total.values());
    if (!x.wants_gradient()) return;
    std::transform(total.data(), total.data() + total.size(), gradient.data(),
                   [](double number) { return static_cast<T>(number); });
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
