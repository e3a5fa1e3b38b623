#include "engine/ops/sampled_sum.hpp"

#include <cmath>
#include <memory>

#include "engine/parallel.hpp"

namespace halorec {
namespace {

// w'_ij = before_j v_ij after_i.
template <typename T>
struct Factors {
  std::span<T> before;  // of owned rows; ghosts arrive multiplied
  std::span<T> after;   // of targets
};

template <typename T>
Factors<T> factors_of(Tape<T>& tape, const SampledBlock& block, const Neighbourhood& neighbours,
                      Normalisation weights) {
  const std::size_t num_rows = block.rows().size(), num_targets = block.targets().size();
  Factors<T> factors{{tape.scratch(std::ssize(block.rows()), 1).data(), num_rows},
                     {tape.scratch(std::ssize(block.targets()), 1).data(), num_targets}};
  for (std::size_t r = 0; r < num_rows; ++r) {
    const double total = block.weighted_degree(static_cast<std::int64_t>(r));
    const bool is_scaled = weights == Normalisation::symmetric && total > 0;
    factors.before[r] = static_cast<T>(is_scaled ? 1 / std::sqrt(total) : 1);
  }
  const Csr& edges = neighbours.edges();
  for (std::size_t t = 0; t < num_targets; ++t) {
    const auto row = static_cast<std::size_t>(block.targets()[t]);
    const auto drawn = static_cast<double>(edges.row_begin[row + 1] - edges.row_begin[row]);
    factors.after[t] = T{0};
    if (drawn == 0) continue;
    const double degree = block.degree()[row];
    const double total = block.weighted_degree(block.targets()[t]);
    const double over_total = degree / total;  // 1 where edges are equal
    const double whole = weights == Normalisation::symmetric ? over_total * std::sqrt(total)
                         : weights == Normalisation::mean    ? over_total
                                                             : degree;
    factors.after[t] = static_cast<T>(whole / drawn);
  }
  return factors;
}

}  // namespace

template <typename T>
Variable<T>& sampled_sum(Tape<T>& tape, SampledBlock& block, HaloExchange<T>& exchange,
                         Normalisation weights, Variable<T>& x) {
  const Neighbourhood& neighbours = block.neighbourhood(false);
  const HaloPlan& plan = block.plan();
  const std::int64_t cols = x.value.cols, num_owned = plan.num_owned();
  HALOREC_ASSERT_LIGHT(x.value.rows == num_owned);
  Variable<T>& result = tape.result(std::ssize(block.targets()), cols);
  const Factors<T> factors = factors_of(tape, block, neighbours, weights);
  // before x: owned rows, then ghosts.
  const MatrixView<T> sources = tape.scratch(neighbours.num_sources(), cols).view();
  exchange.use(plan);
  exchange.start_gather(x.value.data, cols, x.value.stride, factors.before.data());
  scale_rows<T>(factors.before, nullptr, x.value, false, sources.rows_from(0, num_owned));
  std::copy_n(exchange.finish_gather(), plan.num_ghosts() * cols,
              sources.rows_from(num_owned, plan.num_ghosts()).data);
  auto product = std::make_shared<SparseProduct<T>>();
  kernels::Spmm<T> sum;
  sum.x = sources.data;
  sum.x_stride = sum.y_stride = sum.cols = cols;
  sum.y = result.value.data;
  product->run(neighbours.edges(), neighbours.chunks(Rows::demanded), sum);
  scale_rows<T>(factors.after, nullptr, result.value, false, result.value);

  // dx_j += before_j times the sum over readers i, on any rank, of v_ij after_i dy_i.
  tape.record([&tape, &neighbours, &plan, &exchange, &x, &result, product, factors, sources, cols,
               num_owned] {
    if (!x.wants_gradient()) return;
    const MatrixView<T> dy = tape.scratch(result.gradient.rows, cols).view();
    scale_rows<T>(factors.after, nullptr, result.gradient, false, dy);
    kernels::Spmm<T> back;
    back.x = dy.data;
    back.x_row = neighbours.place(Rows::demanded);
    back.x_stride = back.y_stride = back.cols = cols;
    back.y = sources.data;  // no longer needed
    product->run(neighbours.readers(), neighbours.reader_chunks(), back);
    exchange.use(plan);
    exchange.start_scatter_add(sources.rows_from(num_owned, plan.num_ghosts()).data, cols);
    const bool adds = !x.claim_gradient();
    scale_rows<T>(factors.before, nullptr, sources.rows_from(0, num_owned), adds, x.gradient);
    exchange.finish_scatter_add(x.gradient.data, x.gradient.stride, T{1}, factors.before.data());
  });
  return result;
}

template Variable<float>& sampled_sum<float>(Tape<float>&, SampledBlock&, HaloExchange<float>&,
                                             Normalisation, Variable<float>&);
template Variable<double>& sampled_sum<double>(Tape<double>&, SampledBlock&, HaloExchange<double>&,
                                               Normalisation, Variable<double>&);

}  // namespace halorec
