// What tests of side information at import start from: a small file of events, and its import.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "comm/check.hpp"
#include "partition/import.hpp"
#include "tests/comm/temporary_folder.hpp"
#include "tests/partition/raw_data.hpp"

namespace halorec {

using Names = std::vector<std::string>;

// 4 users, 5 items, each pair once; user u took item i at 100 u + i.
inline std::string events() {
  std::string text = "user,item,time\n";
  for (int u = 1; u <= 4; ++u) {
    for (int i = 1; i <= 5; ++i) text += fmt::format("u{},i{},{}\n", u, i, 100 * u + i);
  }
  return text;
}

class SideImport : public testing::Test {
 protected:
  Dataset run() { return import_dataset({folder.write("events.csv", events())}, options); }
  // Of so few nodes not every seed holds one out and leaves one.
  Dataset run_with_some_seed() {
    for (options.seed = 1; options.seed < 50; ++options.seed) {
      try {
        return run();
      } catch (const Error&) {
      }
    }
    return run();
  }
  std::string error(int exit_status = kExitFailure) {
    return import_error(folder.write("events.csv", events()), options, exit_status);
  }
  TemporaryFolder folder;
  ImportOptions options;
};

}  // namespace halorec
