#include "engine/propagation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "engine/kernels/dense.hpp"
#include "engine/parallel.hpp"

namespace halorec {
namespace {

constexpr const char *kLocal = "local edges", *kCross = "cross edges", *kExchange = "exchange";

template <typename T>
void fit(Matrix<T>& matrix, std::int64_t rows, std::int64_t cols) {
  if (matrix.rows() < rows || matrix.cols() != cols) matrix = Matrix<T>(rows, cols);
}

}  // namespace

template <typename T>
void Propagation<T>::Sparse::set(const Csr& m) {
  matrix = &m;
  rows.clear();
  for (std::size_t row = 0; row + 1 < m.row_begin.size(); ++row) {
    if (m.row_begin[row] != m.row_begin[row + 1]) rows.push_back(static_cast<std::int32_t>(row));
  }
  chunks = RowChunks(m, rows);
}

template <typename T>
Propagation<T>::Propagation(const Shard& shard, const Adjacency& graph,
                            const PropagationOptions& options)
    : shard_(&shard),
      graph_(&graph),
      options_(options),
      scale_(graph.scale.begin(), graph.scale.end()),
      rows_exchange_(*graph.halo,
                     options.store == RowStorage::bf16 ? WireFormat::bf16 : options.wire,
                     options.wire_seed, options.piece_bytes),
      sums_exchange_(*graph.halo, options.wire, options.wire_seed, options.piece_bytes),
      position_(static_cast<std::size_t>(graph.num_owned()), -1),
      ghost_position_(static_cast<std::size_t>(graph.num_ghosts()), -1) {
  HALOREC_ASSERT_LIGHT((std::is_same_v<T, float>) || !stores_bf16());
  all_edges_.local = &graph.local;
  all_edges_.local_chunks = RowChunks(graph.local);
  all_edges_.cross.set(graph.cross);
  all_edges_.cross_transposed = &graph.cross_transposed;
}

template <typename T>
void Propagation<T>::Edges::set_covered(const Csr& of_gathered, const Csr& of_partial) {
  gathered.set(of_gathered);
  partial = &of_partial;
  partial_chunks = RowChunks(of_partial);
}

template <typename T>
void Propagation<T>::find_ids() {
  if (kept_.has_ids) return;
  kept_.has_ids = true;
  for (std::int64_t r = 0; r < num_owned(); ++r) kept_.owned_ids.push_back(shard_->global_id(r));
  kept_.ghost_ids = ids_of_ghosts(*graph_->halo, kept_.owned_ids);
}

template <typename T>
void Propagation<T>::drop_edges(const EdgeDropout& dropout, bool renormalise) {
  find_ids();
  dropout_ = dropout;
  const auto keep = [&](const Csr& all, const auto& row_ids, const auto& column_ids, Csr& kept) {
    keep_edges(dropout, all, row_ids, column_ids, kept);
    return &kept;
  };
  kept_edges_.local = keep(graph_->local, kept_.owned_ids, kept_.owned_ids, kept_.local);
  kept_edges_.local_chunks = RowChunks(kept_.local);
  kept_edges_.cross.set(*keep(graph_->cross, kept_.owned_ids, kept_.ghost_ids, kept_.cross));
  kept_edges_.cross_transposed =
      keep(graph_->cross_transposed, kept_.ghost_ids, kept_.owned_ids, kept_.cross_transposed);
  if (is_prepared_) keep_covered_edges();
  // The factor 1 / (1 - share) of an edge, half from each end.
  const double rescale = 1 / std::sqrt(1 - dropout.share());
  const auto degree_in = [](const Csr& matrix, std::size_t r) {
    const std::int64_t begin = matrix.row_begin[r], end = matrix.row_begin[r + 1];
    if (!matrix.has_values()) return static_cast<double>(end - begin);
    return std::accumulate(matrix.value.begin() + begin, matrix.value.begin() + end, 0.0);
  };
  for (std::size_t r = 0; r < scale_.size(); ++r) {
    const double degree = degree_in(kept_.local, r) + degree_in(kept_.cross, r);
    scale_[r] =
        static_cast<T>(renormalise ? normalising_scale(degree) : rescale * graph_->scale[r]);
  }
}

template <typename T>
void Propagation<T>::keep_covered_edges() {
  if (!covered_) return;
  if (!kept_.has_covered_ids) {
    kept_.has_covered_ids = true;
    kept_.covered_ids = ids_of_ghosts(covered_->plan, kept_.owned_ids);
  }
  keep_edges(*dropout_, covered_->gathered, kept_.owned_ids, kept_.covered_ids, kept_.gathered);
  keep_edges(*dropout_, covered_->partial, kept_.covered_ids, kept_.owned_ids, kept_.partial);
  kept_edges_.set_covered(kept_.gathered, kept_.partial);
}

template <typename T>
void Propagation<T>::keep_all_edges() {
  if (!dropout_) return;
  dropout_.reset();
  std::copy(graph_->scale.begin(), graph_->scale.end(), scale_.begin());
}

template <typename T>
kernels::Spmm<T> Propagation<T>::into(T a, MatrixView<T> y) const {
  kernels::Spmm<T> product;
  product.row_scale = scale_.data();
  product.factor = a;
  product.y = y.data;
  product.y_stride = y.stride;
  product.cols = y.cols;
  return product;
}

template <typename T>
void Propagation<T>::store(MatrixView<const T> x, std::span<const T> scale) {
  if constexpr (std::is_same_v<T, float>) {
    if (stores_bf16()) store_rows(scale, x, stored_);
  }
}

template <typename T>
kernels::Spmm<T> Propagation<T>::of_owned(MatrixView<const T> x, kernels::Spmm<T> product) const {
  if (stores_bf16()) {
    product.stored_x = stored_.data();
    product.x_stride = x.cols;
    return product;
  }
  product.column_scale = scale_.data();
  product.x = x.data;
  product.x_stride = x.stride;
  return product;
}

template <typename T>
kernels::Spmm<T> Propagation<T>::partial_sums(MatrixView<const T> x) {
  kernels::Spmm<T> product = of_owned(x, into(T{1}, sums_.view()));
  product.row_scale = nullptr;  // the owner's to apply
  return product;
}

template <typename T>
void Propagation<T>::add(const AddedTo<T>& z, kernels::Spmm<T>& product) const {
  using What = typename AddedTo<T>::What;
  product.accumulate = z.what == What::y;
  if (z.what == What::nothing || z.what == What::y) return;
  HALOREC_ASSERT_LIGHT(z.rows.cols == product.cols);
  HALOREC_ASSERT_LIGHT(z.rows.rows == (z.what == What::owned_rows ? num_owned() : num_demanded()));
  product.base = z.rows.data;
  product.base_stride = z.rows.stride;
  product.base_factor = z.factor;
  if (z.what == What::demanded_rows) {
    product.base_row = position_.data();
    // No rows here: the pointer may be null, and that means nothing to add.
    if (z.rows.rows == 0) product.base = nullptr;
  }
}

template <typename T>
template <typename Between>
void Propagation<T>::run(const Csr& matrix, const RowChunks& chunks,
                         const kernels::Spmm<T>& product, const Between& between) {
  if (communicator().size() == 1) {
    product_.run(matrix, chunks, product);
  } else {
    product_.run(matrix, chunks, product, between);
  }
}

template <typename T>
void Propagation<T>::prepare_exchange() {
  if (is_prepared_) return;
  is_prepared_ = true;
  if (options_.exchange == ExchangePlan::hybrid) {
    covered_ = cover_halo(*graph_);
    all_edges_.set_covered(covered_->gathered, covered_->partial);
    if (dropout_) keep_covered_edges();
  }
}

template <typename T>
void Propagation<T>::multiply_own(T a, MatrixView<const T> x, const AddedTo<T>& z,
                                  MatrixView<T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == num_owned() && y.rows == num_owned() && x.cols == y.cols);
  HALOREC_ASSERT_LIGHT(x.data != y.data || x.rows == 0);
  prepare_exchange();
  std::optional<PhaseTimers::Scope> phase;
  time(phase, kExchange);
  const bool hybrid = covered_.has_value();
  const HaloPlan& plan = hybrid ? covered_->plan : *graph_->halo;
  rows_exchange_.use(plan);
  rows_exchange_.start_gather(x.data, x.cols, x.stride, scale_.data());
  time(phase, kLocal);
  store(x, scale_);
  if (hybrid) {
    time(phase, kCross);
    fit(sums_, plan.num_ghosts(), x.cols);
    const kernels::Spmm<T> partial = partial_sums(x);
    run(*edges().partial, edges().partial_chunks, partial, [&] { rows_exchange_.progress(); });
    sums_exchange_.use(plan);
    time(phase, kExchange);
    sums_exchange_.start_scatter_add(sums_.data(), x.cols);
  }
  time(phase, kLocal);
  kernels::Spmm<T> local = of_owned(x, into(a, y));
  add(z, local);
  run(*edges().local, edges().local_chunks, local, [&] {
    rows_exchange_.progress();
    if (hybrid) sums_exchange_.progress();
  });
  time(phase, kExchange);
  kernels::Spmm<T> cross = into(a, y);
  cross.x = rows_exchange_.finish_gather(hybrid ? &sums_exchange_ : nullptr);
  time(phase, kCross);
  cross.x_stride = x.cols;
  cross.accumulate = cross.y_by_row = true;
  const Sparse& sparse = hybrid ? edges().gathered : edges().cross;
  run(*sparse.matrix, sparse.chunks, cross, [&] {
    if (hybrid) sums_exchange_.progress();
  });
  time(phase, kExchange);
  if (hybrid) sums_exchange_.finish_scatter_add(y.data, y.stride, a, scale_.data());
}

