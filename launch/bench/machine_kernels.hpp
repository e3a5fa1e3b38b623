// What the machine can do at best, measured by loops that do nothing else: the roofs that a sparse
// product is compared with. Compiled for several SIMD targets by Highway, as the product is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/matrix.hpp"
#include "partition/shard.hpp"

namespace halorec {

// Ranges of edges of nearly equal size, one task each, as the product cuts its rows.
class GatherRate {
 public:
  // The rows of x that `matrix` reads, in the product's order. The matrix outlives this.
  explicit GatherRate(const Csr& matrix);
  // Loads row column[e] of x for every edge e, all threads, and keeps a bitwise xor of them: what
  // the product reads, without arithmetic and without the writes. Returns the seconds.
  double run(MatrixView<const float> x) const;

 private:
  const Csr* matrix_;
  std::vector<std::int64_t> chunks_;  // edges
};

// STREAM's triad a = b + s c (McCalpin 1995) over arrays of `bytes` each, all threads: seconds.
// 24 bytes an element of double are counted; what a store fetches first is not.
class StreamTriad {
 public:
  explicit StreamTriad(std::int64_t bytes);
  double run();
  double bytes_moved() const { return 3.0 * sizeof(double) * static_cast<double>(a_.size()); }

 private:
  Matrix<double> a_, b_, c_;
};

// Fused multiply-adds that stay in registers, all threads: floating-point operations a second.
double peak_flops(double seconds);

// SIMD targets that this program holds and this machine has, the best first.
std::vector<std::string> simd_targets();

// While it lives, every kernel of the program runs for this target. Error when it is not there.
class SimdTargetScope {
 public:
  explicit SimdTargetScope(const std::string& name);
  ~SimdTargetScope();
  SimdTargetScope(const SimdTargetScope&) = delete;
  SimdTargetScope& operator=(const SimdTargetScope&) = delete;
};

}  // namespace halorec
