#include "launch/open_run.hpp"

#include <unistd.h>

#include <array>

#include "comm/communicator.hpp"
#include "comm/hdf5_file.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;

// Options that do not alter what a run computes (beyond the order of sums): they may differ on
// --resume, and keep the run's values when they are left out.
constexpr std::array<std::string_view, 8> kFreeOptions = {
    "partition", "method",    "balance",           "memory-limit",
    "exchange",  "log-every", "checkpoint-epochs", "checkpoint-steps"};
// Options of one start, not of the run.
constexpr std::array<std::string_view, 7> kOwnOptions = {
    "run", "data", "resume", "overwrite", "threads", "json", "stall-seconds"};

// The run's folder, and a file name of our own beside it, on the same file system. What stands
// under that name is removed at the end unless it was moved to its place, and so is a folder left
// empty.
class Staged {
 public:
  // Makes the folder too, so that one that cannot be made is told before the data is read.
  explicit Staged(const fs::path& folder) : folder_(folder) {
    std::error_code error, ignored;
    made_folder_ = fs::create_directories(folder, error);
    if (error) fail("cannot create --run {}: {}", folder.string(), error.message());
    for (int n = 0; path_.empty() || fs::exists(path_, ignored); ++n) {
      path_ = folder.parent_path() /
              fmt::format(".{}.{}-{}.tmp", folder.filename().string(), ::getpid(), n);
    }
  }
  ~Staged() {
    std::error_code ignored;
    fs::remove(path_, ignored);
    if (!made_folder_ || !RunFolder(folder_).is_unused()) return;
    fs::remove(folder_ / RunLock::kFileName, ignored);
    fs::remove(folder_, ignored);
  }
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path folder_, path_;
  bool made_folder_ = false;
};

// Rank 0 alone. `lock` is taken as soon as there is a folder.
void start_new_run(const RunFolder& folder, const RunRequest& request, const OptionTable& options,
                   RunLock& lock) {
  if (!request.data) {
    fail_usage("there is no run at {} to go on with; name the DATA to start one",
               folder.path().string());
  }
  std::error_code error;
  if (!fs::exists(*request.data, error)) fail("there is no data at {}", request.data->string());
  folder.check_new(request.overwrite || request.resume);

  fs::path place = fs::absolute(folder.path()).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();  // "runs/g/"
  const Staged staged(place);
  lock = RunLock(folder.path());
  RunConfig config;
  config.source = request.data->string();
  config.dataset_hash = bring_dataset(*request.data, staged.path());
  if (request.check) request.check(DatasetFile(staged.path(), false));
  for (const auto& [name, value] : options.values()) config.options[name] = value;
  // The run may go on from another working directory.
  std::string& partition = config.options["partition"];
  if (!partition.empty()) partition = fs::absolute(partition).string();

  folder.prepare_new();
  fs::rename(staged.path(), folder.dataset(), error);
  if (error) fail("cannot write {}: {}", folder.dataset().string(), error.message());
  sync_path(folder.path());
  // Last: from here on the folder is a run.
  write_run_config(folder, config);
}

void continue_run(Communicator& communicator, const RunFolder& folder, const RunRequest& request,
                  OptionTable& options) {
  RunConfig config;
  communicator.together([&] {
    config = read_run_config(folder);
    continue_with(config, options, kFreeOptions, kOwnOptions);
  });
  communicator.on_root([&] {
    if (!request.data) return;
    const std::string hash = hash_of_data(*request.data);
    if (hash != config.dataset_hash) {
      fail_usage(
          "run {} was made from another dataset ({}, content hash {}); {} has {}: choose another "
          "--run, or start again with --overwrite",
          folder.path().string(), config.source, config.dataset_hash, request.data->string(), hash);
    }
  });
}

}  // namespace

OpenRun open_run(Communicator& communicator, const RunRequest& request, OptionTable& options) {
  const RunFolder folder(request.run);
  OpenRun run;
  bool goes_on = false;
  communicator.on_root([&] {
    goes_on = request.resume && folder.is_run();
    if (goes_on) {
      run.lock = RunLock(folder.path());
    } else {
      start_new_run(folder, request, options, run.lock);
    }
  });
  goes_on = communicator.broadcast(static_cast<std::int32_t>(goes_on)) != 0;
  if (goes_on) continue_run(communicator, folder, request, options);
  communicator.together([&] {
    run.dataset = std::make_unique<DatasetFile>(folder.dataset(), communicator.is_root());
  });
  return run;
}

}  // namespace halorec
