// Starting a run, or going on with one: the folder, its dataset and its configuration.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "launch/options.hpp"
#include "launch/run_folder.hpp"
#include "launch/run_lock.hpp"
#include "partition/dataset.hpp"

namespace halorec {

class Communicator;

struct RunRequest {
  std::optional<std::filesystem::path> data;
  std::filesystem::path run;
  bool resume = false;
  bool overwrite = false;
  // Whether the other options fit the data: runs on rank 0 before anything is touched; throws
  // Error.
  std::function<void(const DatasetFile&)> check;
};

// A run that this job alone may use while the object lives.
struct OpenRun {
  std::unique_ptr<DatasetFile> dataset;
  RunLock lock;  // held by the root
};

// A new run brings the data in first and touches the folder only then, so that a fault of the data
// leaves what was there. A run that goes on fills the options that the caller left open. Error, on
// every rank, when the folder may not be used or another job uses it, the data is faulty or not the
// run's own, or an option changed. Collective.
OpenRun open_run(Communicator& communicator, const RunRequest& request, OptionTable& options);

}  // namespace halorec
