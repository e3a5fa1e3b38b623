#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "launch/bench/machine_kernels.cpp"  // this file, once for each target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "launch/bench/machine_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns [c, c + kVectors lanes) of the rows of x that edges [first, last) name.
template <int kVectors>
HWY_INLINE void gather_block(const std::int32_t* HWY_RESTRICT column, std::int64_t first,
                             std::int64_t last, const float* HWY_RESTRICT x, std::int64_t stride,
                             std::int64_t c, float* HWY_RESTRICT kept) {
  constexpr std::int64_t kAhead = 8;  // edges between a prefetch and its use
  constexpr std::int64_t kLineFloats = 16;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto k0 = hn::Zero(d), k1 = k0, k2 = k0, k3 = k0, k4 = k0, k5 = k0, k6 = k0, k7 = k0;
  for (std::int64_t e = first; e < last; ++e) {
    if (e + kAhead < last) {
      const float* next = x + column[e + kAhead] * stride + c;
      for (std::int64_t k = 0; k < kVectors * lanes; k += kLineFloats) hwy::Prefetch(next + k);
    }
    const float* in = x + column[e] * stride + c;
    k0 = hn::Xor(k0, hn::LoadU(d, in));
    if constexpr (kVectors >= 2) k1 = hn::Xor(k1, hn::LoadU(d, in + lanes));
    if constexpr (kVectors >= 4) {
      k2 = hn::Xor(k2, hn::LoadU(d, in + 2 * lanes));
      k3 = hn::Xor(k3, hn::LoadU(d, in + 3 * lanes));
    }
    if constexpr (kVectors >= 8) {
      k4 = hn::Xor(k4, hn::LoadU(d, in + 4 * lanes));
      k5 = hn::Xor(k5, hn::LoadU(d, in + 5 * lanes));
      k6 = hn::Xor(k6, hn::LoadU(d, in + 6 * lanes));
      k7 = hn::Xor(k7, hn::LoadU(d, in + 7 * lanes));
    }
  }
  k0 =
      hn::Xor(hn::Xor(hn::Xor(k0, k1), hn::Xor(k2, k3)), hn::Xor(hn::Xor(k4, k5), hn::Xor(k6, k7)));
  hn::StoreU(hn::Xor(k0, hn::LoadU(d, kept)), d, kept);
}

void gather_edges(const std::int32_t* column, std::int64_t first, std::int64_t last, const float* x,
                  std::int64_t stride, std::int64_t cols, float* kept) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  std::int64_t c = 0;
  for (; c + 8 * lanes <= cols; c += 8 * lanes) {
    gather_block<8>(column, first, last, x, stride, c, kept);
  }
  for (; c + 4 * lanes <= cols; c += 4 * lanes) {
    gather_block<4>(column, first, last, x, stride, c, kept);
  }
  for (; c + 2 * lanes <= cols; c += 2 * lanes) {
    gather_block<2>(column, first, last, x, stride, c, kept);
  }
  for (; c + lanes <= cols; c += lanes) {
    gather_block<1>(column, first, last, x, stride, c, kept);
  }
}

// 12 independent chains: more than any machine's latency x ports. Returns operations done.
double multiply_add(std::int64_t rounds, float* kept) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999999F), term = hn::Set(d, 1e-6F);
  auto a = hn::Set(d, kept[0]), b = a, c = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a,
       l = a, m = a;
  for (std::int64_t round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, factor, term);
    b = hn::MulAdd(b, factor, term);
    c = hn::MulAdd(c, factor, term);
    e = hn::MulAdd(e, factor, term);
    f = hn::MulAdd(f, factor, term);
    g = hn::MulAdd(g, factor, term);
    h = hn::MulAdd(h, factor, term);
    i = hn::MulAdd(i, factor, term);
    j = hn::MulAdd(j, factor, term);
    k = hn::MulAdd(k, factor, term);
    l = hn::MulAdd(l, factor, term);
    m = hn::MulAdd(m, factor, term);
  }
  const auto all = hn::Add(
      hn::Add(hn::Add(a, b), hn::Add(c, e)),
      hn::Add(hn::Add(hn::Add(f, g), hn::Add(h, i)), hn::Add(hn::Add(j, k), hn::Add(l, m))));
  kept[0] = hn::GetLane(all);
  return 2.0 * 12 * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

}  // namespace halorec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <omp.h>

#include <algorithm>

#include "comm/check.hpp"
#include "launch/bench/statistics.hpp"

namespace halorec {

HWY_EXPORT(gather_edges);
HWY_EXPORT(multiply_add);

namespace {

constexpr std::int64_t kMaxLanes = 64;  // floats in the widest vector of any target
volatile float g_sink;                  // what is written here cannot be left out

}  // namespace

GatherRate::GatherRate(const Csr& matrix) : matrix_(&matrix) {
  constexpr std::int64_t kChunks = 512, kMinChunk = 2048;
  const std::int64_t num_edges = matrix.num_nonzeros();
  const std::int64_t size = std::max(kMinChunk, num_edges / kChunks + 1);
  for (std::int64_t e = 0; e < num_edges; e += size) chunks_.push_back(e);
  chunks_.push_back(num_edges);
}

double GatherRate::run(MatrixView<const float> x) const {
  if (x.cols % 16 != 0) fail("the gather rate needs --dim in multiples of 16, not {}", x.cols);
  return seconds_of([&] {
    float all = 0;
#pragma omp parallel reduction(+ : all)
    {
      alignas(64) float kept[kMaxLanes] = {};
#pragma omp for schedule(dynamic, 1)
      for (std::int64_t c = 0; c < std::ssize(chunks_) - 1; ++c) {
        HWY_DYNAMIC_DISPATCH(gather_edges)
        (matrix_->column.data(), chunks_[static_cast<std::size_t>(c)],
         chunks_[static_cast<std::size_t>(c) + 1], x.data, x.stride, x.cols, kept);
      }
      all += kept[0];
    }
    g_sink = all;
  });
}

StreamTriad::StreamTriad(std::int64_t bytes)
    : a_(1, bytes / 8), b_(1, bytes / 8), c_(1, bytes / 8) {
  b_.fill(1.0);
  c_.fill(2.0);
}

double StreamTriad::run() {
  double* HWY_RESTRICT a = a_.data();
  const double* HWY_RESTRICT b = b_.data();
  const double* HWY_RESTRICT c = c_.data();
  const std::int64_t n = a_.size();
  return seconds_of([&] {
#pragma omp parallel for simd schedule(static)
    for (std::int64_t k = 0; k < n; ++k) a[k] = b[k] + 3.0 * c[k];
  });
}

double peak_flops(double seconds) {
  double operations = 0;
  std::int64_t rounds = 1 << 16;
  double taken = 0;
  while (taken < seconds) {
    double done = 0;
    taken = seconds_of([&] {
      float all = 0;
#pragma omp parallel reduction(+ : done, all)
      {
        float kept = 1.0F;
        done += HWY_DYNAMIC_DISPATCH(multiply_add)(rounds, &kept);
        all += kept;
      }
      g_sink = all;
    });
    operations = done / taken;
    rounds *= 2;
  }
  return operations;
}

std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    names.emplace_back(hwy::TargetName(target));
  }
  return names;
}

SimdTargetScope::SimdTargetScope(const std::string& name) {
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    if (name != hwy::TargetName(target)) continue;
    hwy::SetSupportedTargetsForTest(target);
    return;
  }
  fail("this machine or program has no SIMD target {}", name);
}

SimdTargetScope::~SimdTargetScope() {
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace halorec
#endif  // HWY_ONCE
