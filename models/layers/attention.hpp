// Layers that weigh each neighbour.
#pragma once

#include "engine/ops/attention.hpp"
#include "engine/ops/elementwise.hpp"
#include "engine/ops/linear.hpp"
#include "engine/ops/neighbours.hpp"
#include "models/layers/message_layer.hpp"

namespace halorec {

// GATv2 (Brody et al., How attentive are graph attention networks?, ICLR 2022, eq. 7; a node is a
// neighbour of itself), heads side by side, ELU between layers.
template <typename T>
class GatLayer : public MessageLayer<T> {
 public:
  GatLayer(MessageGraph<T>& graph, const LayerOptions& options)
      : graph_(graph),
        num_heads_(options.num_heads),
        is_last_(options.is_last),
        source_(shared_parameter<T>(options, "source", options.dim, options.dim)),
        target_(shared_parameter<T>(options, "target", options.dim, options.dim)),
        attention_(shared_parameter<T>(options, "attention", 1, options.dim)) {
    graph.neighbourhood(true);
  }

  std::vector<Parameter<T>*> parameters() override { return {&source_, &target_, &attention_}; }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    Variable<T>& sources =
        neighbour_rows(tape, graph_, linear<T>(tape, {{x, on_tape(tape, source_)}}));
    Variable<T>& targets =
        linear<T>(tape, {{own_rows(tape, graph_, x, rows), on_tape(tape, target_)}});
    Variable<T>& result = gat_attention(tape, graph_.neighbourhood(true), targets, sources,
                                        on_tape(tape, attention_), num_heads_, rows);
    return is_last_ ? result : activate(tape, Activation::elu, result);
  }

 private:
  MessageGraph<T>& graph_;
  std::int64_t num_heads_;
  bool is_last_;
  Parameter<T> source_, target_, attention_;
};

// LightGCN's layer whose weights attention shifts: the scores of GATv2 compare a node with its
// neighbours, and what is summed are the neighbours' rows themselves,
//   x_i' = d_i^1/2 sum over j of softmax_j(s_ij) d_j^-1/2 x_j,
//   s_ij = a . LeakyReLU(x_i W + x_j).
// Equal scores are LightGCN; the total weight of a node's neighbours stays about what it is there.
template <typename T>
class LightAttentionLayer : public MessageLayer<T> {
 public:
  LightAttentionLayer(MessageGraph<T>& graph, const LayerOptions& options)
      : graph_(graph),
        num_heads_(options.num_heads),
        target_(shared_parameter<T>(options, "target", options.dim, options.dim)),
        attention_(shared_parameter<T>(options, "attention", 1, options.dim)) {
    graph.neighbourhood(false);
    graph.source_scale();
  }

  std::vector<Parameter<T>*> parameters() override { return {&target_, &attention_}; }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    Variable<T>& sources = neighbour_rows(tape, graph_, x);
    Variable<T>& targets =
        linear<T>(tape, {{own_rows(tape, graph_, x, rows), on_tape(tape, target_)}});
    Variable<T>& mean = gat_attention(tape, graph_.neighbourhood(false), targets, sources,
                                      on_tape(tape, attention_), num_heads_, rows,
                                      &inverse_root_degrees(tape, graph_));
    return times_root_degree(tape, graph_, mean, rows);
  }

 private:
  MessageGraph<T>& graph_;
  std::int64_t num_heads_;
  Parameter<T> target_, attention_;
};

// NGAT4Rec (Song et al., 2020, arXiv:2010.12256): nothing to learn, a neighbour counts by how much
// it resembles the other neighbours.
template <typename T>
class NeighbourAwareLayer : public MessageLayer<T> {
 public:
  explicit NeighbourAwareLayer(MessageGraph<T>& graph) : graph_(graph) {
    graph.neighbourhood(false);
  }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    return neighbour_aware_sum(tape, graph_.neighbourhood(false), neighbour_rows(tape, graph_, x),
                               rows);
  }

 private:
  MessageGraph<T>& graph_;
};

}  // namespace halorec
