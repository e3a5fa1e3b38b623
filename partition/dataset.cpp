// A dataset's hash, and its file written (dataset_file.cpp reads it).
#include "partition/dataset.hpp"

#include <xxhash.h>

#include <nlohmann/json.hpp>
#include <span>

#include "comm/check.hpp"
#include "comm/hdf5_file.hpp"
#include "comm/random.hpp"
#include "partition/dataset_format.hpp"

namespace halorec {
namespace {

using Json = nlohmann::json;

// XXH3-128 over named, length-prefixed pieces: no two different datasets feed it the same bytes.
class ContentHash {
 public:
  ContentHash() : state_(XXH3_createState(), XXH3_freeState) {
    if (!state_) fail("out of memory while hashing a dataset");
    XXH3_128bits_reset(state_.get());
  }
  template <typename T>
  void add(std::string_view name, std::span<const T> values) {
    add_bytes(name.data(), name.size());
    add_bytes(values.data(), values.size_bytes());
  }
  template <typename T>
  void add(std::string_view name, const std::vector<T>& values) {
    add(name, std::span<const T>(values));
  }
  void add(std::string_view name, const StringTable& table) {
    add(name, table.bytes);
    add(name, table.offsets);
  }
  void add(std::string_view name, std::string_view text) {
    add(name, std::span<const char>(text.data(), text.size()));
  }
  template <typename T>
  requires std::is_arithmetic_v<T>
  void add(std::string_view name, T value) { add(name, std::span<const T>(&value, 1)); }
  std::string hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  void add_bytes(const void* bytes, std::uint64_t size) {
    XXH3_128bits_update(state_.get(), &size, sizeof size);
    if (size > 0) XXH3_128bits_update(state_.get(), bytes, size);
  }
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// Text as bytes for HDF5, and back.
std::span<const std::uint8_t> as_bytes(const std::vector<char>& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void write_table(Hdf5File& file, const std::string& name, const StringTable& table) {
  file.write(name + "_bytes", as_bytes(table.bytes));
  file.write(name + "_offsets", table.offsets);
}

Json protocol_to_json(const Protocol& protocol) {
  return {{"name", protocol.name},
          {"seed", protocol.seed},
          {"keep_repeats", protocol.keep_repeats},
          {"text", protocol.text}};
}

}  // namespace

std::string_view split_name(Split split) {
  constexpr std::array<std::string_view, kNumSplits> kNames = {"train", "validation", "test"};
  return kNames[static_cast<std::size_t>(split)];
}

std::string content_hash(const Dataset& dataset) {
  ContentHash hash;
  hash.add("users", dataset.users);
  hash.add("items", dataset.items);
  hash.add("titles", dataset.titles);
  for (const std::string& behavior : dataset.behaviors) hash.add("behavior", behavior);
  for (int s = 0; s < kNumSplits; ++s) {
    const Interactions& part = dataset[static_cast<Split>(s)];
    hash.add(split_name(static_cast<Split>(s)), part.user);
    hash.add("item", part.item);
    hash.add("time", part.time);
    hash.add("weight", part.weight);
    hash.add("behavior", part.behavior);
  }
  hash.add("protocol", dataset.protocol.name);
  hash.add("seed", dataset.protocol.seed);
  hash.add("keep_repeats", static_cast<std::uint8_t>(dataset.protocol.keep_repeats));
  hash.add("text", dataset.protocol.text);
  if (dataset.truth) {
    hash.add("user_community", dataset.truth->user_community);
    hash.add("item_community", dataset.truth->item_community);
    hash.add("item_weight", dataset.truth->item_weight);
    hash.add("mixing", dataset.truth->mixing);
  }
  return hash.hex();
}

void save_dataset(const Dataset& dataset, const std::filesystem::path& path) {
  Hdf5File file = Hdf5File::create(path);
  file.set_attribute("format", std::string(kDatasetFormat));
  file.set_attribute("format_version", kDatasetFormatVersion);
  file.set_attribute("tool_version", std::string(HALOREC_VERSION));
  file.set_attribute("content_hash", content_hash(dataset));
  file.set_attribute("protocol", protocol_to_json(dataset.protocol).dump());
  file.set_attribute("source", dataset.source);
  file.set_attribute("report", dataset.report_json);
  file.set_attribute("behaviors", Json(dataset.behaviors).dump());

  write_table(file, "users/id", dataset.users);
  write_table(file, "items/id", dataset.items);
  std::vector<std::uint64_t> hashes(dataset.items.size());
  for (std::uint64_t i = 0; i < hashes.size(); ++i) hashes[i] = hash_bytes(dataset.items[i]);
  file.write("items/id_hash", hashes);
  if (!dataset.titles.empty()) write_table(file, "items/title", dataset.titles);

  bool times = false;
  for (const Interactions& part : dataset.splits) times = times || !part.time.empty();
  for (int s = 0; s < kNumSplits; ++s) {
    const Interactions& part = dataset[static_cast<Split>(s)];
    const std::string group = std::string(split_name(static_cast<Split>(s))) + "/";
    HALOREC_ASSERT_LIGHT(part.item.size() == part.size() && part.weight.size() == part.size());
    HALOREC_ASSERT_LIGHT(!times || part.time.size() == part.size());
    HALOREC_ASSERT_LIGHT(dataset.behaviors.empty() || part.behavior.size() == part.size());
    file.write(group + "user", part.user);
    file.write(group + "item", part.item);
    file.write(group + "weight", part.weight);
    if (times) file.write(group + "time", part.time);
    if (!dataset.behaviors.empty()) file.write(group + "behavior", part.behavior);
  }
  if (dataset.truth) {
    file.write("truth/user_community", dataset.truth->user_community);
    file.write("truth/item_community", dataset.truth->item_community);
    file.write("truth/item_weight", dataset.truth->item_weight);
    file.write("truth/mixing", std::vector<double>{dataset.truth->mixing});
  }
  file.commit();
}

}  // namespace halorec
