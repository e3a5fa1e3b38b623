// What a person wants to know of a dataset before training on it, computed from the data itself.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "partition/dataset.hpp"
#include "partition/side/side_summary.hpp"

namespace halorec {

// Spread of the numbers of training interactions over the nodes that have any.
struct DegreeSummary {
  std::uint64_t min = 0, median = 0, max = 0;
  double mean = 0;
  double top_share = 0;  // of the interactions that the busiest fifth of nodes has
};

struct SplitSummary {
  std::uint64_t interactions = 0, users = 0, items = 0;
  std::uint64_t cold_users = 0, cold_items = 0;  // not in the training part
  std::uint64_t cold_interactions = 0;           // with a cold end
};

struct DatasetSummary {
  std::string content_hash, source, report_json;
  Protocol protocol;
  std::vector<std::string> behaviors;
  std::uint64_t num_users = 0, num_items = 0, num_titles = 0;
  std::array<SplitSummary, kNumSplits> splits;
  DegreeSummary user_degree, item_degree;
  double density = 0;  // training interactions / (training users x training items)
  bool has_times = false;
  std::int64_t first_time = 0, last_time = 0;
  std::vector<SideSummary> side;
  std::uint64_t num_attribute_values = 0;  // of the attribute that nodes have; 0: none
  std::uint64_t num_communities = 0;       // planted; 0 when not generated
  double mixing = 0, drift = 0;            // of the planted truth
  std::uint64_t num_fake_users = 0, num_fake_interactions = 0;  // of perturbed data
  std::uint64_t num_thinned_users = 0;                          //
  std::string perturbations_json = "[]";                        // its steps
};

DatasetSummary summarize(const Dataset& dataset);
// The same of a file, whose interactions are read in slices: memory of the order of its nodes.
DatasetSummary summarize(const DatasetFile& dataset);

// All of it.
nlohmann::ordered_json summary_json(const DatasetSummary& summary);

}  // namespace halorec
