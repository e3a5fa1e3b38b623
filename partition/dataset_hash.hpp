// What a dataset's content hash is made of, in which order: for datasets in memory and for those
// whose interactions stand in a file already.
#pragma once

#include <fmt/format.h>
#include <xxhash.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "comm/check.hpp"
#include "partition/dataset.hpp"
#include "partition/side/side_info_file.hpp"

namespace halorec {

// XXH3-128 over named, length-prefixed pieces: no two different datasets feed it the same bytes.
class ContentHash {
 public:
  ContentHash() : state_(XXH3_createState(), XXH3_freeState) {
    if (!state_) fail("out of memory while hashing a dataset");
    XXH3_128bits_reset(state_.get());
  }
  // Starts a piece whose bytes follow by add_bytes.
  void begin(std::string_view name, std::uint64_t size_bytes) {
    const std::uint64_t name_bytes = name.size();
    add_bytes(&name_bytes, sizeof name_bytes);
    add_bytes(name.data(), name.size());
    add_bytes(&size_bytes, sizeof size_bytes);
  }
  void add_bytes(const void* bytes, std::uint64_t size) {
    if (size > 0) XXH3_128bits_update(state_.get(), bytes, size);
  }
  template <typename T>
  void add(std::string_view name, std::span<const T> values) {
    begin(name, values.size_bytes());
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
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// The hash of `rest` with the interactions that add_column(hash, label, split, name, column) adds
// under `label`, where column is the member of Interactions and name its array's in the file. What
// older files could not hold is added only where it is, so that their hashes stay.
template <typename AddColumn>
std::string hash_dataset(const Dataset& rest, const AddColumn& add_column) {
  ContentHash hash;
  hash.add("users", rest.users);
  hash.add("items", rest.items);
  hash.add("titles", rest.titles);
  for (const std::string& behavior : rest.behaviors) hash.add("behavior", behavior);
  for (int s = 0; s < kNumSplits; ++s) {
    const Split split = static_cast<Split>(s);
    add_column(hash, split_name(split), split, "user", &Interactions::user);
    add_column(hash, "item", split, "item", &Interactions::item);
    add_column(hash, "time", split, "time", &Interactions::time);
    add_column(hash, "weight", split, "weight", &Interactions::weight);
    add_column(hash, "behavior", split, "behavior", &Interactions::behavior);
  }
  hash.add("protocol", rest.protocol.name);
  hash.add("seed", rest.protocol.seed);
  hash.add("keep_repeats", static_cast<std::uint8_t>(rest.protocol.keep_repeats));
  hash.add("text", rest.protocol.text);
  if (rest.protocol.cold_share > 0) hash.add("cold_share", rest.protocol.cold_share);
  if (!rest.user_attribute.empty()) hash.add("user_attribute", rest.user_attribute);
  if (!rest.item_attribute.empty()) hash.add("item_attribute", rest.item_attribute);
  if (rest.perturbation) {
    hash.add("perturbation", rest.perturbation->steps_json);
    hash.add("fake_user", rest.perturbation->fake_users);
    hash.add("pair_user", rest.perturbation->pair_user);
    hash.add("pair_item", rest.perturbation->pair_item);
    const auto& thinned = rest.perturbation->thinned_users;
    if (!thinned.empty()) hash.add("thinned_user", thinned);
  }
  hash_side_info(hash, rest.side);
  if (!rest.truth) return hash.hex();
  const Truth& truth = *rest.truth;
  hash.add("user_community", truth.user_community);
  hash.add("item_community", truth.item_community);
  hash.add("item_weight", truth.item_weight);
  hash.add("mixing", truth.mixing);
  if (truth.drift > 0) {
    hash.add("drift", truth.drift);
    hash.add("first_time", truth.first_time);
    hash.add("span_seconds", truth.span_seconds);
  }
  if (truth.attribute_noise) hash.add("attribute_noise", *truth.attribute_noise);
  return hash.hex();
}

}  // namespace halorec
