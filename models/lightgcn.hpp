// LightGCN (He et al., SIGIR 2020): embeddings smoothed over the graph, sum over k of w_k A^k E,
// without transforms or nonlinearities. w_k = 1 / (L + 1), or learned from there. With further
// relations A is A + sum over r of w_r A_r, each normalised by its own degrees.
#pragma once

#include <deque>
#include <optional>

#include "engine/model.hpp"
#include "engine/ops/layer_sum.hpp"
#include "engine/ops/perturbed_layers.hpp"
#include "engine/ops/rows.hpp"
#include "engine/ops/sampled_sum.hpp"
#include "models/node_inputs.hpp"

namespace halorec {

template <typename T>
class LightGcn : public Model<T> {
 public:
  LightGcn(const Shard& shard, const ModelOptions& options)
      : inputs_(shard, options),
        layer_weights_("layer_weights", true, 1, options.num_layers + 1),
        learn_layer_weights_(options.learn_layer_weights),
        shard_(&shard),
        edges_(&message_edges(shard, options)),
        perturbation_(options.perturbation),
        view_options_(options.propagation),
        side_(options.side) {
    if (options.whole_graph != nullptr) {
      columns_.emplace(shard, *options.whole_graph, options.dim, options.propagation.store);
    } else {
      over_relations(propagation_.emplace(shard, *edges_, options.propagation));
    }
    if (!options.fanout.empty()) {
      sampler_.emplace(shard, *edges_, options.fanout, options.seed);
      sampled_exchange_.emplace(shard.halo(), options.propagation.wire,
                                options.propagation.wire_seed);
    }
    layer_weights_.value.fill(T{1} / static_cast<T>(options.num_layers + 1));
  }

  std::vector<Parameter<T>*> parameters() override {
    std::vector<Parameter<T>*> all = inputs_.parameters();
    if (learn_layer_weights_) all.push_back(&layer_weights_);
    return all;
  }

  typename Model<T>::Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) override {
    const OnTape on = parameters_on(tape, inputs_.rows(tape));
    // Recorded first, so that backward the layer sum writes the gradient and this adds to it.
    Variable<T>& initial = select_rows(tape, on.embeddings, rows);
    if (columns_) return {layer_sum(tape, *columns_, on.embeddings, on.weights, rows), initial};
    propagation_->keep_all_edges();
    propagation_->serve_untrained(!tape.with_gradients());
    return {layer_sum(tape, *propagation_, on.embeddings, on.weights, rows), initial};
  }

  typename Model<T>::TrainingOutput forward_in_training(Tape<T>& tape,
                                                        std::span<const std::int32_t> rows,
                                                        const StepKey& key) override {
    if (sampler_) return {forward_sampled(tape, rows, key)};
    const std::optional<IdDropout> dropped = inputs_.dropped(key);
    if (!perturbation_.any() && !dropped) return {forward(tape, rows)};
    HALOREC_ASSERT_LIGHT(propagation_.has_value());  // perturbed steps run by rows
    propagation_->serve_untrained(false);
    const OnTape on = parameters_on(tape, inputs_.rows_in_training(tape, key));
    Variable<T>& initial = select_rows(tape, on.embeddings, rows);
    if (perturbation_.edge_dropout > 0 || dropped) {
      EdgeDropout dropout(perturbation_.edge_dropout, perturbation_.seed, Purpose::edge_dropout,
                          key.step);
      if (dropped) dropout.drop_edges_of(*dropped);
      propagation_->drop_edges(dropout, false);
    }
    if (perturbation_.changes_rows()) {
      const RowPerturbation changes(*shard_, perturbation_, key);
      const auto layers = perturbed_layers(tape, *propagation_, changes, on.embeddings,
                                           layer_weights_.value.cols() - 1, rows);
      Variable<T>& final = combine_layers(tape, layers, on.weights);
      if (perturbation_.contrast == Contrast::xsimgcl) {
        return {{final, initial},
                &final,
                layers.at(static_cast<std::size_t>(perturbation_.contrast_layer))};
      }
      return with_views(tape, {final, initial}, on, rows, key);
    }
    Variable<T>& final = layer_sum(tape, *propagation_, on.embeddings, on.weights, rows);
    return with_views(tape, {final, initial}, on, rows, key);
  }

  void finish(Matrix<float>& rows) const override { inputs_.finish(rows); }

 private:
  struct OnTape {
    Variable<T>& embeddings;  // or what nodes are with their features
    Variable<T>& weights;
  };
  OnTape parameters_on(Tape<T>& tape, Variable<T>& e) { return {e, weights_on(tape)}; }
  Variable<T>& weights_on(Tape<T>& tape) {
    return tape.parameter(layer_weights_.value.view(),
                          learn_layer_weights_ ? layer_weights_.gradient.view() : MatrixView<T>{});
  }

  // Layer by layer over the neighbours drawn: x_k at the nodes that layer k + 1 hears.
  typename Model<T>::Output forward_sampled(Tape<T>& tape, std::span<const std::int32_t> rows,
                                            const StepKey& key) {
    sampler_->sample(key.step, rows);
    Variable<T>* x = &inputs_.listed_in_training(tape, sampler_->first_rows(), key);
    std::vector<Variable<T>*> layers;  // each at the rows
    for (std::int64_t k = 0; k < sampler_->num_layers(); ++k) {
      layers.push_back(&select_rows(tape, *x, sampler_->places(k)));
      x = &sampled_sum(tape, sampler_->block(k + 1), *sampled_exchange_, Normalisation::symmetric,
                       *x);
    }
    layers.push_back(x);
    return {combine_layers(tape, layers, weights_on(tape)), *layers.front()};
  }

  void over_relations(Propagation<T>& propagation) const {
    if (side_ == nullptr) return;
    for (const Relation& relation : side_->relations) {
      propagation.add_relation(static_cast<T>(relation.weight), relation.edges);
      propagation.add_untrained(static_cast<T>(relation.weight), relation.untrained);
    }
  }

  // Adds SGL's views where they are wanted: two graphs drawn for each epoch, and normalised as
  // graphs of their own (as in SGL's code).
  typename Model<T>::TrainingOutput with_views(Tape<T>& tape, typename Model<T>::Output output,
                                               const OnTape& on, std::span<const std::int32_t> rows,
                                               const StepKey& key) {
    if (perturbation_.contrast != Contrast::sgl) return {output};
    for (std::uint32_t v = 0; v < 2 && view_epoch_ != key.epoch; ++v) {
      if (views_.size() <= v) {
        over_relations(views_.emplace_back(*shard_, *edges_, view_options_));
      }
      const EdgeDropout dropout(perturbation_.view_dropout, perturbation_.seed,
                                Purpose::view_dropout, key.epoch, v);
      views_[v].drop_edges(dropout, true);
    }
    view_epoch_ = key.epoch;
    return {output, &layer_sum(tape, views_[0], on.embeddings, on.weights, rows),
            &layer_sum(tape, views_[1], on.embeddings, on.weights, rows)};
  }

  std::optional<Propagation<T>> propagation_;
  std::optional<ColumnPropagation<T>> columns_;
  NodeInputs<T> inputs_;
  std::optional<NeighbourSampler> sampler_;
  std::optional<HaloExchange<T>> sampled_exchange_;
  Parameter<T> layer_weights_;
  bool learn_layer_weights_;
  const Shard* shard_;
  const Adjacency* edges_;
  Perturbation perturbation_;
  PropagationOptions view_options_;
  const SideInputs* side_;
  std::deque<Propagation<T>> views_;
  std::uint64_t view_epoch_ = ~std::uint64_t{0};
};

}  // namespace halorec
