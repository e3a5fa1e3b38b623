// LightGCN whose graph has nodes for the values of attributes: with rows x of users and items and
// z_r of the values of attribute r,
//   x' = A x + sum over r of w_r B_r z_r,  z_r' = w_r B_r^T x (over trained nodes),
// A as in LightGCN (with relations, their sum), B_r who has which value, normalised by the degrees
// of both ends; the final rows are a weighted sum of all layers' x. A node without interactions is
// what its values say, and what these hear.
#pragma once

#include <vector>

#include "engine/ops/attribute_messages.hpp"
#include "engine/ops/elementwise.hpp"
#include "engine/ops/neighbours.hpp"
#include "engine/ops/perturbed_layers.hpp"
#include "engine/ops/rows.hpp"
#include "models/attribute_nodes.hpp"
#include "models/node_inputs.hpp"

namespace halorec {

template <typename T>
class AttributeLightGcn : public Model<T> {
 public:
  AttributeLightGcn(const Shard& shard, const ModelOptions& options)
      : inputs_(shard, options),
        attributes_(options),
        layer_weights_("layer_weights", true, 1, options.num_layers + 1),
        learn_layer_weights_(options.learn_layer_weights),
        graph_(shard, message_edges(shard, options), options.propagation),
        perturbation_(options.perturbation) {
    layer_weights_.value.fill(T{1} / static_cast<T>(options.num_layers + 1));
    for (const Relation& relation : options.side->relations) {
      graph_.propagation().add_relation(static_cast<T>(relation.weight), relation.edges);
      graph_.propagation().add_untrained(static_cast<T>(relation.weight), relation.untrained);
    }
  }

  std::vector<Parameter<T>*> parameters() override {
    std::vector<Parameter<T>*> all = inputs_.parameters();
    attributes_.add_parameters(all);
    if (learn_layer_weights_) all.push_back(&layer_weights_);
    return all;
  }

  typename Model<T>::Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) override {
    graph_.keep_all_edges();
    return pass(tape, inputs_.rows(tape), rows);
  }

  typename Model<T>::TrainingOutput forward_in_training(Tape<T>& tape,
                                                        std::span<const std::int32_t> rows,
                                                        const StepKey& key) override {
    const std::optional<IdDropout> dropped = inputs_.dropped(key);
    if (perturbation_.edge_dropout > 0 || dropped) {
      EdgeDropout dropout(perturbation_.edge_dropout, perturbation_.seed, Purpose::edge_dropout,
                          key.step);
      if (dropped) dropout.drop_edges_of(*dropped);
      graph_.drop_edges(dropout);
    }
    return {pass(tape, inputs_.rows_in_training(tape, key), rows)};
  }

  void finish(Matrix<float>& rows) const override { inputs_.finish(rows); }

 private:
  typename Model<T>::Output pass(Tape<T>& tape, Variable<T>& embeddings,
                                 std::span<const std::int32_t> rows) {
    const std::int64_t num_layers = layer_weights_.value.cols() - 1;
    graph_.demand(rows);
    graph_.propagation().serve_untrained(!tape.with_gradients());
    Variable<T>* x = &embeddings;
    std::vector<Variable<T>*> values = attributes_.rows(tape);
    Variable<T>& initial = select_rows(tape, *x, rows);
    std::vector<Variable<T>*> layers{&initial};  // each at the rows
    for (std::int64_t k = 1; k <= num_layers; ++k) {
      const bool is_last = k == num_layers;
      Variable<T>* next = &weighted_sum(tape, graph_, Normalisation::symmetric, *x,
                                        is_last ? Rows::demanded : Rows::all);
      for (std::size_t r = 0; r < attributes_.size(); ++r) {
        const AttributeRelation& relation = attributes_.relation(r);
        const T weight = static_cast<T>(relation.weight);
        next = &add(tape, *next,
                    hear_values(tape, relation, Normalisation::symmetric, weight, *values[r],
                                is_last ? std::optional(rows) : std::nullopt));
        if (is_last) continue;
        values[r] = &hear_nodes(tape, relation, Normalisation::symmetric, weight, *x);
      }
      x = next;
      layers.push_back(is_last ? x : &select_rows(tape, *x, rows));
    }
    Variable<T>& weights =
        tape.parameter(layer_weights_.value.view(),
                       learn_layer_weights_ ? layer_weights_.gradient.view() : MatrixView<T>{});
    return {combine_layers(tape, layers, weights), initial};
  }

  NodeInputs<T> inputs_;
  AttributeNodes<T> attributes_;
  Parameter<T> layer_weights_;
  bool learn_layer_weights_;
  MessageGraph<T> graph_;
  Perturbation perturbation_;
};

}  // namespace halorec