template <typename T>
void Propagation<T>::demand(std::span<const std::int32_t> rows) {
  for (const std::int32_t row : demanded_) position_[static_cast<std::size_t>(row)] = -1;
  for (const std::int32_t ghost : demanded_ghosts_) {
    ghost_position_[static_cast<std::size_t>(ghost)] = -1;
  }
  demanded_.assign(rows.begin(), rows.end());
  demanded_scale_.resize(rows.size());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    position_[static_cast<std::size_t>(rows[k])] = static_cast<std::int32_t>(k);
    demanded_scale_[k] = scale_[static_cast<std::size_t>(rows[k])];
  }
  demanded_plan_ = graph_->halo->restricted(position_, num_demanded(), &demanded_ghosts_);
  for (std::size_t k = 0; k < demanded_ghosts_.size(); ++k) {
    ghost_position_[static_cast<std::size_t>(demanded_ghosts_[k])] = static_cast<std::int32_t>(k);
  }
  demanded_chunks_ = RowChunks(*edges().local, demanded_);
  demanded_ghost_chunks_ = RowChunks(*edges().cross_transposed, demanded_ghosts_);
  for (const Added& one : added_) one.product->demand(rows);
}

template <typename T>
void Propagation<T>::multiply_own_to_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z,
                                              MatrixView<T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == num_owned() && y.rows == num_demanded() && x.cols == y.cols);
  HALOREC_ASSERT_LIGHT(z.what != AddedTo<T>::What::demanded_rows);
  std::optional<PhaseTimers::Scope> phase;
  time(phase, kLocal);
  store(x, scale_);
  time(phase, kCross);
  fit(sums_, std::ssize(demanded_ghosts_), x.cols);
  const kernels::Spmm<T> partial = partial_sums(x);
  product_.run(*edges().cross_transposed, demanded_ghost_chunks_, partial);
  time(phase, kExchange);
  sums_exchange_.use(*demanded_plan_);
  sums_exchange_.start_scatter_add(sums_.data(), x.cols);

  time(phase, kLocal);
  kernels::Spmm<T> local = of_owned(x, into(a, y));
  add(z, local);
  run(*edges().local, demanded_chunks_, local, [&] { sums_exchange_.progress(); });
  time(phase, kExchange);
  sums_exchange_.finish_scatter_add(y.data, y.stride, a, demanded_scale_.data());
}

