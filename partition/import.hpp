// Raw interactions to a dataset, in one process: read, filter, split, merge, number, count.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/side/attach.hpp"

namespace halorec {

struct ImportOptions {
  std::string format = "auto";    // auto | lightgcn | csv | movielens | recbole
  std::string columns;            // "user=NAME,item=NAME,rating=..,time=..,weight=..,behavior=.."
  std::vector<std::string> keep;  // conditions "COLUMN OP VALUE" that a row has to meet
  // "NAME: COLUMN OP VALUE": rows that are links of users to items and no interactions.
  std::vector<std::string> relations;
  std::uint32_t core = 0;     // k of the k-core of the training part; 0: no filter
  double subset = 1.0;        // share of users, (0, 1]
  std::string protocol;       // empty: given when the source is split, else random
  bool keep_repeats = false;  // --repeats keep
  bool newest_time = false;   // --repeat-time last
  double cold_share = 0.1;    // of the nodes that cold-items and cold-users hold out, (0, 1)
  // Item list; empty: the one beside the source, which gives titles and, when side.item_features
  // asks for some, features.
  std::filesystem::path items;
  SideOptions side;
  std::uint64_t seed = 0;
};

// Reads, splits and numbers. The dataset's report_json counts every row and id that went another
// way than into the training part. Error (status 2 for options) on whatever is wrong. Not
// collective; uses OpenMP.
Dataset import_dataset(const std::vector<std::filesystem::path>& sources,
                       const ImportOptions& options);

}  // namespace halorec
