#include "engine/model.hpp"

#include <algorithm>
#include <cmath>

#include "comm/random.hpp"
#include "engine/ops/rows.hpp"

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

namespace {

constexpr std::uint64_t kShared = 1;  // a step of its own: 0 draws the rows of nodes

}  // namespace

template <typename T>
void initialise_normal(std::uint64_t seed, double deviation, Parameter<T>& parameter) {
  const Random random(seed, Purpose::initialise, kShared);
  const std::uint64_t key = hash_bytes(parameter.name);
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < parameter.value.size(); ++k) {
    parameter.value.values()[static_cast<std::size_t>(k)] = static_cast<T>(
        static_cast<float>(deviation * random.normal(key, static_cast<std::uint32_t>(k))));
  }
}

template <typename T>
void initialise_shared(std::uint64_t seed, Parameter<T>& parameter) {
  const Random random(seed, Purpose::initialise, kShared);
  const std::uint64_t key = hash_bytes(parameter.name);
  Matrix<T>& value = parameter.value;
  const double limit = std::sqrt(6.0 / static_cast<double>(value.rows() + value.cols()));
  for (std::int64_t k = 0; k < value.size(); ++k) {
    const double drawn = limit * (2 * random.uniform(key, static_cast<std::uint32_t>(k)) - 1);
    value.values()[static_cast<std::size_t>(k)] = static_cast<T>(static_cast<float>(drawn));
  }
}

template <typename T>
Variable<T>& table_rows(Tape<T>& tape, Parameter<T>& table, std::span<const std::int32_t> rows) {
  if (!table.touched) return select_rows(tape, on_tape(tape, table), rows);
  const std::int64_t count = std::ssize(rows), cols = table.value.cols();
  table.touched->rows.assign(rows.begin(), rows.end());
  table.gradient.reshape(count, cols);
  Matrix<T>& copy = tape.scratch(count, cols);
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < count; ++k) {
    std::copy_n(table.value.row(rows[static_cast<std::size_t>(k)]), cols, copy.row(k));
  }
  return tape.parameter(copy.view(), table.gradient.view());
}

template Variable<float>& table_rows<float>(Tape<float>&, Parameter<float>&,
                                            std::span<const std::int32_t>);
template Variable<double>& table_rows<double>(Tape<double>&, Parameter<double>&,
                                              std::span<const std::int32_t>);
template void initialise_rows<float>(const Shard&, std::uint64_t, double, Matrix<float>&);
template void initialise_rows<double>(const Shard&, std::uint64_t, double, Matrix<double>&);
template void initialise_normal<float>(std::uint64_t, double, Parameter<float>&);
template void initialise_normal<double>(std::uint64_t, double, Parameter<double>&);
template void initialise_shared<float>(std::uint64_t, Parameter<float>&);
template void initialise_shared<double>(std::uint64_t, Parameter<double>&);

}  // namespace halorec
