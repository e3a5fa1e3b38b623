// Side information of an imported dataset: reads what the caller names, once the split stands, so
// that what is held out can be left out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/side/co_occurrence.hpp"
#include "partition/side/content_links.hpp"
#include "partition/side/held_out.hpp"
#include "partition/side/text_features.hpp"

namespace halorec {

struct SideOptions {
  std::filesystem::path users;               // list of users; empty: none
  std::string item_columns, user_columns;    // names of the lists' columns (node_list.hpp)
  std::string item_features, user_features;  // feature_types.hpp; "": automatic; "none"
  std::vector<std::filesystem::path> links, item_links;
  bool directed_links = false;
  std::filesystem::path tags;  // user, item, tag, time; empty: none
  std::uint32_t text_buckets = kDefaultTextBuckets;
  // Vectors (readers/vector_file.hpp), and the ids of their rows; empty: none.
  std::string item_vectors, user_vectors;
  std::filesystem::path item_vector_ids, user_vector_ids;
  // Links to derive, from the training part and from what is known of items.
  std::optional<CoOccurrenceOptions> co_occurrence;
  std::optional<ContentLinkOptions> content_links;
};

// Sentences about columns whose type a few values have made, in the report; not there: none.
inline constexpr const char* kDoubtfulTypes = "doubtful_types";

// Usage Error on options that cannot be, before anything is read.
void check_side_options(const SideOptions& options);

// Fills dataset.side, and dataset.titles where they are empty and the list has them. `item_list`:
// the list whose columns become features; empty: none. For co-occurrence
// `training_rows`: of split.hpp. Adds what was taken for what and what was left out to `report`.
// Not collective; uses OpenMP.
void attach_side_info(Dataset& dataset, const SideOptions& options,
                      const std::filesystem::path& item_list, const HeldOut& held_out,
                      const Interactions& training_rows, nlohmann::ordered_json& report);

}  // namespace halorec
