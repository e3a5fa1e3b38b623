// A dataset: original ids, interactions in three splits, and how the split was made. In memory
// (Dataset, for one process that imports or generates) and as a file (DatasetFile, from which
// every rank of a job reads the slices it needs).
//
// The file is HDF5 (comm/hdf5_file.hpp). All integers little-endian, all arrays one-dimensional:
//   /users/id_bytes  u8[...]     UTF-8 bytes of all ids, one after the other
//   /users/id_offsets u64[U+1]   id of user u = bytes [offsets[u], offsets[u+1])
//   /items/id_bytes, /items/id_offsets, /items/id_hash u64[I] (XXH3 of the id: breaks ties)
//   /items/title_bytes, /items/title_offsets             only when titles are known
//   /train|validation|test/user u32, item u32            sorted by (user, item, behavior)
//   /train|validation|test/time i64                      only when times are known
//   /train|validation|test/weight f32
//   /train|validation|test/behavior u8                   only when behaviors are known
//   /users/attribute u32[U], /items/attribute u32[I]     only when one is planted
//   /side/0/..., /side/1/...                             side information (side/side_info_file.hpp)
//   /truth/...                                           only in generated data
//   /perturbation/...                                    only in perturbed data
// Root attributes: format, format_version, tool_version, content_hash, protocol (JSON), source,
// report (JSON: what import counted), behaviors (JSON list of names), side_info (JSON list),
// perturbation (JSON).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "partition/side/side_info.hpp"
#include "partition/string_table.hpp"

namespace halorec {

class Hdf5File;
class SideInfoFile;

enum class Split : std::uint8_t { train = 0, validation = 1, test = 2 };
inline constexpr int kNumSplits = 3;
std::string_view split_name(Split split);

// Parallel arrays. `time` and `behavior` are empty when unknown; `weight` is always there.
struct Interactions {
  std::vector<std::uint32_t> user;
  std::vector<std::uint32_t> item;
  std::vector<std::int64_t> time;  // seconds since 1970
  std::vector<float> weight;
  std::vector<std::uint8_t> behavior;  // index into Dataset::behaviors

  std::uint64_t size() const { return user.size(); }
};

// How a split was made: named, fixed, and complete enough to make it again.
struct Protocol {
  std::string name = "random";  // given | random | leave-last | time | cold-items | cold-users
  std::uint64_t seed = 0;
  bool keep_repeats = false;  // a held-out pair may also stand in the training part
  std::string text;           // one sentence that says what is held out, with the thresholds
  double cold_share = 0;      // of the nodes that cold-items and cold-users hold out
};

// What the generator planted (generated data only); partition/synthetic/truth_score.hpp has the
// equation.
struct Truth {
  std::vector<std::uint32_t> user_community, item_community;
  std::vector<float> item_weight;  // popularity weight that items are drawn by
  double mixing = 0;  // share of an average user's edges drawn from the whole catalogue
  double drift = 0;   // communities that tastes move on by from first_time to first_time + span
  std::int64_t first_time = 0, span_seconds = 0;  // 0 when there is no drift
  // Share of attributes drawn without regard to the community; none: no attributes.
  std::optional<double> attribute_noise = std::nullopt;
};

// What `halorec perturb` has done (perturbed data only): the truth that a defence is scored
// against, and whose lists it has thinned.
struct DatasetPerturbation {
  std::vector<std::uint32_t> fake_users;            // indices, ascending: the last of all users
  std::vector<std::uint32_t> pair_user, pair_item;  // training pairs that are fake, ascending
  std::vector<std::uint32_t> thinned_users;         // indices, ascending
  std::string steps_json = "[]";  // each perturbation in turn: what, how, of which data
};

struct Dataset {
  StringTable users, items;
  StringTable titles;  // empty, or one for each item (possibly "")
  std::vector<std::string> behaviors;
  // A categorical attribute of each node; empty when unknown.
  std::vector<std::uint32_t> user_attribute, item_attribute;
  SideInfo side;
  std::array<Interactions, kNumSplits> splits;
  Protocol protocol;
  std::unique_ptr<Truth> truth;
  std::unique_ptr<DatasetPerturbation> perturbation;
  std::string source;       // the caller's words for where it came from (paths, generator options)
  std::string report_json;  // what import counted: rows read, dropped and why, merged repeats ...

  Interactions& operator[](Split s) { return splits[static_cast<std::size_t>(s)]; }
  const Interactions& operator[](Split s) const { return splits[static_cast<std::size_t>(s)]; }
};

// XXH3-128 (32 hex digits) of ids, titles, attributes, side information, interactions, protocol and
// truths; not of source, report or tool version. The same input gives the same hash.
std::string content_hash(const Dataset& dataset);

// Writes a dataset file whole or not at all.
void save_dataset(const Dataset& dataset, const std::filesystem::path& path);

// The same for interactions that never stand in memory all at once: made with their number, they
// are handed over in slices, in any order of place. Every weight is 1, and there are no behaviors.
class DatasetWriter {
 public:
  DatasetWriter(const std::filesystem::path& path,
                const std::array<std::uint64_t, kNumSplits>& num_interactions, bool has_times);
  DatasetWriter(DatasetWriter&&) noexcept;
  ~DatasetWriter();

  // Interactions [first, first + slice.size()) of a split; of the slice user, item and time are
  // written.
  void write(Split split, std::uint64_t first, const Interactions& slice);
  // Adds all that `rest` holds but interactions, reads the slices back for the content hash, and
  // puts the file in place. Without it nothing is left behind. Returns the content hash.
  std::string commit(const Dataset& rest);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A dataset file open for reading. Error (one message: what, which file, what to do) when the file
// is missing, truncated, altered, not a dataset, or its arrays contradict each other.
class DatasetFile {
 public:
  explicit DatasetFile(const std::filesystem::path& path, bool verify_digest = true);
  DatasetFile(DatasetFile&&) noexcept;
  ~DatasetFile();

  const std::filesystem::path& path() const;
  const std::string& content_hash() const;
  std::uint64_t num_users() const;
  std::uint64_t num_items() const;
  std::uint64_t num_interactions(Split split) const;
  const Protocol& protocol() const;
  const std::vector<std::string>& behaviors() const;  // empty when unknown
  std::string source() const;
  std::string report_json() const;
  std::string tool_version() const;  // of the Halorec that wrote the file
  std::uint64_t size_bytes() const;
  bool has_titles() const;
  bool has_times() const;
  bool has_truth() const;
  bool has_perturbation() const;
  bool has_attributes() const;

  // Interactions [first, first + count) of a split, in file order (sorted by user, item, behavior).
  // Only user and item are filled unless `all_columns`.
  Interactions read(Split split, std::uint64_t first, std::uint64_t count,
                    bool all_columns = false) const;
  StringTable read_user_ids() const;
  StringTable read_item_ids() const;
  StringTable read_titles() const;  // empty when unknown
  std::vector<std::uint64_t> read_item_id_hashes() const;
  Truth read_truth() const;
  DatasetPerturbation read_perturbation() const;            // empty where nothing was perturbed
  std::vector<std::uint32_t> read_user_attributes() const;  // empty when unknown
  std::vector<std::uint32_t> read_item_attributes() const;
  // What else is known of nodes, readable in slices; as long as this file is open.
  const SideInfoFile& side_info() const;
  // Everything, for small data and tests.
  Dataset read_all() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace halorec