template <typename T>
void Propagation<T>::multiply_own_from_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z,
                                                MatrixView<T> y) {
  HALOREC_ASSERT_LIGHT(x.rows == num_demanded() && y.rows == num_owned() && x.cols == y.cols);
  std::optional<PhaseTimers::Scope> phase;
  time(phase, kExchange);
  rows_exchange_.use(*demanded_plan_);
  rows_exchange_.start_gather(x.data, x.cols, x.stride, demanded_scale_.data());

  time(phase, kLocal);
  kernels::Spmm<T> local = into(a, y);
  local.x_stride = x.cols;
  if (stores_bf16()) {
    store(x, demanded_scale_);
    local.stored_x = stored_.data();
  } else {
    fit(scaled_, num_demanded(), x.cols);
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < x.rows; ++k) {
      const T scale = demanded_scale_[static_cast<std::size_t>(k)];
      for (std::int64_t c = 0; c < x.cols; ++c) scaled_(k, c) = scale * x(k, c);
    }
    local.x = scaled_.data();
  }
  local.x_row = position_.data();
  add(z, local);
  run(*edges().local, edges().local_chunks, local, [&] { rows_exchange_.progress(); });
  time(phase, kExchange);
  kernels::Spmm<T> cross = into(a, y);
  cross.x = rows_exchange_.finish_gather();
  time(phase, kCross);
  cross.x_stride = x.cols;
  cross.x_row = ghost_position_.data();
  cross.accumulate = cross.y_by_row = true;
  if (demanded_ghosts_.empty()) return;
  product_.run(*edges().cross.matrix, edges().cross.chunks, cross);
}

