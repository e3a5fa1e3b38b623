#include "engine/kernels/blas_core.hpp"

#include <cblas.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace halorec::kernels {
namespace {

constexpr std::array<std::string_view, 6> kWithAvx2 = {"Haswell",  "Zen",        "Excavator",
                                                       "SkylakeX", "Cooperlake", "SapphireRapids"};

}  // namespace

std::string blas_core() {
  return openblas_get_corename();
}

std::optional<std::string> better_blas_core() {
#if defined(__x86_64__)
  // NOLINTNEXTLINE(concurrency-mt-unsafe): at the start, of one thread
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) return std::nullopt;
  if (std::find(kWithAvx2.begin(), kWithAvx2.end(), blas_core()) != kWithAvx2.end()) {
    return std::nullopt;
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return std::nullopt;
}

}  // namespace halorec::kernels
