// The layer of R-GCN (Schlichtkrull et al., Modeling relational data with graph convolutional
// networks, ESWC 2018, eq. 2 and 3): each relation has a transform of its own, made of few bases
// that all share,
//   x_i' = s(x_i W_0 + sum over relations r of m_ir W_r + b),  W_r = sum over b of c_rb V_b,
// m_ir the mean of i's neighbours in r. Relations: what users take, who takes an item, each of the
// links (those of users to items both ways, as the interactions; directed ones as whom a node links
// to and as who links to it), which values of an attribute a node has, and who has a value: values
// are nodes with rows of their own. s is ReLU, and nothing in the last layer: inner products rank,
// and may be negative.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "engine/ops/attribute_messages.hpp"
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
  RelationalLayer(LayerGraphs<T>& graphs, std::int64_t num_owned_users, const LayerOptions& options)
      : graphs_(&graphs),
        num_owned_users_(num_owned_users),
        is_last_(options.is_last),
        self_(shared_parameter<T>(options, "self", options.dim, options.dim)),
        bases_(shared_parameter<T>(options, "bases", options.num_bases * options.dim, options.dim)),
        coefficients_(shared_parameter<T>(
            options, "coefficients", num_relations(graphs, options.is_last), options.num_bases)),
        bias_(shared_bias<T>(options, "bias", options.dim)) {
    graphs.interactions->propagation();
  }

  std::vector<Parameter<T>*> parameters() override {
    return {&self_, &bases_, &coefficients_, &bias_};
  }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    MessageGraph<T>& interactions = *graphs_->interactions;
    Variable<T>& bases = on_tape(tape, bases_);
    Variable<T>& coefficients = on_tape(tape, coefficients_);
    Variable<T>& self = on_tape(tape, self_);
    Variable<T>& bias = on_tape(tape, bias_);
    std::vector<LinearTerm<T>> terms{{own_rows(tape, interactions, x, rows), self}};
    std::int64_t next = 0;
    const auto next_transform = [&]() -> Variable<T>& {
      return mix_bases(tape, bases, coefficients, next++);
    };
    mark_users(interactions, rows);
    const auto add = [&](MessageGraph<T>& graph, bool crosses) {
      Variable<T>& heard = weighted_sum(tape, graph, Normalisation::mean, x, rows);
      if (!crosses) {
        terms.push_back({heard, next_transform()});
        return;
      }
      // Both ways: rows of users hear items, rows of items users.
      terms.push_back({keep_rows<T>(tape, is_user_, heard), next_transform()});
      terms.push_back({keep_rows<T>(tape, is_item_, heard), next_transform()});
    };
    add(interactions, true);
    for (const auto& relation : graphs_->relations) {
      if (relation.graph != nullptr) add(*relation.graph, relation.crosses);
      const auto& ways = relation.directions;
      for (std::size_t w = 0; w < ways.size(); ++w) {
        terms.push_back(
            {directed_sum<T>(tape, *ways[w].graph, *ways[1 - w].graph, ways[w].mean, x, rows),
             next_transform()});
      }
    }
    const auto listed = rows == Rows::all ? std::nullopt : std::optional(interactions.demanded());
    for (std::size_t a = 0; a < graphs_->attributes->size(); ++a) {
      terms.push_back({hear_values(tape, graphs_->attributes->relation(a), Normalisation::mean,
                                   T{1}, *graphs_->values[a], listed),
                       next_transform()});
    }
    Variable<T>& result = linear<T>(tape, terms, &bias);
    if (is_last_) return result;
    for (std::size_t a = 0; a < graphs_->attributes->size(); ++a) {
      Variable<T>& heard =
          hear_nodes(tape, graphs_->attributes->relation(a), Normalisation::mean, T{1}, x);
      const std::vector<LinearTerm<T>> of_values{{*graphs_->values[a], self},
                                                 {heard, next_transform()}};
      graphs_->values[a] = &activate(tape, Activation::relu, linear<T>(tape, of_values, &bias));
    }
    return activate(tape, Activation::relu, result);
  }

 private:
  // The last layer has no use for what values hear.
  static std::int64_t num_relations(const LayerGraphs<T>& graphs, bool is_last) {
    std::int64_t num = 2;
    for (const auto& relation : graphs.relations) {
      num += relation.crosses || !relation.directions.empty() ? 2 : 1;
    }
    return num + static_cast<std::int64_t>(graphs.attributes->size()) * (is_last ? 1 : 2);
  }

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

  LayerGraphs<T>* graphs_;
  std::int64_t num_owned_users_;
  bool is_last_;
  Parameter<T> self_, bases_, coefficients_, bias_;
  std::vector<T> is_user_, is_item_;  // of the rows of the step's pass through this layer
};

}  // namespace halorec
