// Helpers for tests that import a few hand-written lines.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/check.hpp"
#include "partition/dataset.hpp"
#include "partition/import.hpp"
#include "tests/comm/temporary_folder.hpp"

namespace halorec {

// (user id, item id, time, weight) of a part, sorted: independent of numbering.
using Row = std::tuple<std::string, std::string, std::int64_t, float>;
inline std::multiset<Row> rows_of(const Dataset& dataset, Split split) {
  std::multiset<Row> rows;
  const Interactions& part = dataset[split];
  for (std::uint64_t k = 0; k < part.size(); ++k) {
    rows.emplace(dataset.users[part.user[k]], dataset.items[part.item[k]],
                 part.time.empty() ? 0 : part.time[k], part.weight[k]);
  }
  return rows;
}

inline std::multiset<Row> all_rows(const Dataset& dataset) {
  std::multiset<Row> rows;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    rows.merge(rows_of(dataset, split));
  }
  return rows;
}

inline std::multiset<std::pair<std::string, std::string>> pairs_of(const Dataset& dataset,
                                                                   Split split) {
  std::multiset<std::pair<std::string, std::string>> pairs;
  for (const Row& row : rows_of(dataset, split)) pairs.emplace(std::get<0>(row), std::get<1>(row));
  return pairs;
}

inline std::uint64_t total(const Dataset& dataset) {
  return all_rows(dataset).size();
}

inline nlohmann::json report_of(const Dataset& dataset) {
  return nlohmann::json::parse(dataset.report_json);
}

// The message of the Error that importing throws, which must have this exit status.
inline std::string import_error(const std::filesystem::path& source,
                                const ImportOptions& options = {}, int exit_status = kExitFailure) {
  try {
    import_dataset({source}, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), exit_status) << error.what();
    return error.what();
  }
  ADD_FAILURE() << source << " was imported";
  return "";
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The folder of public data sets (HALOREC_SHARED, or ../shared/data beside the repository); empty
// where there is none.
inline std::filesystem::path shared_data() {
  const char* const named = std::getenv("HALOREC_SHARED");
  const std::filesystem::path folder =
      named != nullptr ? std::filesystem::path(named)
                       : std::filesystem::path(HALOREC_SOURCE_DIR) / "../shared/data";
  return std::filesystem::is_directory(folder) ? folder : std::filesystem::path();
}

}  // namespace halorec
