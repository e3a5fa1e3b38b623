// Parameters, and the rules that move them. Embedding rows are updated by their owner without any
// communication; replicated dense parameters are updated alike on every rank, after one allreduce
// of all their gradients together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/matrix.hpp"

namespace halorec {

template <typename T>
struct Parameter {
  std::string name;         // its name in checkpoints
  bool replicated = false;  // the same small matrix on every rank; otherwise one row an owned node
  Matrix<T> value;
  Matrix<T> gradient;
  Matrix<T> first_moment, second_moment;  // Adam's; empty under SGD

  Parameter(std::string parameter_name, bool is_replicated, std::int64_t rows, std::int64_t cols)
      : name(std::move(parameter_name)),
        replicated(is_replicated),
        value(rows, cols),
        gradient(rows, cols) {}

  // A table of which a step reads and moves few rows: its gradient is then of those alone,
  // [touched.size() x cols].
  struct Touched {
    std::vector<std::int32_t> rows;  // ascending and distinct
  };
  std::optional<Touched> touched;
  void move_touched_rows_alone() {
    touched.emplace();
    gradient = {};
  }
};

enum class OptimizerKind : std::uint8_t { adam, sgd };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::adam;
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

// Gradients are the last backward pass's: a tape's parameter() defines all of them.
template <typename T>
class Optimizer {
 public:
  // Adds the moments that the rule needs to each parameter. Parameters outlive the optimizer.
  Optimizer(const OptimizerOptions& options, std::vector<Parameter<T>*> parameters);

  const std::vector<Parameter<T>*>& parameters() const { return parameters_; }
  // Sums the replicated parameters' gradients over ranks, in one exchange. Collective.
  void synchronise(Communicator& communicator);
  // Moves every parameter; `step` counts from 1. Dense semantics: rows without gradient move too,
  // as their moments say. Of a parameter that moves touched rows alone the others stand still, and
  // so do their moments (lazy Adam). Not collective.
  void update(std::uint64_t step, double learning_rate);

 private:
  struct Rates;
  // n numbers of a parameter from `first` on, with their gradients.
  void move(const Rates& rates, std::int64_t n, const T* gradient, std::int64_t first,
            Parameter<T>& p) const;

  OptimizerOptions options_;
  std::vector<Parameter<T>*> parameters_;
};

}  // namespace halorec
