// LightGCN (He et al., SIGIR 2020): embeddings smoothed over the graph, sum over k of w_k A^k E,
// without transforms or nonlinearities. w_k = 1 / (L + 1), or learned from there.
#pragma once

#include <optional>

#include "engine/model.hpp"
#include "engine/ops/layer_sum.hpp"
#include "engine/ops/rows.hpp"

namespace halorec {

template <typename T>
class LightGcn : public Model<T> {
 public:
  LightGcn(const Shard& shard, const ModelOptions& options)
      : embeddings_("embeddings", false, shard.num_owned(), options.dim),
        layer_weights_("layer_weights", true, 1, options.num_layers + 1),
        learn_layer_weights_(options.learn_layer_weights) {
    initialise_rows(shard, options.seed, options.initial_deviation, embeddings_.value);
    if (options.whole_graph != nullptr) {
      columns_.emplace(shard, *options.whole_graph, options.dim, options.propagation.store);
    } else {
      propagation_.emplace(shard, options.propagation);
    }
    layer_weights_.value.fill(T{1} / static_cast<T>(options.num_layers + 1));
  }

  std::vector<Parameter<T>*> parameters() override {
    if (learn_layer_weights_) return {&embeddings_, &layer_weights_};
    return {&embeddings_};
  }

  typename Model<T>::Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) override {
    Variable<T>& e = tape.parameter(embeddings_.value.view(), embeddings_.gradient.view());
    Variable<T>& w =
        tape.parameter(layer_weights_.value.view(),
                       learn_layer_weights_ ? layer_weights_.gradient.view() : MatrixView<T>{});
    // Recorded first, so that backward the layer sum writes the gradient and this adds to it.
    Variable<T>& initial = select_rows(tape, e, rows);
    return {columns_ ? layer_sum(tape, *columns_, e, w, rows)
                     : layer_sum(tape, *propagation_, e, w, rows),
            initial};
  }

 private:
  std::optional<Propagation<T>> propagation_;
  std::optional<ColumnPropagation<T>> columns_;
  Parameter<T> embeddings_;
  Parameter<T> layer_weights_;
  bool learn_layer_weights_;
};

}  // namespace halorec
