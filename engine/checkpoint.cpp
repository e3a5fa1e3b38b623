#include "engine/checkpoint.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "comm/hdf5_file.hpp"
#include "comm/random.hpp"
#include "engine/checkpoint_rows.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int kFormatVersion = 1;
constexpr const char* kManifest = "manifest.json";

ordered_json to_json(const TrainingState& s) {
  return {{"step", s.step},
          {"epoch", s.epoch},
          {"step_in_epoch", s.step_in_epoch},
          {"epoch_loss_sum", s.epoch_loss_sum},
          {"epoch_term_sums", s.epoch_term_sums},
          {"epoch_seconds", s.epoch_seconds},
          {"train_seconds", s.train_seconds},
          {"best_metric", s.best_metric},
          {"best_epoch", s.best_epoch},
          {"best_step", s.best_step},
          {"evaluations_since_best", s.evaluations_since_best},
          {"finished", s.finished}};
}

TrainingState state_from_json(const ordered_json& j) {
  TrainingState s;
  j.at("step").get_to(s.step);
  j.at("epoch").get_to(s.epoch);
  j.at("step_in_epoch").get_to(s.step_in_epoch);
  j.at("epoch_loss_sum").get_to(s.epoch_loss_sum);
  if (j.contains("epoch_term_sums")) j.at("epoch_term_sums").get_to(s.epoch_term_sums);
  j.at("epoch_seconds").get_to(s.epoch_seconds);
  j.at("train_seconds").get_to(s.train_seconds);
  j.at("best_metric").get_to(s.best_metric);
  j.at("best_epoch").get_to(s.best_epoch);
  j.at("best_step").get_to(s.best_step);
  j.at("evaluations_since_best").get_to(s.evaluations_since_best);
  j.at("finished").get_to(s.finished);
  return s;
}

// The manifest seals itself: its last member is a digest of all before it. Read back, it has to be
// this very text: two spellings of one number would have one digest.
std::string sealed(ordered_json manifest) {
  manifest["digest"] = fmt::format("{:016x}", hash_bytes(manifest.dump()));
  return manifest.dump(1) + "\n";
}

ordered_json read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifest;
  std::ifstream in(path);
  if (!in)
    fail("checkpoint {} has no {}; {}", folder.string(), kManifest, checkpoint_advice(folder));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ordered_json manifest = ordered_json::parse(text, nullptr, false);
  if (manifest.is_discarded() || !manifest.is_object() || !manifest.contains("digest")) {
    fail("checkpoint manifest {} is damaged; {}", path.string(), checkpoint_advice(folder));
  }
  manifest.erase("digest");
  if (text != sealed(manifest)) {
    fail("checkpoint manifest {} was altered after it was written; {}", path.string(),
         checkpoint_advice(folder));
  }
  if (manifest.at("format_version") != kFormatVersion) {
    fail("checkpoint {} has format version {}, this program reads version {}", folder.string(),
         manifest.at("format_version").dump(), kFormatVersion);
  }
  return manifest;
}

// Takes a committed folder out of the list at once: removing it where it stands would, if killed
// midway, leave a damaged folder under a committed name.
void retire(const fs::path& folder) {
  std::error_code ignored;
  fs::path away = folder;
  away += ".old";
  fs::remove_all(away, ignored);
  fs::rename(folder, away, ignored);
}

// Removes retired folders and what killed saves left.
void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step-") && (name.ends_with(".tmp") || name.ends_with(".old"))) {
      leftovers.push_back(entry.path());
    }
  }
  for (const fs::path& path : leftovers) fs::remove_all(path, ignored);
}

// What a parameter's arrays are called in a rank file, and where they live.
template <typename T>
std::vector<std::pair<std::string, Matrix<T>*>> arrays_of(Parameter<T>& p, bool with_moments) {
  std::vector<std::pair<std::string, Matrix<T>*>> arrays{{p.name + "/value", &p.value}};
  if (with_moments && p.first_moment.cols() > 0) {
    arrays.emplace_back(p.name + "/first_moment", &p.first_moment);
    arrays.emplace_back(p.name + "/second_moment", &p.second_moment);
  }
  return arrays;
}

std::vector<std::uint64_t> owned_ids(const Shard& shard) {
  std::vector<std::uint64_t> ids;
  ids.reserve(static_cast<std::size_t>(shard.num_owned()));
  for (std::int64_t row = 0; row < shard.num_owned(); ++row) {
    ids.push_back(shard.global_id(row).bits());
  }
  return ids;
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder, std::string identity)
    : folder_(std::move(folder)), identity_(std::move(identity)) {}

fs::path CheckpointStore::step_folder(std::uint64_t step) const {
  return folder_ / fmt::format("step-{:09}", step);
}

