// A recurrent model over slices of time, after ROLAND (You et al., ROLAND: graph learning framework
// for dynamic graphs, KDD 2022, algorithm 1 with its GRU update). Each layer keeps a state of every
// node. In slice t, layer l hears what layer l - 1 of the same slice says over the edges of that
// slice, and its state moves through a GRU cell:
//   h_l(t) = GRU(A_t h_(l-1)(t), h_l(t - 1)),  h_0(t) = E,  h_l(0) = E.
// The mean of E and the states after the last slice is ranked by. Here states start from E, not
// from zero, messages are LightGCN's, and gradients flow through all slices.
//
// The cell starts as a running average: the candidate is the message itself and the gate is one
// half everywhere, so that what a slice said counts half as much with each slice that follows.
// First numbers at random would mix columns at once, which costs rankings dearly.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/message_graph.hpp"
#include "engine/model.hpp"
#include "engine/ops/combine.hpp"
#include "engine/ops/gru.hpp"
#include "engine/ops/linear.hpp"
#include "engine/ops/neighbours.hpp"
#include "engine/ops/rows.hpp"
#include "models/node_inputs.hpp"

namespace halorec {

template <typename T>
class Roland : public Model<T> {
 public:
  // Over options.time_graphs, the slices from the oldest to the newest.
  Roland(const Shard& shard, const ModelOptions& options) : inputs_(shard, options) {
    for (const Adjacency& edges : options.time_graphs) {
      slices_.emplace_back(shard, edges, options.propagation).propagation();
    }
    for (std::int64_t l = 1; l <= options.num_layers; ++l) cells_.emplace_back(l, options.dim);
  }

  std::vector<Parameter<T>*> parameters() override {
    std::vector<Parameter<T>*> all = inputs_.parameters();
    for (Cell& cell : cells_) {
      all.insert(all.end(), {&cell.input, &cell.input_bias, &cell.state, &cell.state_bias});
    }
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
    Variable<T>& initial = select_rows(tape, embeddings, rows);
    // The last layer's state is read by nobody but the ranking: at the rows alone.
    std::vector<Variable<T>*> states(cells_.size(), &embeddings);
    if (!states.empty()) states.back() = &initial;
    for (MessageGraph<T>& slice : slices_) {
      slice.demand(rows);
      Variable<T>* x = &embeddings;
      for (std::size_t l = 0; l < cells_.size(); ++l) {
        const Rows which = l + 1 == cells_.size() ? Rows::demanded : Rows::all;
        Variable<T>& heard = weighted_sum(tape, slice, Normalisation::symmetric, *x, which);
        x = states[l] = &cells_[l].step(tape, heard, *states[l]);
      }
    }
    std::vector<Variable<T>*> parts{&initial};
    for (std::size_t l = 0; l < states.size(); ++l) {
      const bool is_last = l + 1 == states.size();
      parts.push_back(is_last ? states[l] : &select_rows(tape, *states[l], rows));
    }
    return {mean_of(tape, parts), initial};
  }

  // Of one layer, the same in all slices.
  struct Cell {
    Cell(std::int64_t layer, std::int64_t dim)
        : input(name_of(layer, "input"), true, dim, 3 * dim),
          input_bias(name_of(layer, "input-bias"), true, 1, 3 * dim),
          state(name_of(layer, "state"), true, dim, 3 * dim),
          state_bias(name_of(layer, "state-bias"), true, 1, 3 * dim) {
      for (std::int64_t c = 0; c < dim; ++c) input.value(c, 2 * dim + c) = T{1};
    }
    static std::string name_of(std::int64_t layer, const char* what) {
      return "layer" + std::to_string(layer) + "." + what;
    }
    Variable<T>& step(Tape<T>& tape, Variable<T>& heard, Variable<T>& before) {
      return gru_cell(
          tape, linear<T>(tape, {{heard, on_tape(tape, input)}}, &on_tape(tape, input_bias)),
          linear<T>(tape, {{before, on_tape(tape, state)}}, &on_tape(tape, state_bias)), before);
    }

    Parameter<T> input, input_bias, state, state_bias;
  };

  NodeInputs<T> inputs_;
  std::deque<MessageGraph<T>> slices_;
  std::deque<Cell> cells_;
};

}  // namespace halorec
