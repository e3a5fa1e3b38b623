// Links between items of like content: texts and attributes of items as rows of TF-IDF weights.
//
// Each column is a row of length 1 (feature_fit.hpp; attributes with the same IDF as texts), all
// columns of an item together are scaled to length 1, and the similarity of two items is the inner
// product. IDF is fitted on the trained items alone, and links lead to trained items alone: an item
// chooses the `neighbours` most similar of them, equal ones by the hash of their ids. Items without
// a training interaction get links that way, and are nobody's choice. A pair that either end has
// chosen is a link, its weight the similarity.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "partition/dataset.hpp"

namespace halorec {

inline constexpr std::string_view kContentLinksName = "content";

struct ContentLinkOptions {
  std::uint32_t neighbours = 10;
};

// The symmetric item links of that name. Time is of the order of the sum over n-grams and values of
// squared numbers of items that have them; memory of the entries. Usage Error when no column of
// items is a text or an attribute. Uses OpenMP.
LinkTable derive_content_links(const Dataset& dataset, const ContentLinkOptions& options,
                               nlohmann::ordered_json& counts);

}  // namespace halorec
