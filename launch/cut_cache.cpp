#include "launch/cut_cache.hpp"

#include <cstdlib>

#include "comm/check.hpp"
#include "comm/random.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;

// The environment is read only: nothing in the program changes it.
const char* environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

CutCache::CutCache(const std::optional<fs::path>& folder, const std::string& dataset_hash,
                   TrainingPart part, const CutOptions& options)
    : dataset_hash_(dataset_hash), key_(cut_key(dataset_hash, training_part_name(part), options)) {
  if (folder) path_ = *folder / "cuts" / fmt::format("{:016x}.h5", hash_bytes(key_));
}

std::optional<Owners> CutCache::load() const {
  std::error_code ignored;
  if (path_.empty() || !fs::exists(path_, ignored)) return std::nullopt;
  try {
    std::string found;
    Owners owners = load_owners(path_, dataset_hash_, &found);
    if (found == key_) return owners;
  } catch (const Error&) {
    fs::remove(path_, ignored);
  }
  return std::nullopt;
}

void CutCache::save(const Owners& owners) const {
  if (path_.empty()) return;
  try {
    std::error_code ignored;
    fs::create_directories(path_.parent_path(), ignored);
    save_owners(owners, key_, dataset_hash_, path_);
  } catch (const Error&) {
    // A cache that cannot be written costs the next run a cut, nothing else.
  }
}

std::optional<fs::path> default_cache() {
  if (const char* own = environment("HALOREC_CACHE")) return own;
  if (const char* xdg = environment("XDG_CACHE_HOME")) return fs::path(xdg) / "halorec";
  if (const char* home = environment("HOME")) return fs::path(home) / ".cache" / "halorec";
  return std::nullopt;
}

}  // namespace halorec