std::vector<std::uint64_t> CheckpointStore::committed_steps() const {
  std::vector<std::uint64_t> steps;
  std::error_code error;
  const fs::directory_iterator entries(folder_, error);
  if (error && error != std::errc::no_such_file_or_directory &&
      error != std::errc::not_a_directory) {
    // Not "none yet": training over checkpoints that cannot be read would lose them.
    fail("cannot read the checkpoints in {}: {}", folder_.string(), error.message());
  }
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step-")) continue;
    std::uint64_t step = 0;
    const auto [end, code] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
    if (code == std::errc() && end == name.data() + name.size()) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::optional<std::uint64_t> CheckpointStore::latest_step() const {
  const auto steps = committed_steps();
  if (steps.empty()) return std::nullopt;
  return steps.back();
}

TrainingState CheckpointStore::read_state(std::uint64_t step) const {
  return state_from_json(read_manifest(step_folder(step)).at("state"));
}

template <typename T>
void CheckpointStore::save(const Shard& shard, const std::vector<Parameter<T>*>& parameters,
                           const TrainingState& state) {
  Communicator& communicator = shard.communicator();
  const fs::path target = step_folder(state.step);
  const fs::path working = target.string() + ".tmp";
  communicator.on_root_briefly([&] {
    std::error_code error;
    fs::remove_all(working, error);
    fs::create_directories(working, error);
    if (error) fail("cannot create {}: {}", working.string(), error.message());
  });

  const auto file_name = [](int rank) { return fmt::format("rank-{:05}.h5", rank); };
  std::uint64_t size_bytes = 0;
  std::string digest;
  communicator.together([&] {
    Hdf5File file = Hdf5File::create(working / file_name(communicator.rank()));
    file.set_attribute("format", std::string("halorec checkpoint"));
    file.write("ids", owned_ids(shard));
    for (Parameter<T>* p : parameters) {
      if (p->replicated && !communicator.is_root()) continue;
      for (const auto& [name, matrix] : arrays_of(*p, true)) {
        const Matrix<T>& values = *matrix;
        file.write<T>(
            name, values.values(),
            {static_cast<std::uint64_t>(values.rows()), static_cast<std::uint64_t>(values.cols())});
      }
    }
    file.commit();
    size_bytes = file.size_bytes();
    digest = file.digest();
  });
  const auto sizes = communicator.all_gather(size_bytes);
  const auto digests = communicator.gather_text(digest);
  communicator.on_root_briefly([&] {
    ordered_json manifest{{"format", "halorec checkpoint"},
                          {"format_version", kFormatVersion},
                          {"identity", identity_},
                          {"state", to_json(state)},
                          {"files", ordered_json::array()}};
    for (int rank = 0; rank < communicator.size(); ++rank) {
      manifest["files"].push_back({{"name", file_name(rank)},
                                   {"bytes", sizes[static_cast<std::size_t>(rank)]},
                                   {"digest", digests[static_cast<std::size_t>(rank)]}});
    }
    write_text_durably(working / kManifest, sealed(manifest));
    sync_path(working);
    // A run that went back to an older checkpoint writes a step again.
    retire(target);
    std::error_code error;
    fs::rename(working, target, error);
    if (error) fail("cannot rename {}: {}", working.string(), error.message());
    sync_path(folder_);

    const auto steps = committed_steps();
    for (std::size_t k = 0; k + 2 < steps.size(); ++k) {
      if (steps[k] != state.best_step) retire(step_folder(steps[k]));
    }
    remove_leftovers(folder_);
  });
}

template <typename T>
TrainingState CheckpointStore::load(const Shard& shard, std::uint64_t step,
                                    const std::vector<Parameter<T>*>& parameters,
                                    bool with_moments) const {
  Communicator& communicator = shard.communicator();
  const fs::path folder = step_folder(step);
  TrainingState state;
  std::vector<RankFile> files;  // this rank's share of them
  communicator.together([&] {
    const ordered_json manifest = read_manifest(folder);
    if (manifest.at("identity") != identity_) {
      fail(
          "checkpoint {} belongs to another run: it was made with [{}], this is [{}]; choose "
          "another --run or start again with --overwrite",
          folder.string(), manifest.at("identity").get<std::string>(), identity_);
    }
    state = state_from_json(manifest.at("state"));
    const ordered_json& entries = manifest.at("files");
    for (auto f = static_cast<std::size_t>(communicator.rank()); f < entries.size();
         f += static_cast<std::size_t>(communicator.size())) {
      files.push_back(open_rank_file(shard, folder, entries[f].at("name").get<std::string>(),
                                     entries[f].at("digest").get<std::string>()));
    }
  });
  for (Parameter<T>* p : parameters) {
    for (const auto& [name, matrix] : arrays_of(*p, with_moments)) {
      if (p->replicated) {
        load_replicated(communicator, files, name, *matrix);
        continue;
      }
      const std::int64_t num_received = load_rows(communicator, files, name, *matrix);
      communicator.together([&] {
        if (num_received == shard.num_owned()) return;
        fail("checkpoint {} has rows for {} of the {} nodes of rank {}; {}", folder.string(),
             num_received, shard.num_owned(), communicator.rank(), checkpoint_advice(folder));
      });
    }
  }
  return state;
}

#define HALOREC_INSTANTIATE(T)                                                            \
  template void CheckpointStore::save<T>(const Shard&, const std::vector<Parameter<T>*>&, \
                                         const TrainingState&);                           \
  template TrainingState CheckpointStore::load<T>(const Shard&, std::uint64_t,            \
                                                  const std::vector<Parameter<T>*>&, bool) const;
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
