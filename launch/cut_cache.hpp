// The cache of cuts: one owners file a key of dataset, training part, parts, method and options.
// `halorec partition` fills it, training reads and fills it. A hindrance of the cache is never an
// error: the next job cuts again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "partition/partitioner.hpp"

namespace halorec {

// The place of one cut. Cheap to make; nothing is read before load. Not collective: rank 0 alone
// reads and writes.
class CutCache {
 public:
  // `folder`: of the cache; none: nothing is found and nothing kept.
  CutCache(const std::optional<std::filesystem::path>& folder, const std::string& dataset_hash,
           TrainingPart part, const CutOptions& options);

  // Empty without a cache.
  const std::filesystem::path& path() const { return path_; }
  // The cut, if it is there, whole and has this very key; a broken entry is removed.
  std::optional<Owners> load() const;
  void save(const Owners& owners) const;

 private:
  std::string dataset_hash_, key_;
  std::filesystem::path path_;
};

// $HALOREC_CACHE, else $XDG_CACHE_HOME/halorec, else ~/.cache/halorec; empty where none is known.
std::optional<std::filesystem::path> default_cache();

}  // namespace halorec
