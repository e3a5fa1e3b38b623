// Matrix factorisation: a row for each node and no message between them. What a graph must beat,
// and what isolates a fault of the halo.
#pragma once

#include "engine/model.hpp"
#include "engine/ops/rows.hpp"

namespace halorec {

template <typename T>
class MatrixFactorization : public Model<T> {
 public:
  MatrixFactorization(const Shard& shard, const ModelOptions& options)
      : embeddings_("embeddings", false, shard.num_owned(), options.dim) {
    initialise_rows(shard, options.seed, options.initial_deviation, embeddings_.value);
  }

  std::vector<Parameter<T>*> parameters() override { return {&embeddings_}; }

  typename Model<T>::Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) override {
    Variable<T>& e = tape.parameter(embeddings_.value.view(), embeddings_.gradient.view());
    Variable<T>& selected = select_rows(tape, e, rows);
    return {selected, selected};
  }

 private:
  Parameter<T> embeddings_;
};

}  // namespace halorec
