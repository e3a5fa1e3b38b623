// Row-major node matrices. A MatrixView addresses `rows` rows of `cols` numbers that stand
// `stride` apart (a leading dimension, so that a block of columns is a view too). Memory is the
// host's; a backend with memory of its own would add a space here and its kernels beside
// engine/kernels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "comm/check.hpp"
#include "comm/large_memory.hpp"

namespace halorec {

template <typename T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;

  T* row(std::int64_t r) const { return data + r * stride; }
  std::span<T> row_span(std::int64_t r) const { return {row(r), static_cast<std::size_t>(cols)}; }
  T& operator()(std::int64_t r, std::int64_t c) const { return data[r * stride + c]; }
  // Rows [first, first + count).
  MatrixView rows_from(std::int64_t first, std::int64_t count) const {
    HALOREC_ASSERT_LIGHT(first >= 0 && count >= 0 && first + count <= rows);
    return {data + first * stride, count, cols, stride};
  }
  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }
};

// Owns storage aligned to a cache line, large ones on huge pages; stride equals cols. Copies are
// explicit (clone).
template <typename T>
class Matrix {
 public:
  Matrix() = default;
  // Zeros.
  Matrix(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols) {
    HALOREC_ASSERT_LIGHT(rows >= 0 && cols >= 0);
    data_ = LargeVector<T>(static_cast<std::size_t>(rows * cols), T{0});
  }
  Matrix(Matrix&& other) noexcept { swap(other); }
  Matrix& operator=(Matrix&& other) noexcept {
    swap(other);
    return *this;
  }

  Matrix clone() const {
    Matrix copy(rows_, cols_);
    std::copy(data(), data() + size(), copy.data());
    return copy;
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  std::int64_t size() const { return rows_ * cols_; }
  T* data() { return data_.data(); }
  const T* data() const { return data_.data(); }
  T* row(std::int64_t r) { return data() + r * cols_; }
  const T* row(std::int64_t r) const { return data() + r * cols_; }
  T& operator()(std::int64_t r, std::int64_t c) { return data()[r * cols_ + c]; }
  T operator()(std::int64_t r, std::int64_t c) const { return data()[r * cols_ + c]; }
  std::span<T> values() { return {data(), static_cast<std::size_t>(size())}; }
  std::span<const T> values() const { return {data(), static_cast<std::size_t>(size())}; }

  MatrixView<T> view() { return {data(), rows_, cols_, cols_}; }
  MatrixView<const T> view() const { return {data(), rows_, cols_, cols_}; }

  // Another shape in the same storage, which is given back for a larger one where it is too small:
  // a sixteenth larger than it must be, so that shapes that vary a little soon find room. Contents
  // are unspecified.
  void reshape(std::int64_t rows, std::int64_t cols) {
    HALOREC_ASSERT_LIGHT(rows >= 0 && cols >= 0);
    if (rows * cols > capacity()) {
      data_ = {};
      data_.reserve(static_cast<std::size_t>(rows * cols + rows * cols / 16));
    }
    data_.resize(static_cast<std::size_t>(rows * cols));
    rows_ = rows;
    cols_ = cols;
  }
  // Numbers for which there is room.
  std::int64_t capacity() const { return static_cast<std::int64_t>(data_.capacity()); }

  void fill(T value) { std::fill(data(), data() + size(), value); }

 private:
  void swap(Matrix& other) noexcept {
    std::swap(rows_, other.rows_);
    std::swap(cols_, other.cols_);
    std::swap(data_, other.data_);
  }

  LargeVector<T> data_;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
};

}  // namespace halorec
