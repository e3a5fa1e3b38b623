// What a column of a list of nodes is taken for: as the caller says, or by its values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "partition/readers/node_list.hpp"

namespace halorec {

enum class FeatureType : std::uint8_t { category, multi, number, text, skip };

// --item-features as typed: a column's name (or number from 1), and its type where one is given.
struct FeatureSpec {
  std::string column;
  FeatureType type = FeatureType::category;
  bool automatic = false;  // no type given
  std::string separator;   // of multi
};

// "genres:multi(|),title:text,year:number". Usage Error that names `option` on anything else.
std::vector<FeatureSpec> parse_feature_specs(std::string_view text, std::string_view option);

struct TypedColumn {
  std::size_t column = 0;  // of NodeList::columns
  FeatureType type = FeatureType::skip;
  std::string separator;
  std::string why;    // of what is left out
  std::string doubt;  // a sentence about a type that a few values have made (type_columns)
};

// One for each spec, in their order; without specs one for each column of the list. A column that a
// few values alone keep from being taken for a number has a doubt, which names the first of them.
// Usage Error when a spec's column is not there.
std::vector<TypedColumn> type_columns(const NodeList& list, const std::vector<FeatureSpec>& specs,
                                      std::string_view option);

// "title:text, genres:multi(|), imdbId:skip (ids)".
std::string describe_types(const NodeList& list, const std::vector<TypedColumn>& columns);

// The pieces of a multi-valued field, trimmed, without missing ones. Views into `field`.
std::vector<std::string_view> pieces_of(std::string_view field, std::string_view separator);

}  // namespace halorec
