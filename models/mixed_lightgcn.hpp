// LightGCN over a mixture of graphs, one for each half-life: A = sum over m of a_m A_m with
// a = softmax of what is learned. How fast edges age is then part of what training finds: between
// the half-lives that are given, and among them one may be endless.
#pragma once

#include <deque>
#include <vector>

#include "engine/message_graph.hpp"
#include "engine/model.hpp"
#include "engine/ops/combine.hpp"
#include "engine/ops/neighbours.hpp"
#include "engine/ops/perturbed_layers.hpp"
#include "engine/ops/rows.hpp"
#include "models/node_inputs.hpp"

namespace halorec {

template <typename T>
class MixedLightGcn : public Model<T> {
 public:
  // Over options.time_graphs.
  MixedLightGcn(const Shard& shard, const ModelOptions& options)
      : inputs_(shard, options),
        layer_weights_("layer_weights", true, 1, options.num_layers + 1),
        mixture_("mixture", true, 1, std::ssize(options.time_graphs)),
        learn_layer_weights_(options.learn_layer_weights) {
    layer_weights_.value.fill(T{1} / static_cast<T>(options.num_layers + 1));
    for (const Adjacency& edges : options.time_graphs) {
      graphs_.emplace_back(shard, edges, options.propagation).propagation();
    }
  }

  std::vector<Parameter<T>*> parameters() override {
    std::vector<Parameter<T>*> all = inputs_.parameters();
    all.push_back(&mixture_);
    if (learn_layer_weights_) all.push_back(&layer_weights_);
    return all;
  }

  typename Model<T>::Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) override {
    return pass(tape, inputs_.rows(tape), rows);
  }
  typename Model<T>::TrainingOutput forward_in_training(Tape<T>& tape,
                                                        std::span<const std::int32_t> rows,
                                                        const StepKey& key) override {
    return {pass(tape, inputs_.rows_in_training(tape, key), rows)};
  }
  void finish(Matrix<float>& rows) const override { inputs_.finish(rows); }

 private:
  typename Model<T>::Output pass(Tape<T>& tape, Variable<T>& embeddings,
                                 std::span<const std::int32_t> rows) {
    const std::int64_t num_layers = layer_weights_.value.cols() - 1;
    for (MessageGraph<T>& graph : graphs_) graph.demand(rows);
    Variable<T>* x = &embeddings;
    Variable<T>& shares = softmax(tape, on_tape(tape, mixture_));
    Variable<T>& initial = select_rows(tape, *x, rows);
    std::vector<Variable<T>*> layers{&initial};  // each at the rows
    for (std::int64_t k = 1; k <= num_layers; ++k) {
      const Rows which = k == num_layers ? Rows::demanded : Rows::all;
      std::vector<Variable<T>*> sums;
      for (MessageGraph<T>& graph : graphs_) {
        sums.push_back(&weighted_sum(tape, graph, Normalisation::symmetric, *x, which));
      }
      x = &combine_layers(tape, sums, shares);
      layers.push_back(which == Rows::demanded ? x : &select_rows(tape, *x, rows));
    }
    Variable<T>& weights =
        tape.parameter(layer_weights_.value.view(),
                       learn_layer_weights_ ? layer_weights_.gradient.view() : MatrixView<T>{});
    return {combine_layers(tape, layers, weights), initial};
  }

  NodeInputs<T> inputs_;
  Parameter<T> layer_weights_, mixture_;
  bool learn_layer_weights_;
  std::deque<MessageGraph<T>> graphs_;
};

}  // namespace halorec
