#include "launch/run_folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "comm/hdf5_file.hpp"
#include "launch/run_lock.hpp"
#include "partition/dataset.hpp"
#include "partition/import.hpp"

namespace halorec {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

bool RunFolder::is_run() const {
  std::error_code ignored;
  return fs::is_regular_file(config(), ignored);
}

namespace {

// True when `path` is a folder in which every name meets the condition.
template <typename Condition>
bool every_entry(const fs::path& path, const Condition& condition) {
  std::error_code error;
  fs::directory_iterator entries(path, error);
  return !error && std::all_of(begin(entries), end(entries), [&](const fs::directory_entry& entry) {
    return condition(entry.path().filename().string());
  });
}

}  // namespace

bool RunFolder::is_unused() const {
  return every_entry(path_, [](const std::string& name) { return name == RunLock::kFileName; });
}

bool RunFolder::is_unfinished_start() const {
  return !is_run() && every_entry(path_, [](const std::string& name) {
    return name == RunLock::kFileName || name.starts_with("dataset.h5") ||
           name.starts_with("config.json");
  });
}

void RunFolder::check_new(bool replace) const {
  std::error_code error;
  if (fs::exists(path_, error) && !fs::is_directory(path_, error)) {
    fail_usage("--run {} is a file; name a folder", path_.string());
  }
  if (!fs::is_directory(path_, error) || is_unused()) return;
  if (!is_run() && !is_unfinished_start()) {
    fail_usage(
        "--run {} holds something that is not a run, which is never removed; name another "
        "folder",
        path_.string());
  }
  if (!replace) {
    fail_usage(
        "--run {} exists already; give --resume to go on, --overwrite to start again, or "
        "another folder",
        path_.string());
  }
}

void RunFolder::prepare_new() const {
  std::error_code error;
  if (fs::is_directory(path_, error)) {
    // Only what a run consists of, the configuration last, so that an interrupted removal is
    // still a run that can be removed.
    for (const fs::path& part :
         {checkpoints(false), path_ / "refit", metrics(), lists(), log(), dataset(), config()}) {
      fs::remove_all(part, error);
      if (error) fail("cannot remove {}: {}", part.string(), error.message());
    }
  }
  fs::create_directories(path_, error);
  if (error) fail("cannot create --run {}: {}", path_.string(), error.message());
  if (::access(path_.c_str(), W_OK | X_OK) != 0) {
    fail("cannot write into --run {}: permission denied", path_.string());
  }
}

void write_run_config(const RunFolder& run, const RunConfig& config) {
  const ordered_json json{{"program", "halorec " HALOREC_VERSION},
                          {"format_version", 1},
                          {"source", config.source},
                          {"dataset_hash", config.dataset_hash},
                          {"options", config.options}};
  write_text_durably(run.config(),
                     json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

RunConfig read_run_config(const RunFolder& run) {
  std::error_code ignored;
  if (!fs::exists(run.path(), ignored)) {
    fail("there is no run at {}; make one with: halorec train DATA --run {}", run.path().string(),
         run.path().string());
  }
  std::ifstream in(run.config());
  if (!in) {
    fail("{} is not a run (it has no config.json); make one with: halorec train DATA --run {}",
         run.path().string(), run.path().string());
  }
  const auto json = ordered_json::parse(in, nullptr, false);
  try {
    if (json.is_discarded()) throw std::runtime_error("not JSON");
    RunConfig config;
    json.at("source").get_to(config.source);
    json.at("dataset_hash").get_to(config.dataset_hash);
    json.at("options").get_to(config.options);
    return config;
  } catch (const std::exception&) {
    fail("{} is damaged; start again with --overwrite or restore it", run.config().string());
  }
}

void continue_with(const RunConfig& config, OptionTable& options,
                   std::span<const std::string_view> free_options,
                   std::span<const std::string_view> own_options) {
  std::string changes;
  for (const auto& [name, value] : options.values()) {
    const bool is_free =
        std::find(free_options.begin(), free_options.end(), name) != free_options.end();
    const bool is_own =
        std::find(own_options.begin(), own_options.end(), name) != own_options.end();
    if (is_own) continue;
    const auto stored = config.options.find(name);
    if (stored == config.options.end() || stored->second == value) continue;
    if (options.given(name)) {
      if (is_free) continue;
      changes += fmt::format("{}--{} was '{}' in this run and is '{}' now",
                             changes.empty() ? "" : "; ", name, stored->second, value);
    } else {
      options.find(name).assign({stored->second});
    }
  }
  if (!changes.empty()) {
    fail_usage(
        "--resume cannot change what a run computes: {}; leave it out, or start again with "
        "--overwrite",
        changes);
  }
}

bool is_dataset_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  if (path.extension() == ".h5" || path.extension() == ".hdf5") return true;
  char head[8] = {};
  std::ifstream in(path, std::ios::binary);
  in.read(head, sizeof(head));
  return std::string_view(head, 8) == "halorec ";
}

namespace {

struct RemovedFolder {
  fs::path path;
  ~RemovedFolder() {
    std::error_code ignored;
    if (!path.empty()) fs::remove_all(path, ignored);
  }
};

}  // namespace

DataSource::DataSource(Communicator& communicator, const fs::path& data) {
  open(communicator, data, [&](const fs::path& path) {
    ImportOptions import;
    import.seed = kImportSeed;
    save_dataset(import_dataset({data}, import), path);
  });
}

DataSource::DataSource(Communicator& communicator,
                       const std::function<void(const fs::path& path)>& write) {
  open(communicator, {}, write);
}

void DataSource::open(Communicator& communicator, const fs::path& data,
                      const std::function<void(const fs::path& path)>& write) {
  std::string path = data.string();
  RemovedFolder removed;
  communicator.on_root([&] {
    if (!data.empty() && is_dataset_file(data)) {
      file_ = std::make_unique<DatasetFile>(data);
      return;
    }
    std::string folder = (fs::temp_directory_path() / "halorec-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) {
      fail("cannot make a temporary folder {}: {}; TMPDIR says where", folder,
           std::generic_category().message(errno));
    }
    removed.path = folder;
    path = (fs::path(folder) / "dataset.h5").string();
    write(path);
    file_ = std::make_unique<DatasetFile>(path, false);
  });
  communicator.broadcast(path);
  communicator.together([&] {
    if (!communicator.is_root()) file_ = std::make_unique<DatasetFile>(path, false);
  });
  // Opened, the file needs its name no longer: nothing is left behind, however this process ends.
}

std::string hash_of_data(const fs::path& path) {
  if (is_dataset_file(path)) return DatasetFile(path).content_hash();
  ImportOptions import;
  import.seed = kImportSeed;
  return content_hash(import_dataset({path}, import));
}

std::string bring_dataset(const fs::path& path, const fs::path& target) {
  if (!is_dataset_file(path)) {
    ImportOptions import;
    import.seed = kImportSeed;
    save_dataset(import_dataset({path}, import), target);
    return DatasetFile(target, false).content_hash();
  }
  std::string hash = DatasetFile(path).content_hash();
  const fs::path working = target.string() + ".tmp";
  std::error_code error;
  fs::copy_file(path, working, fs::copy_options::overwrite_existing, error);
  if (error) fail("cannot copy {} to {}: {}", path.string(), target.string(), error.message());
  sync_path(working);
  fs::rename(working, target, error);
  if (error) fail("cannot rename {}: {}", working.string(), error.message());
  sync_path(target.parent_path());
  return hash;
}

}  // namespace halorec
