// A dataset's hash, and its file written (dataset_file.cpp reads it).
#include "partition/dataset.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "comm/check.hpp"
#include "comm/hdf5_file.hpp"
#include "comm/random.hpp"
#include "partition/dataset_arrays.hpp"
#include "partition/dataset_format.hpp"
#include "partition/dataset_hash.hpp"
#include "partition/side/side_info_file.hpp"

namespace halorec {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kRowsAtATime = std::uint64_t{1} << 20;

std::string group_of(Split split) {
  return std::string(split_name(split)) + "/";
}

Json protocol_to_json(const Protocol& protocol) {
  Json json{{"name", protocol.name},
            {"seed", protocol.seed},
            {"keep_repeats", protocol.keep_repeats},
            {"text", protocol.text}};
  if (protocol.cold_share > 0) json["cold_share"] = protocol.cold_share;
  return json;
}

// All but the interactions.
void write_rest(Hdf5File& file, const Dataset& dataset, const std::string& hash) {
  file.set_attribute("format", std::string(kDatasetFormat));
  file.set_attribute("format_version", kDatasetFormatVersion);
  file.set_attribute("tool_version", std::string(HALOREC_VERSION));
  file.set_attribute("content_hash", hash);
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
  if (!dataset.user_attribute.empty()) file.write("users/attribute", dataset.user_attribute);
  if (!dataset.item_attribute.empty()) file.write("items/attribute", dataset.item_attribute);
  if (dataset.perturbation) {
    file.set_attribute("perturbation", dataset.perturbation->steps_json);
    file.write("perturbation/fake_user", dataset.perturbation->fake_users);
    file.write("perturbation/pair_user", dataset.perturbation->pair_user);
    file.write("perturbation/pair_item", dataset.perturbation->pair_item);
    const auto& thinned = dataset.perturbation->thinned_users;
    if (!thinned.empty()) file.write("perturbation/thinned_user", thinned);
  }
  write_side_info(file, dataset.side);
  if (!dataset.truth) return;
  const Truth& truth = *dataset.truth;
  file.write("truth/user_community", truth.user_community);
  file.write("truth/item_community", truth.item_community);
  file.write("truth/item_weight", truth.item_weight);
  file.write("truth/mixing", std::vector<double>{truth.mixing});
  if (truth.drift > 0) {
    file.write("truth/drift", std::vector<double>{truth.drift});
    file.write("truth/time_span", std::vector<std::int64_t>{truth.first_time, truth.span_seconds});
  }
  if (truth.attribute_noise) {
    file.write("truth/attribute_noise", std::vector<double>{*truth.attribute_noise});
  }
}

}  // namespace

std::string_view split_name(Split split) {
  constexpr std::array<std::string_view, kNumSplits> kNames = {"train", "validation", "test"};
  return kNames[static_cast<std::size_t>(split)];
}

std::string content_hash(const Dataset& dataset) {
  return hash_dataset(dataset,
                      [&](ContentHash& hash, std::string_view label, Split split, std::string_view,
                          auto column) { hash.add(label, dataset[split].*column); });
}

void save_dataset(const Dataset& dataset, const std::filesystem::path& path) {
  Hdf5File file = Hdf5File::create(path);
  bool times = false;
  for (const Interactions& part : dataset.splits) times = times || !part.time.empty();
  for (int s = 0; s < kNumSplits; ++s) {
    const Interactions& part = dataset[static_cast<Split>(s)];
    const std::string group = group_of(static_cast<Split>(s));
    HALOREC_ASSERT_LIGHT(part.item.size() == part.size() && part.weight.size() == part.size());
    HALOREC_ASSERT_LIGHT(!times || part.time.size() == part.size());
    HALOREC_ASSERT_LIGHT(dataset.behaviors.empty() || part.behavior.size() == part.size());
    file.write(group + "user", part.user);
    file.write(group + "item", part.item);
    file.write(group + "weight", part.weight);
    if (times) file.write(group + "time", part.time);
    if (!dataset.behaviors.empty()) file.write(group + "behavior", part.behavior);
  }
  write_rest(file, dataset, content_hash(dataset));
  file.commit();
}

struct DatasetWriter::State {
  Hdf5File file;
  bool has_times;
  std::array<std::uint64_t, kNumSplits> num_interactions;
};

DatasetWriter::DatasetWriter(const std::filesystem::path& path,
                             const std::array<std::uint64_t, kNumSplits>& num_interactions,
                             bool has_times)
    : state_(new State{Hdf5File::create(path), has_times, num_interactions}) {
  for (int s = 0; s < kNumSplits; ++s) {
    const std::string group = group_of(static_cast<Split>(s));
    const std::uint64_t count = num_interactions[static_cast<std::size_t>(s)];
    state_->file.reserve<std::uint32_t>(group + "user", count);
    state_->file.reserve<std::uint32_t>(group + "item", count);
    state_->file.write_constant(group + "weight", count, 1.0F);
    if (has_times) state_->file.reserve<std::int64_t>(group + "time", count);
  }
}
DatasetWriter::DatasetWriter(DatasetWriter&&) noexcept = default;
DatasetWriter::~DatasetWriter() = default;

void DatasetWriter::write(Split split, std::uint64_t first, const Interactions& slice) {
  HALOREC_ASSERT_LIGHT(first + slice.size() <=
                       state_->num_interactions[static_cast<std::size_t>(split)]);
  const std::string group = group_of(split);
  state_->file.write_rows(group + "user", first, std::span<const std::uint32_t>(slice.user));
  state_->file.write_rows(group + "item", first, std::span<const std::uint32_t>(slice.item));
  if (state_->has_times) {
    state_->file.write_rows(group + "time", first, std::span<const std::int64_t>(slice.time));
  }
}

std::string DatasetWriter::commit(const Dataset& rest) {
  const Hdf5File& file = state_->file;
  std::string hash =
      hash_dataset(rest, [&]<typename T>(ContentHash& content, std::string_view label, Split split,
                                         std::string_view column, std::vector<T> Interactions::*) {
        const std::string name = group_of(split).append(column);
        const std::uint64_t count =
            file.has(name) ? state_->num_interactions[static_cast<std::size_t>(split)] : 0;
        content.begin(label, count * sizeof(T));
        for (std::uint64_t first = 0; first < count; first += kRowsAtATime) {
          const std::vector<T> values =
              file.read_rows<T>(name, first, std::min(kRowsAtATime, count - first));
          content.add_bytes(values.data(), values.size() * sizeof(T));
        }
      });
  write_rest(state_->file, rest, hash);
  state_->file.commit();
  return hash;
}

}  // namespace halorec
