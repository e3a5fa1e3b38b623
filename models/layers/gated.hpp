// The layer of GGNN (Li et al., Gated graph sequence neural networks, ICLR 2016, eq. 2-6): what the
// neighbours say, the mean of their rows here, moves a node's row through a GRU cell. One cell
// serves all layers.
#pragma once

#include "engine/ops/gru.hpp"
#include "engine/ops/linear.hpp"
#include "engine/ops/neighbours.hpp"
#include "models/layers/message_layer.hpp"

namespace halorec {

template <typename T>
class GatedLayer : public MessageLayer<T> {
 public:
  GatedLayer(MessageGraph<T>& graph, const LayerOptions& options)
      : graph_(graph),
        input_(shared_parameter<T>(options, "input", options.dim, 3 * options.dim)),
        input_bias_(shared_bias<T>(options, "input-bias", 3 * options.dim)),
        state_(shared_parameter<T>(options, "state", options.dim, 3 * options.dim)),
        state_bias_(shared_bias<T>(options, "state-bias", 3 * options.dim)) {
    graph.propagation();
  }

  std::vector<Parameter<T>*> parameters() override {
    return {&input_, &input_bias_, &state_, &state_bias_};
  }

  Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) override {
    Variable<T>& self = own_rows(tape, graph_, x, rows);
    Variable<T>& neighbours = weighted_sum(tape, graph_, Normalisation::mean, x, rows);
    return gru_cell(
        tape, linear<T>(tape, {{neighbours, on_tape(tape, input_)}}, &on_tape(tape, input_bias_)),
        linear<T>(tape, {{self, on_tape(tape, state_)}}, &on_tape(tape, state_bias_)), self);
  }

 private:
  MessageGraph<T>& graph_;
  Parameter<T> input_, input_bias_, state_, state_bias_;
};

}  // namespace halorec
