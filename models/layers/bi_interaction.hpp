// The layer of NGCF (Wang et al., Neural graph collaborative filtering, SIGIR 2019, eq. 7):
//   X' = LeakyReLU((A + I) X W1 + (A X) * X W2)
// with A the symmetrically normalised adjacency and * number by number.
#pragma once

#include "engine/ops/elementwise.hpp"
#include "engine/ops/linear.hpp"
#include "engine/ops/neighbours.hpp"
#include "models/layers/message_layer.hpp"

namespace halorec {

template <typename T>
class BiInteractionLayer : public MessageLayer<T> {
 public:
  BiInteractionLayer(MessageGraph<T>& graph, const LayerOptions& options)
      : graph_(graph),
        sum_weight_(shared_parameter<T>(options, "sum", options.dim, options.dim)),
        product_weight_(shared_parameter<T>(options, "product", options.dim, options.dim)) {
    graph.propagation();
  }

  std::vector<Parameter<T>*> parameters() override { return {&sum_weight_, &product_weight_}; }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    Variable<T>& self = own_rows(tape, graph_, x, rows);
    Variable<T>& neighbours = weighted_sum(tape, graph_, Normalisation::symmetric, x, rows);
    Variable<T>& mixed =
        linear<T>(tape, {{add(tape, self, neighbours), on_tape(tape, sum_weight_)},
                         {hadamard(tape, self, neighbours), on_tape(tape, product_weight_)}});
    return activate(tape, Activation::leaky_relu, mixed);
  }

 private:
  MessageGraph<T>& graph_;
  Parameter<T> sum_weight_, product_weight_;
};

}  // namespace halorec
