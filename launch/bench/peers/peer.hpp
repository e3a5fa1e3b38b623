// Other libraries' sparse products beside Halorec's: what they multiply, and what a library is to
// the program that times them. They are no part of Halorec and need no package of its build.
//
// Every library gets the same float32 matrix with its values, as it would in a program that was
// written for it, and may prepare what it likes: only the product is timed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/matrix.hpp"

namespace halorec {

// y = A x. A: [rows x rows], symmetric, compressed rows with ascending columns.
struct PeerProblem {
  std::int64_t rows = 0;
  std::vector<std::int32_t> row_begin, column;
  std::vector<float> value;  // of every nonzero: scale[row] scale[column]
  std::vector<float> scale;
  std::vector<std::int32_t> node;  // of every row: users by index, then items
  Matrix<float> x;                 // [rows x dim], dim a multiple of 16
  std::int32_t threads = 1;

  std::int64_t dim() const { return x.cols(); }
  std::int64_t num_nonzeros() const { return row_begin.back(); }
};

// One call of one library. Keeps a reference to the problem.
class Peer {
 public:
  Peer(std::string library, std::string version, std::string call)
      : library_(std::move(library)), version_(std::move(version)), call_(std::move(call)) {}
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const std::string& library() const { return library_; }
  const std::string& version() const { return version_; }
  const std::string& call() const { return call_; }

  // y = A x, all of it: what is timed.
  virtual void multiply() = 0;
  // The last product, [rows x dim].
  virtual Matrix<float> result() = 0;

 private:
  std::string library_, version_, call_;
};

// An interface that was tried on this matrix and cannot multiply it.
struct UnablePeer {
  std::string library, version, call, reason;
};

struct PeerList {
  std::vector<std::unique_ptr<Peer>> able;
  std::vector<UnablePeer> unable;
};

// One a library, each defined where its package was found.
void add_eigen(const PeerProblem& problem, PeerList& list);
void add_graphblas(const PeerProblem& problem, PeerList& list);
void add_libxsmm(const PeerProblem& problem, PeerList& list);

}  // namespace halorec
