// Reverse-mode differentiation over node matrices. A model calls operators (engine/ops); each one
// computes its value, and records how to send a gradient from its result to its arguments. backward
// runs the records in reverse order. No expression templates, no graph optimiser.
//
// Every rank runs the same operators in the same order, so the collectives inside them match.
// The matrices of one step are kept and handed out again in the next.
#pragma once

#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "engine/matrix.hpp"

namespace halorec {

// A value on the tape and the gradient of the loss with respect to it, of the same shape.
// Variables of parameters only point at the parameter's matrices.
template <typename T>
class Variable {
 public:
  MatrixView<T> value;
  MatrixView<T> gradient;  // .data == nullptr when nothing upstream wants it

  bool wants_gradient() const { return wants_gradient_; }
  // True once when nothing has been added to the gradient of a parameter yet: the caller then
  // overwrites all of it, which saves clearing it beforehand. Otherwise the caller adds.
  bool claim_gradient() { return std::exchange(gradient_is_stale_, false); }
  // For operators that add to some rows only: clears the gradient unless something was added.
  void clear_stale_gradient();

 private:
  template <typename>
  friend class Tape;
  Matrix<T> own_value_, own_gradient_;
  bool wants_gradient_ = true;
  bool gradient_is_stale_ = false;
  bool is_parameter_ = false;
};

template <typename T>
class Tape {
 public:
  // Without gradients results have none, nothing is recorded, and backward() is not to be called:
  // for values alone.
  explicit Tape(bool with_gradients = true) : with_gradients_(with_gradients) {}

  // False: a pass for evaluation.
  bool with_gradients() const { return with_gradients_; }

  // A leaf over storage that outlives the step. Gradients are added to `gradient`; pass an empty
  // view for a constant that has rows on every rank.
  Variable<T>& leaf(MatrixView<T> value, MatrixView<T> gradient);
  // A leaf that wants no gradient on any rank, those without rows among them.
  Variable<T>& constant(MatrixView<T> value);
  // A leaf whose gradient is this step's alone: what stands there is forgotten, and after
  // backward() it is defined, zero if no operator added to it. Named again (layers that share a
  // parameter), it is the same variable.
  Variable<T>& parameter(MatrixView<T> value, MatrixView<T> gradient);
  // The result of an operator: value uninitialised, gradient zero (none without gradients).
  Variable<T>& result(std::int64_t rows, std::int64_t cols);
  // A matrix for use inside this step; contents undefined. Lives until clear().
  Matrix<T>& scratch(std::int64_t rows, std::int64_t cols);
  // How an operator sends its result's gradient on; run in reverse order of recording.
  void record(std::function<void()> backward) {
    if (with_gradients_) records_.push_back(std::move(backward));
  }
  // Runs the records backwards. Collective when an operator on the tape is.
  void backward();
  // Ends the step: forgets variables and records, keeps the memory.
  void clear();

 private:
  Matrix<T> take(std::int64_t rows, std::int64_t cols);

  bool with_gradients_;
  std::deque<Variable<T>> variables_;
  std::deque<Matrix<T>> scratch_;
  std::vector<std::function<void()>> records_;
  std::vector<Matrix<T>> spare_;
};

}  // namespace halorec
