#include "engine/tape.hpp"

#include <algorithm>

#include "comm/check.hpp"

namespace halorec {

template <typename T>
void Variable<T>::clear_stale_gradient() {
  if (!claim_gradient()) return;
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < gradient.rows; ++r) {
    std::fill_n(gradient.row(r), gradient.cols, T{0});
  }
}

template <typename T>
Variable<T>& Tape<T>::leaf(MatrixView<T> value, MatrixView<T> gradient) {
  Variable<T>& variable = variables_.emplace_back();
  variable.value = value;
  variable.gradient = gradient;
  variable.wants_gradient_ = gradient.data != nullptr || value.rows * value.cols == 0;
  return variable;
}

template <typename T>
Variable<T>& Tape<T>::constant(MatrixView<T> value) {
  Variable<T>& variable = leaf(value, {});
  variable.wants_gradient_ = false;
  return variable;
}

template <typename T>
Variable<T>& Tape<T>::parameter(MatrixView<T> value, MatrixView<T> gradient) {
  const auto named = std::find_if(variables_.begin(), variables_.end(), [&](const auto& variable) {
    return variable.is_parameter_ && value.data != nullptr && variable.value.data == value.data;
  });
  if (named != variables_.end()) return *named;
  Variable<T>& variable = leaf(value, gradient);
  variable.is_parameter_ = true;
  variable.gradient_is_stale_ = gradient.data != nullptr;
  return variable;
}

template <typename T>
Variable<T>& Tape<T>::result(std::int64_t rows, std::int64_t cols) {
  Variable<T>& variable = variables_.emplace_back();
  variable.own_value_ = take(rows, cols);
  variable.value = variable.own_value_.view();
  variable.wants_gradient_ = with_gradients_;
  if (with_gradients_) {
    variable.own_gradient_ = take(rows, cols);
    variable.gradient = variable.own_gradient_.view();
    variable.gradient_is_stale_ = true;
    variable.clear_stale_gradient();
  }
  return variable;
}

template <typename T>
Matrix<T>& Tape<T>::scratch(std::int64_t rows, std::int64_t cols) {
  return scratch_.emplace_back(take(rows, cols));
}

template <typename T>
void Tape<T>::backward() {
  HALOREC_ASSERT_LIGHT(with_gradients_);
  for (auto record = records_.rbegin(); record != records_.rend(); ++record) (*record)();
  for (Variable<T>& variable : variables_) variable.clear_stale_gradient();
}

template <typename T>
void Tape<T>::clear() {
  records_.clear();
  // What the last step did not take again is of no use to it (a last, short batch).
  spare_.clear();
  for (Variable<T>& variable : variables_) {
    spare_.push_back(std::move(variable.own_value_));
    spare_.push_back(std::move(variable.own_gradient_));
  }
  for (Matrix<T>& matrix : scratch_) spare_.push_back(std::move(matrix));
  variables_.clear();
  scratch_.clear();
}

template <typename T>
Matrix<T> Tape<T>::take(std::int64_t rows, std::int64_t cols) {
  // The tightest that is large enough; where there is none, the largest is given back before memory
  // for a larger one is asked for, so that steps of ever other shapes hold no more than one step's.
  const std::int64_t size = rows * cols;
  const auto is_worse = [size](const Matrix<T>& a, const Matrix<T>& b) {
    const bool fits = a.capacity() >= size;
    if (fits != (b.capacity() >= size)) return !fits;
    return fits ? a.capacity() > b.capacity() : a.capacity() < b.capacity();
  };
  const auto best = std::max_element(spare_.begin(), spare_.end(), is_worse);
  if (best == spare_.end()) return Matrix<T>(rows, cols);
  Matrix<T> matrix = std::move(*best);
  spare_.erase(best);
  matrix.reshape(rows, cols);
  return matrix;
}

template class Variable<float>;
template class Variable<double>;
template class Tape<float>;
template class Tape<double>;

}  // namespace halorec
