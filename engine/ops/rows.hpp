// Operators over rows: fetching a batch's rows from their owners, normalising rows.
#pragma once

#include <span>

#include "comm/batch_gather.hpp"
#include "engine/tape.hpp"

namespace halorec {

// [rows.size() x dim]: the listed rows of `from`, ascending and distinct. The list outlives the
// step.
template <typename T>
Variable<T>& select_rows(Tape<T>& tape, Variable<T>& from, std::span<const std::int32_t> rows);

// [num_wanted x dim]: the rows that this rank wants, in the order of the plan. rows: [num_served x
// dim], those of plan.served_rows(). Collective, forward and backward. `plan` outlives the step.
template <typename T>
Variable<T>& gather_rows(Tape<T>& tape, const BatchGather& plan, Variable<T>& rows);

// Rows [first, first + count) as a variable that shares storage with `rows`.
template <typename T>
Variable<T>& row_range(Tape<T>& tape, Variable<T>& rows, std::int64_t first, std::int64_t count);

// Each row divided by its Euclidean norm. A row shorter than 1e-12 has no direction: its result is
// zero, and no gradient passes.
template <typename T>
Variable<T>& normalise_rows(Tape<T>& tape, Variable<T>& rows);

}  // namespace halorec
