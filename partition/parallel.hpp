// A parallel loop out of which exceptions come home: the first one thrown in any thread is thrown
// again behind the loop, as none may cross the edge of an OpenMP region.
#pragma once

#include <cstdint>
#include <exception>

namespace halorec {

// Calls body(i) for i in [0, n), in chunks handed to whichever thread is free. `body` must not
// depend on the order.
template <typename Body>
void parallel_for(std::uint64_t n, std::uint64_t chunk, const Body& body) {
  std::exception_ptr error;
  const auto count = static_cast<std::int64_t>(n);
  const auto step = static_cast<std::int64_t>(chunk);
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t first = 0; first < count; first += step) {
    try {
      const std::int64_t last = first + step < count ? first + step : count;
      for (std::int64_t i = first; i < last; ++i) body(static_cast<std::uint64_t>(i));
    } catch (...) {
#pragma omp critical(halorec_parallel_for)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace halorec
