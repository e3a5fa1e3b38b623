#include "engine/ops/neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "engine/ops/rows.hpp"
#include "engine/ops/sampled_sum.hpp"
#include "engine/parallel.hpp"

namespace halorec {
namespace {

// f(what its edges weigh together) of the rows of a sampled block.
template <typename T, typename F>
std::span<const T> of_degrees(Tape<T>& tape, const SampledBlock& block, const F& f) {
  Matrix<T>& result = tape.scratch(std::ssize(block.rows()), 1);
  for (std::int64_t r = 0; r < result.rows(); ++r) {
    result(r, 0) = static_cast<T>(f(block.weighted_degree(r)));
  }
  return {result.data(), block.rows().size()};
}

// y = after A before x, where `before` and `after` scale rows (none: they do not).
template <typename T>
struct ScaledProduct {
  Propagation<T>* product;
  Propagation<T>* adjoint;
  std::span<const T> before, after;  // [num_owned]
};

template <typename T>
Variable<T>& multiply(Tape<T>& tape, MessageGraph<T>& graph, const ScaledProduct<T>& what,
                      Variable<T>& x, Rows rows) {
  const std::int64_t cols = x.value.cols;
  Variable<T>& result = tape.result(graph.num_rows(rows), cols);
  const std::int32_t* listed = rows == Rows::all ? nullptr : graph.demanded().data();
  MatrixView<const T> in = x.value;
  MatrixView<T> scaled;
  if (!what.before.empty()) {
    scaled = tape.scratch(graph.num_owned(), cols).view();
    scale_rows<T>(what.before, nullptr, x.value, false, scaled);
    in = scaled;
  }
  if (rows == Rows::all) {
    what.product->multiply(T{1}, in, {}, result.value);
  } else {
    what.product->multiply_to_demanded(T{1}, in, {}, result.value);
  }
  if (!what.after.empty()) scale_rows<T>(what.after, listed, result.value, false, result.value);

  // dx += before A' after dy.
  tape.record([&tape, &x, &result, what, listed, rows, scaled] {
    if (!x.wants_gradient()) return;
    MatrixView<const T> dy = result.gradient;
    if (!what.after.empty()) {
      Matrix<T>& weighted = tape.scratch(dy.rows, dy.cols);
      scale_rows<T>(what.after, listed, dy, false, weighted.view());
      dy = weighted.view();
    }
    MatrixView<T> dx = x.gradient;
    AddedTo<T> added;
    if (!what.before.empty()) {
      dx = scaled;  // no longer needed
    } else if (!x.claim_gradient()) {
      added = AddedTo<T>::y();
    }
    if (rows == Rows::all) {
      what.adjoint->multiply(T{1}, dy, added, dx);
    } else {
      what.adjoint->multiply_from_demanded(T{1}, dy, added, dx);
    }
    if (!what.before.empty()) {
      const bool adds = !x.claim_gradient();
      scale_rows<T>(what.before, nullptr, dx, adds, x.gradient);
    }
  });
  return result;
}

}  // namespace

template <typename T>
Variable<T>& inverse_root_degrees(Tape<T>& tape, MessageGraph<T>& graph) {
  if (graph.block() == nullptr) return tape.constant(graph.source_scale());
  const std::span<const T> owned = of_degrees(tape, *graph.block(), [](double degree) {
    return degree == 0 ? 0.0 : 1 / std::sqrt(degree);
  });
  const Matrix<T> all = with_ghosts<T>(graph.plan(), owned);
  Matrix<T>& column = tape.scratch(all.rows(), 1);
  std::copy_n(all.data(), all.rows(), column.data());
  return tape.constant(column.view());
}

template <typename T>
Variable<T>& times_root_degree(Tape<T>& tape, MessageGraph<T>& graph, Variable<T>& y, Rows rows) {
  std::span<const T> factor = graph.root_degree();
  if (graph.block() != nullptr) {
    factor = of_degrees(tape, *graph.block(), [](double degree) { return std::sqrt(degree); });
  }
  const std::int32_t* listed = rows == Rows::all ? nullptr : graph.demanded().data();
  Variable<T>& result = tape.result(y.value.rows, y.value.cols);
  scale_rows<T>(factor, listed, y.value, false, result.value);
  tape.record([&y, &result, factor, listed] {
    if (!y.wants_gradient()) return;
    y.clear_stale_gradient();
    scale_rows<T>(factor, listed, result.gradient, true, y.gradient);
  });
  return result;
}

template <typename T>
Variable<T>& own_rows(Tape<T>& tape, MessageGraph<T>& graph, Variable<T>& x, Rows rows) {
  return rows == Rows::all ? x : select_rows(tape, x, graph.demanded());
}

// With A the symmetrically normalised adjacency and D the degrees, the mean is D^-1/2 A D^1/2 and
// the sum D^1/2 A D^1/2: one product serves all three.
template <typename T>
Variable<T>& weighted_sum(Tape<T>& tape, MessageGraph<T>& graph, Normalisation weights,
                          Variable<T>& x, Rows rows) {
  if (graph.block() != nullptr) {
    HALOREC_ASSERT_LIGHT(rows == Rows::demanded);
    return sampled_sum(tape, *graph.block(), graph.rows_exchange(), weights, x);
  }
  Propagation<T>& product = graph.propagation();
  if (weights == Normalisation::symmetric) {
    return multiply(tape, graph, {&product, &product, {}, {}}, x, rows);
  }
  const std::span<const T> after =
      weights == Normalisation::mean ? graph.scale() : graph.root_degree();
  return multiply(tape, graph, {&product, &product, graph.root_degree(), after}, x, rows);
}

template <typename T>
Variable<T>& directed_sum(Tape<T>& tape, MessageGraph<T>& graph, MessageGraph<T>& transpose,
                          std::span<const T> factor, Variable<T>& x, Rows rows) {
  return multiply(tape, graph, {&graph.propagation(), &transpose.propagation(), {}, factor}, x,
                  rows);
}

template <typename T>
Variable<T>& neighbour_rows(Tape<T>& tape, MessageGraph<T>& graph, Variable<T>& x) {
  HaloExchange<T>& exchange = graph.rows_exchange();
  const HaloPlan& plan = graph.plan();
  const std::int64_t num_owned = plan.num_owned(), num_ghosts = plan.num_ghosts();
  const std::int64_t cols = x.value.cols;
  HALOREC_ASSERT_LIGHT(x.value.rows == num_owned);
  Variable<T>& result = tape.result(num_owned + num_ghosts, cols);
  exchange.use(plan);
  exchange.start_gather(x.value.data, cols, x.value.stride);
  scale_into<T>(T{1}, x.value, result.value.rows_from(0, num_owned));
  const MatrixView<const T> ghosts{exchange.finish_gather(), num_ghosts, cols, cols};
  scale_into<T>(T{1}, ghosts, result.value.rows_from(num_owned, num_ghosts));
  tape.record([&exchange, &plan, &x, &result, num_owned, num_ghosts, cols] {
    if (!x.wants_gradient()) return;
    exchange.use(plan);
    exchange.start_scatter_add(result.gradient.rows_from(num_owned, num_ghosts).data, cols);
    x.clear_stale_gradient();
    add_scaled<T>(T{1}, result.gradient.rows_from(0, num_owned), x.gradient);
    exchange.finish_scatter_add(x.gradient.data, x.gradient.stride);
  });
  return result;
}

template <typename T>
Variable<T>& neighbour_max(Tape<T>& tape, const Neighbourhood& neighbours, Variable<T>& x,
                           Rows rows) {
  const Csr& edges = neighbours.edges();
  const std::int64_t cols = x.value.cols;
  HALOREC_ASSERT_LIGHT(x.value.rows == neighbours.num_sources());
  Variable<T>& result = tape.result(neighbours.num_rows(rows), cols);
  // Whose number each is; -1 without neighbours.
  auto chosen = std::make_shared<std::vector<std::int32_t>>(
      static_cast<std::size_t>(result.value.rows * cols), -1);
  for_each_row(neighbours.chunks(rows), [&](std::int64_t, std::int64_t k, std::int64_t row) {
    T* y = result.value.row(k);
    std::int32_t* from = chosen->data() + k * cols;
    const std::int64_t begin = edges.row_begin[static_cast<std::size_t>(row)];
    const std::int64_t end = edges.row_begin[static_cast<std::size_t>(row) + 1];
    if (begin == end) std::fill_n(y, cols, T{0});
    for (std::int64_t e = begin; e < end; ++e) {
      const std::int32_t source = edges.column[static_cast<std::size_t>(e)];
      const T* in = x.value.row(source);
      if (e == begin) {
        std::copy_n(in, cols, y);
        std::fill_n(from, cols, source);
        continue;
      }
      for (std::int64_t c = 0; c < cols; ++c) {
        from[c] = in[c] > y[c] ? source : from[c];
        y[c] = in[c] > y[c] ? in[c] : y[c];
      }
    }
  });
  // dx_jc += sum over readers i that chose j in column c of dy_ic.
  tape.record([&neighbours, &x, &result, chosen, rows, cols] {
    if (!x.wants_gradient()) return;
    x.clear_stale_gradient();
    const Csr& readers = neighbours.readers();
    const std::int32_t* place = neighbours.place(rows);
    for_each_row(neighbours.reader_chunks(), [&](std::int64_t, std::int64_t, std::int64_t source) {
      T* dx = x.gradient.row(source);
      for (std::int64_t q = readers.row_begin[static_cast<std::size_t>(source)];
           q < readers.row_begin[static_cast<std::size_t>(source) + 1]; ++q) {
        const std::int32_t row = readers.column[static_cast<std::size_t>(q)];
        const std::int32_t k = place == nullptr ? row : place[row];
        if (k < 0) continue;
        const T* dy = result.gradient.row(k);
        const std::int32_t* from = chosen->data() + k * cols;
        for (std::int64_t c = 0; c < cols; ++c) dx[c] += from[c] == source ? dy[c] : T{0};
      }
    });
  });
  return result;
}

#define HALOREC_INSTANTIATE(T)                                                                   \
  template Variable<T>& inverse_root_degrees<T>(Tape<T>&, MessageGraph<T>&);                     \
  template Variable<T>& times_root_degree<T>(Tape<T>&, MessageGraph<T>&, Variable<T>&, Rows);    \
  template Variable<T>& own_rows<T>(Tape<T>&, MessageGraph<T>&, Variable<T>&, Rows);             \
  template Variable<T>& weighted_sum<T>(Tape<T>&, MessageGraph<T>&, Normalisation, Variable<T>&, \
                                        Rows);                                                   \
  template Variable<T>& directed_sum<T>(Tape<T>&, MessageGraph<T>&, MessageGraph<T>&,            \
                                        std::span<const T>, Variable<T>&, Rows);                 \
  template Variable<T>& neighbour_rows<T>(Tape<T>&, MessageGraph<T>&, Variable<T>&);             \
  template Variable<T>& neighbour_max<T>(Tape<T>&, const Neighbourhood&, Variable<T>&, Rows);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
