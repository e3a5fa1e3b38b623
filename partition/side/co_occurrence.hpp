// Links between items that are found in the same baskets of the training part.
//
// A basket is what one user takes without a pause: rows in order of time, cut where the next is
// more than `session_gap` seconds later (0: rows of one time alone); without times all of a user's.
// Rows are those of the training part as they were read: what is taken again together counts as
// another basket. With B baskets,
// c_i of them with item i and c_ij with both,
//     PMI(i, j) = log(c_ij B / (c_i c_j))
// (Church and Hanks, Computational Linguistics 1990). An item is linked to the `top` others of the
// highest PMI among those with c_ij >= 2 and PMI > 0 (positive PMI of items: Liang et al.,
// Factorization meets the item embedding, RecSys 2016); a pair that either end chooses is a link,
// its weight the PMI. Mere counts would link everything to what is popular.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "partition/dataset.hpp"

namespace halorec {

inline constexpr std::string_view kCoOccurrenceName = "co-occurrence";

struct CoOccurrenceOptions {
  std::uint32_t top = 20;
  std::uint64_t session_gap = 0;  // seconds
};

// The symmetric item links of that name. Time is of the order of the sum of squared sizes of the
// baskets, so that those of more than 1000 items are left out and counted. Uses OpenMP.
// train: by user; of its columns user, item and time are read.
LinkTable derive_co_occurrence(const Interactions& train, std::uint64_t num_items,
                               const CoOccurrenceOptions& options, nlohmann::ordered_json& counts);

}  // namespace halorec
