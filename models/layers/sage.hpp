// The layer of GraphSAGE (Hamilton et al., Inductive representation learning on large graphs,
// NeurIPS 2017, algorithm 1): a transform of a node beside one of what its neighbours say,
//   x_i' = s(x_i W_self + m_i W_neighbours + b),
// m_i the neighbours' mean (eq. 2 without the node itself), their sum, or the largest of their
// transforms, max over j of ReLU(x_j W_pool + b_pool) (eq. 3). s is ReLU, and nothing in the last
// layer: inner products rank, and may be negative.
#pragma once

#include <optional>

#include "engine/ops/elementwise.hpp"
#include "engine/ops/linear.hpp"
#include "engine/ops/neighbours.hpp"
#include "models/layers/message_layer.hpp"

namespace halorec {

template <typename T>
class SageLayer : public MessageLayer<T> {
 public:
  // aggregate: sum, mean or max.
  SageLayer(MessageGraph<T>& graph, const LayerOptions& options, Aggregate aggregate)
      : graph_(graph),
        aggregate_(aggregate),
        is_last_(options.is_last),
        self_(shared_parameter<T>(options, "self", options.dim, options.dim)),
        neighbours_(shared_parameter<T>(options, "neighbours", options.dim, options.dim)),
        bias_(shared_bias<T>(options, "bias", options.dim)) {
    if (aggregate == Aggregate::max) {
      pool_.emplace(shared_parameter<T>(options, "pool", options.dim, options.dim));
      pool_bias_.emplace(shared_bias<T>(options, "pool-bias", options.dim));
      graph.neighbourhood(false);
    } else {
      graph.propagation();
    }
  }

  std::vector<Parameter<T>*> parameters() override {
    if (pool_) return {&self_, &neighbours_, &bias_, &*pool_, &*pool_bias_};
    return {&self_, &neighbours_, &bias_};
  }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    Variable<T>& result = linear<T>(tape,
                                    {{own_rows(tape, graph_, x, rows), on_tape(tape, self_)},
                                     {received(tape, x, rows), on_tape(tape, neighbours_)}},
                                    &on_tape(tape, bias_));
    return is_last_ ? result : activate(tape, Activation::relu, result);
  }

 private:
  Variable<T>& received(Tape<T>& tape, Variable<T>& x, Rows rows) {
    if (aggregate_ != Aggregate::max) {
      const Normalisation weights =
          aggregate_ == Aggregate::sum ? Normalisation::sum : Normalisation::mean;
      return weighted_sum(tape, graph_, weights, x, rows);
    }
    Variable<T>& pooled =
        activate(tape, Activation::relu,
                 linear<T>(tape, {{x, on_tape(tape, *pool_)}}, &on_tape(tape, *pool_bias_)));
    return neighbour_max(tape, graph_.neighbourhood(false), neighbour_rows(tape, graph_, pooled),
                         rows);
  }

  MessageGraph<T>& graph_;
  Aggregate aggregate_;
  bool is_last_;
  Parameter<T> self_, neighbours_, bias_;
  std::optional<Parameter<T>> pool_, pool_bias_;
};

}  // namespace halorec
