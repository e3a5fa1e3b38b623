// A model of message-passing layers over embeddings: x_0 = E, x_k = layer_k(x_{k-1}), and a
// combination of x_0 ... x_L that is ranked by. Which layers and which combination is all that
// distinguishes NGCF, GAT, NGAT4Rec, GGNN, GraphSAGE, R-GCN and one's own (models/presets.hpp). The
// last layer is computed at the rows alone that the step asks for; with a fanout, in training,
// every layer at the rows that the next one hears. Training may drop edges of sums, drop messages
// of each layer's result and add noise to it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "engine/ops/combine.hpp"
#include "engine/ops/perturb_layer.hpp"
#include "engine/ops/rows.hpp"
#include "models/layers/message_layer.hpp"
#include "models/node_inputs.hpp"

namespace halorec {

template <typename T>
class LayeredModel : public Model<T> {
 public:
  // make_layer(graphs, k) makes layer k of 1 ... L of LayerGraphs, which outlive it; where
  // `shares_layer`, layer 1 stands for all.
  template <typename MakeLayer>
  LayeredModel(const Shard& shard, const ModelOptions& options, Combine combine, bool shares_layer,
               const MakeLayer& make_layer)
      : inputs_(shard, options),
        attributes_(options),
        graph_(shard, message_edges(shard, options), options.propagation),
        combine_(combine),
        num_layers_(options.num_layers),
        shard_(&shard),
        perturbation_(options.perturbation) {
    graphs_.interactions = &graph_;
    graphs_.attributes = &attributes_;
    if (options.side != nullptr) {
      const auto make_graph = [&](const Adjacency& edges, const Adjacency& untrained) {
        MessageGraph<T>& graph = relation_graphs_.emplace_back(shard, edges, options.propagation);
        graph.propagation().add_untrained(T{1}, untrained);
        return &graph;
      };
      for (const Relation& relation : options.side->relations) {
        auto& made = graphs_.relations.emplace_back();
        made.crosses = relation.crosses;
        if (relation.directions.empty()) {
          made.graph = make_graph(relation.edges, relation.untrained);
        }
        for (const LinkDirection& one : relation.directions) {
          made.directions.push_back(
              {make_graph(one.edges, one.untrained), {one.mean.begin(), one.mean.end()}});
        }
      }
    }
    if (!options.fanout.empty()) {
      sampler_.emplace(shard, message_edges(shard, options), options.fanout, options.seed);
    }
    const std::int64_t num_made = shares_layer && num_layers_ > 0 ? 1 : num_layers_;
    for (std::int64_t k = 1; k <= num_made; ++k) layers_.push_back(make_layer(graphs_, k));
    if (combine_ == Combine::attention) {
      query_.emplace("layer-query", true, 1, options.dim);
      initialise_shared(options.seed, *query_);
    }
  }

  std::vector<Parameter<T>*> parameters() override {
    std::vector<Parameter<T>*> all = inputs_.parameters();
    attributes_.add_parameters(all);
    for (const auto& layer : layers_) {
      for (Parameter<T>* parameter : layer->parameters()) all.push_back(parameter);
    }
    if (query_) all.push_back(&*query_);
    return all;
  }

  typename Model<T>::Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) override {
    graph_.keep_all_edges();
    return whole(tape, inputs_.rows(tape), rows, nullptr);
  }

  typename Model<T>::TrainingOutput forward_in_training(Tape<T>& tape,
                                                        std::span<const std::int32_t> rows,
                                                        const StepKey& key) override {
    if (!sampler_) {
      const RowPerturbation changes(*shard_, perturbation_, key);
      if (perturbation_.edge_dropout > 0) {
        graph_.drop_edges(EdgeDropout(perturbation_.edge_dropout, perturbation_.seed,
                                      Purpose::edge_dropout, key.step));
      }
      return whole(tape, inputs_.rows_in_training(tape, key), rows,
                   perturbation_.changes_rows() ? &changes : nullptr);
    }
    sampler_->sample(key.step, rows);
    Variable<T>& x = inputs_.listed_in_training(tape, sampler_->first_rows(), key);
    Variable<T>& initial = select_rows(tape, x, sampler_->places(0));
    return layers_at(tape, x, initial, rows, &*sampler_, nullptr);
  }
  void finish(Matrix<float>& rows) const override { inputs_.finish(rows); }

