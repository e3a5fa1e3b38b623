#include "engine/model.hpp"

#include "comm/random.hpp"

namespace halorec {

template <typename T>
void initialise_rows(const Shard& shard, std::uint64_t seed, double deviation, Matrix<T>& table) {
  const Random random(seed, Purpose::initialise);
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    const std::uint64_t key = shard.global_id(row).bits();
    for (std::int64_t c = 0; c < table.cols(); ++c) {
      // Rounded to float, so that single and double precision start from the same numbers.
      table(row, c) = static_cast<T>(
          static_cast<float>(deviation * random.normal(key, static_cast<std::uint32_t>(c))));
    }
  }
}

template void initialise_rows<float>(const Shard&, std::uint64_t, double, Matrix<float>&);
template void initialise_rows<double>(const Shard&, std::uint64_t, double, Matrix<double>&);

}  // namespace halorec
