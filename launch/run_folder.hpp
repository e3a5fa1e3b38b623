// RUN: the folder that a training run lives in. Self-contained: evaluating and recommending need
// nothing else.
//
//   lock           held by the job that uses the run (launch/run_lock.hpp)
//   config.json    the program's version, the options, the dataset's content hash
//   dataset.h5     ids, training lists and splits, once
//   log.jsonl      what happened, one JSON object a line
//   checkpoints/   of the run that chose (engine/checkpoint.hpp); refit/checkpoints/ of --refit
//   lists.json     what was chosen of lists after training (launch/popularity_choice.hpp)
//   metrics.json   the result, written when it is final
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "launch/options.hpp"

namespace halorec {

class Communicator;
class DatasetFile;

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config() const { return path_ / "config.json"; }
  std::filesystem::path dataset() const { return path_ / "dataset.h5"; }
  std::filesystem::path log() const { return path_ / "log.jsonl"; }
  std::filesystem::path metrics() const { return path_ / "metrics.json"; }
  std::filesystem::path lists() const { return path_ / "lists.json"; }
  std::filesystem::path checkpoints(bool refit) const {
    return refit ? path_ / "refit" / "checkpoints" : path_ / "checkpoints";
  }

  // True when a folder stands there that holds nothing but, at most, a lock.
  bool is_unused() const;
  // True when the folder holds a run (has a config.json).
  bool is_run() const;
  // True when a start was interrupted before there was a config.json: nothing but a dataset (whole
  // or half written) is there.
  bool is_unfinished_start() const;
  // Error (status 2) when something stands there that a new run may not replace: a run without
  // `replace`, or anything else than a run. Not collective.
  void check_new(bool replace) const;
  // Removes the run that is there and makes an empty folder. Error (status 1) when it cannot be
  // written. Not collective.
  void prepare_new() const;

 private:
  std::filesystem::path path_;
};

// config.json in memory.
struct RunConfig {
  std::string dataset_hash;
  std::string source;                          // the caller's DATA
  std::map<std::string, std::string> options;  // as OptionTable::values gives them
};
void write_run_config(const RunFolder& run, const RunConfig& config);
// Error when the folder is no run or its config.json is damaged.
RunConfig read_run_config(const RunFolder& run);

// Puts the run's own values into every option that the caller left open, and throws Error (status
// 2) that names each option whose value was changed, unless it is one of `free_options`, which do
// not alter what a run computes. `own_options` belong to one start alone and are left as they are.
void continue_with(const RunConfig& config, OptionTable& options,
                   std::span<const std::string_view> free_options,
                   std::span<const std::string_view> own_options);

// Raw data that a command imports on its way is split by this seed, whatever --seed is, so that
// every command and every seed of training meet the same test split.
inline constexpr std::uint64_t kImportSeed = 1;

// The contents of `path` as a dataset file of its own at `target` (a copy of a dataset file, or raw
// data imported with the options' defaults); returns its content hash. Not collective.
std::string bring_dataset(const std::filesystem::path& path, const std::filesystem::path& target);
// DATA of a command that has no run to keep it in, open on every rank: a dataset file as it is, or
// raw data that rank 0 imports into a file that vanishes with the program (in TMPDIR, which the
// ranks must share then).
class DataSource {
 public:
  DataSource(Communicator& communicator, const std::filesystem::path& data);  // collective
  // What `write` writes to the path that it is given, on rank 0. Collective.
  DataSource(Communicator& communicator,
             const std::function<void(const std::filesystem::path& path)>& write);
  const DatasetFile& dataset() const { return *file_; }

 private:
  void open(Communicator& communicator, const std::filesystem::path& data,
            const std::function<void(const std::filesystem::path& path)>& write);

  std::unique_ptr<DatasetFile> file_;
};

// The content hash alone, without writing.
std::string hash_of_data(const std::filesystem::path& path);
// Whether the path is a file that this program wrote (as opposed to raw data).
bool is_dataset_file(const std::filesystem::path& path);

}  // namespace halorec