 private:
  // Over all nodes. changes: what is done to each layer's result, or null.
  typename Model<T>::TrainingOutput whole(Tape<T>& tape, Variable<T>& x,
                                          std::span<const std::int32_t> rows,
                                          const RowPerturbation* changes) {
    graph_.use(nullptr);
    if (num_layers_ > 0) {
      graph_.demand(rows);
      for (MessageGraph<T>& graph : relation_graphs_) graph.demand(rows);
    }
    for (MessageGraph<T>& graph : relation_graphs_) {
      graph.propagation().serve_untrained(!tape.with_gradients());
    }
    Variable<T>& initial = select_rows(tape, x, rows);
    return layers_at(tape, x, initial, rows, nullptr, changes);
  }

  // All layers from `first`, and what they are together at the rows. sampled: the blocks that they
  // run over, or null.
  typename Model<T>::TrainingOutput layers_at(Tape<T>& tape, Variable<T>& first,
                                              Variable<T>& initial,
                                              std::span<const std::int32_t> rows,
                                              NeighbourSampler* sampled,
                                              const RowPerturbation* changes) {
    const bool contrasts = changes != nullptr && perturbation_.contrast == Contrast::xsimgcl;
    Variable<T>* x = changes == nullptr ? &first : &perturb_layer(tape, *changes, 0, first);
    graphs_.values = attributes_.rows(tape);
    // Each layer at the rows.
    std::vector<Variable<T>*> parts{x == &first ? &initial : &select_rows(tape, *x, rows)};
    Variable<T>* second_view = contrasts && perturbation_.contrast_layer == 0 ? parts[0] : nullptr;
    for (std::int64_t k = 1; k <= num_layers_; ++k) {
      MessageLayer<T>& layer =
          *layers_[std::min(static_cast<std::size_t>(k - 1), layers_.size() - 1)];
      const bool is_last = k == num_layers_;
      if (sampled != nullptr) graph_.use(&sampled->block(k));
      x = &layer.forward(tape, *x, is_last || sampled != nullptr ? Rows::demanded : Rows::all);
      if (changes != nullptr) {
        const RowPerturbation::Rows demanded{rows.data()};
        x = &perturb_layer(tape, *changes, k, *x, is_last ? demanded : RowPerturbation::Rows{});
      }
      const bool is_view = contrasts && k == perturbation_.contrast_layer;
      if (is_last) {
        parts.push_back(x);
      } else if (combine_ != Combine::last || is_view) {
        parts.push_back(&select_rows(tape, *x, sampled != nullptr ? sampled->places(k) : rows));
      }
      if (is_view) second_view = parts.back();
    }
    Variable<T>& final = combined(tape, parts);
    return {{final, initial}, contrasts ? &final : nullptr, second_view};
  }

  Variable<T>& combined(Tape<T>& tape, const std::vector<Variable<T>*>& parts) {
    switch (combine_) {
      case Combine::mean:
        return mean_of(tape, parts);
      case Combine::concatenation:
        return concatenate_columns(tape, parts);
      case Combine::attention:
        return attend_parts(tape, parts, on_tape(tape, *query_));
      default:
        return *parts.back();
    }
  }

  NodeInputs<T> inputs_;
  AttributeNodes<T> attributes_;
  MessageGraph<T> graph_;
  std::deque<MessageGraph<T>> relation_graphs_;
  LayerGraphs<T> graphs_;
  std::optional<NeighbourSampler> sampler_;
  Combine combine_;
  std::int64_t num_layers_;
  const Shard* shard_;
  Perturbation perturbation_;
  std::vector<std::unique_ptr<MessageLayer<T>>> layers_;
  std::optional<Parameter<T>> query_;
};

}  // namespace halorec
