// The layer of R-GCN (Schlichtkrull et al., Modeling relational data with graph convolutional
// networks, ESWC 2018, eq. 2 and 3): each relation has a transform of its own, made of few bases
// that all share,
//   x_i' = s(x_i W_0 + sum over relations r of m_ir W_r + b),  W_r = sum over b of c_rb V_b,
// m_ir the mean of i's neighbours in r. Relations: what users take, who takes an item, and each of
// the links. s is ReLU, and nothing in the last layer: inner products rank, and may be negative.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "engine/ops/basis.hpp"
#include "engine/ops/elementwise.hpp"
#include "engine/ops/features.hpp"
#include "engine/ops/linear.hpp"
#include "engine/ops/neighbours.hpp"
#include "models/layers/message_layer.hpp"

namespace halorec {

template <typename T>
class RelationalLayer : public MessageLayer<T> {
 public:
  // graphs: of the interactions, then of each link relation, over the same nodes.
  RelationalLayer(const std::vector<MessageGraph<T>*>& graphs, std::int64_t num_owned_users,
                  const LayerOptions& options)
      : graphs_(graphs),
        num_owned_users_(num_owned_users),
        is_last_(options.is_last),
        self_(shared_parameter<T>(options, "self", options.dim, options.dim)),
        bases_(shared_parameter<T>(options, "bases", options.num_bases * options.dim, options.dim)),
        coefficients_(shared_parameter<T>(options, "coefficients",
                                          static_cast<std::int64_t>(graphs.size()) + 1,
                                          options.num_bases)),
        bias_(shared_bias<T>(options, "bias", options.dim)) {
    for (MessageGraph<T>* graph : graphs_) graph->propagation();
  }

  std::vector<Parameter<T>*> parameters() override {
    return {&self_, &bases_, &coefficients_, &bias_};
  }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    MessageGraph<T>& interactions = *graphs_.front();
    Variable<T>& bases = on_tape(tape, bases_);
    Variable<T>& coefficients = on_tape(tape, coefficients_);
    std::vector<LinearTerm<T>> terms{{own_rows(tape, interactions, x, rows), on_tape(tape, self_)}};
    std::int64_t relation = 0;
    const auto add = [&](Variable<T>& received) {
      terms.push_back({received, mix_bases(tape, bases, coefficients, relation++)});
    };
    // Interactions both ways: rows of users hear items, rows of items users.
    Variable<T>& heard = weighted_sum(tape, interactions, Normalisation::mean, x, rows);
    mark_users(interactions, rows);
    add(keep_rows<T>(tape, is_user_, heard));
    add(keep_rows<T>(tape, is_item_, heard));
    for (std::size_t g = 1; g < graphs_.size(); ++g) {
      add(weighted_sum(tape, *graphs_[g], Normalisation::mean, x, rows));
    }
    Variable<T>& result = linear<T>(tape, terms, &on_tape(tape, bias_));
    return is_last_ ? result : activate(tape, Activation::relu, result);
  }

 private:
  // Which of the computed rows are users', and which items'.
  void mark_users(const MessageGraph<T>& graph, Rows rows) {
    const std::int64_t n = graph.num_rows(rows);
    const auto demanded = graph.demanded();
    const std::int64_t num_users =
        rows == Rows::all ? num_owned_users_
                          : std::lower_bound(demanded.begin(), demanded.end(), num_owned_users_) -
                                demanded.begin();
    is_user_.assign(static_cast<std::size_t>(n), T{0});
    std::fill_n(is_user_.begin(), num_users, T{1});
    is_item_.assign(static_cast<std::size_t>(n), T{1});
    std::fill_n(is_item_.begin(), num_users, T{0});
  }

  std::vector<MessageGraph<T>*> graphs_;
  std::int64_t num_owned_users_;
  bool is_last_;
  Parameter<T> self_, bases_, coefficients_, bias_;
  std::vector<T> is_user_, is_item_;  // of the rows of the step's pass through this layer
};

}  // namespace halorec