template <typename T>
void Propagation<T>::add_relation(T weight, const Adjacency& edges) {
  HALOREC_ASSERT_LIGHT(edges.num_owned() == num_owned());
  added_.push_back({weight, std::make_unique<Propagation>(*shard_, edges, options_)});
  added_.back().product->demand(demanded_);
}

template <typename T>
void Propagation<T>::add_untrained(T weight, const Adjacency& edges) {
  HALOREC_ASSERT_LIGHT(edges.num_owned() == num_owned());
  added_untrained_.push_back({weight, std::make_unique<Propagation>(*shard_, edges, options_)});
}

template <typename T>
void Propagation<T>::add_heard_by_untrained(T a, MatrixView<const T> x, bool at_demanded,
                                            MatrixView<T> y) {
  if (!serves_untrained_ || added_untrained_.empty()) return;
  // Over links between the two kinds those with interactions hear zeros alone.
  fit(trained_rows_, x.rows, x.cols);
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < x.rows; ++r) {
    const bool is_trained = shard_->scale()[static_cast<std::size_t>(r)] != 0;
    kernels::scale_into(x.cols, is_trained ? T{1} : T{0}, x.row(r), trained_rows_.row(r));
  }
  for (const Added& one : added_untrained_) {
    if (at_demanded) {
      one.product->demand(demanded_);
      one.product->multiply_to_demanded(a * one.weight, trained_rows_.view(), AddedTo<T>::y(), y);
    } else {
      one.product->multiply(a * one.weight, trained_rows_.view(), AddedTo<T>::y(), y);
    }
  }
}

template <typename T>
void Propagation<T>::multiply(T a, MatrixView<const T> x, const AddedTo<T>& z, MatrixView<T> y) {
  multiply_own(a, x, z, y);
  for (const Added& one : added_) one.product->multiply(a * one.weight, x, AddedTo<T>::y(), y);
  add_heard_by_untrained(a, x, false, y);
}

template <typename T>
void Propagation<T>::multiply_to_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z,
                                          MatrixView<T> y) {
  multiply_own_to_demanded(a, x, z, y);
  for (const Added& one : added_) {
    one.product->multiply_to_demanded(a * one.weight, x, AddedTo<T>::y(), y);
  }
  add_heard_by_untrained(a, x, true, y);
}

template <typename T>
void Propagation<T>::multiply_from_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z,
                                            MatrixView<T> y) {
  multiply_own_from_demanded(a, x, z, y);
  for (const Added& one : added_) {
    one.product->multiply_from_demanded(a * one.weight, x, AddedTo<T>::y(), y);
  }
}

template class Propagation<float>;
template class Propagation<double>;

}  // namespace halorec
