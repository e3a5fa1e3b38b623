// Matrix factorisation: a row for each node and no message between them. What a graph must beat,
// and what isolates a fault of the halo.
#pragma once

#include <numeric>
#include <vector>

#include "engine/ops/rows.hpp"
#include "models/node_inputs.hpp"

namespace halorec {

template <typename T>
class MatrixFactorization : public Model<T> {
 public:
  MatrixFactorization(const Shard& shard, const ModelOptions& options)
      : inputs_(shard, options),
        moves_touched_rows_alone_(options.move_touched_rows_alone && options.side == nullptr) {}

  std::vector<Parameter<T>*> parameters() override { return inputs_.parameters(); }

  typename Model<T>::Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) override {
    Variable<T>& selected = select_rows(tape, inputs_.rows(tape), rows);
    return {selected, selected};
  }
  typename Model<T>::TrainingOutput forward_in_training(Tape<T>& tape,
                                                        std::span<const std::int32_t> rows,
                                                        const StepKey& key) override {
    if (moves_touched_rows_alone_) {
      all_listed_.resize(rows.size());
      std::iota(all_listed_.begin(), all_listed_.end(), 0);
      Variable<T>& selected =
          select_rows(tape, inputs_.listed_in_training(tape, rows, key), all_listed_);
      return {{selected, selected}};
    }
    Variable<T>& selected = select_rows(tape, inputs_.rows_in_training(tape, key), rows);
    return {{selected, selected}};
  }
  void finish(Matrix<float>& rows) const override { inputs_.finish(rows); }

 private:
  NodeInputs<T> inputs_;
  bool moves_touched_rows_alone_;
  std::vector<std::int32_t> all_listed_;
};

}  // namespace halorec
