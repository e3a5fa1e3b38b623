// Reading dataset files. Cheap checks (shapes and types that fit each other) run at open; every
// slice that is read is checked for index range and order, so that no reader meets a bad index.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "comm/hdf5_file.hpp"
#include "partition/dataset.hpp"
#include "partition/dataset_arrays.hpp"
#include "partition/dataset_format.hpp"
#include "partition/side/side_info_file.hpp"

namespace halorec {
namespace {

using Json = nlohmann::json;

}  // namespace

struct DatasetFile::State {
  Hdf5File file;
  std::string content_hash;
  std::uint64_t num_users = 0;
  std::uint64_t num_items = 0;
  std::array<std::uint64_t, kNumSplits> num_interactions{};
  Protocol protocol;
  std::vector<std::string> behaviors;
  bool has_titles = false;
  bool has_times = false;
  bool has_truth = false;
  bool has_perturbation = false;
  bool has_attributes = false;
  std::optional<SideInfoFile> side;

  explicit State(Hdf5File opened) : file(std::move(opened)) {
    read_attributes();
    num_users = table_length(file, "users/id");
    num_items = table_length(file, "items/id");
    expect_array<std::uint64_t>(file, "items/id_hash", num_items);
    has_titles = file.has("items/title_bytes");
    if (has_titles && table_length(file, "items/title") != num_items) {
      contradict(file.path(), "there is not one title for each item");
    }
    has_times = file.has("train/time");
    for (int s = 0; s < kNumSplits; ++s) {
      const std::string group = std::string(split_name(static_cast<Split>(s))) + "/";
      const std::uint64_t length = length_of(file, group + "user");
      num_interactions[static_cast<std::size_t>(s)] = length;
      expect_array<std::uint32_t>(file, group + "item", length);
      expect_array<float>(file, group + "weight", length);
      if (has_times) expect_array<std::int64_t>(file, group + "time", length);
      if (!behaviors.empty()) expect_array<std::uint8_t>(file, group + "behavior", length);
    }
    has_truth = file.has("truth");
    if (has_truth) {
      expect_array<std::uint32_t>(file, "truth/user_community", num_users);
      expect_array<std::uint32_t>(file, "truth/item_community", num_items);
      expect_array<float>(file, "truth/item_weight", num_items);
      expect_array<double>(file, "truth/mixing", 1);
      if (file.has("truth/drift")) {
        expect_array<double>(file, "truth/drift", 1);
        expect_array<std::int64_t>(file, "truth/time_span", 2);
      }
      if (file.has("truth/attribute_noise")) expect_array<double>(file, "truth/attribute_noise", 1);
    }
    has_perturbation = file.has("perturbation");
    if (has_perturbation) {
      if (!file.has_attribute("perturbation")) contradict(file.path(), "no step has perturbed it");
      expect_array<std::uint32_t>(file, "perturbation/pair_item",
                                  length_of(file, "perturbation/pair_user"));
    }
    has_attributes = file.has("users/attribute");
    if (has_attributes) {
      expect_array<std::uint32_t>(file, "users/attribute", num_users);
      expect_array<std::uint32_t>(file, "items/attribute", num_items);
    }
    side.emplace(file, num_users, num_items);
  }

  void read_attributes() {
    if (!file.has_attribute("format") || file.text_attribute("format") != kDatasetFormat) {
      fail(
          "{}: is a file of Halorec, but not a dataset; give a file made by `halorec import` or "
          "`halorec generate`",
          file.path().string());
    }
    if (const std::int64_t version = file.int_attribute("format_version");
        version < kOldestDatasetFormatVersion || version > kDatasetFormatVersion) {
      fail(
          "{}: dataset format {} is none of the formats {} to {}, which this Halorec {} reads; "
          "import the source again",
          file.path().string(), version, kOldestDatasetFormatVersion, kDatasetFormatVersion,
          HALOREC_VERSION);
    }
    content_hash = file.text_attribute("content_hash");
    try {
      const Json json = Json::parse(file.text_attribute("protocol"));
      protocol.name = json.at("name").get<std::string>();
      protocol.seed = json.at("seed").get<std::uint64_t>();
      protocol.keep_repeats = json.at("keep_repeats").get<bool>();
      protocol.text = json.at("text").get<std::string>();
      protocol.cold_share = json.value("cold_share", 0.0);
      behaviors = Json::parse(file.text_attribute("behaviors")).get<std::vector<std::string>>();
    } catch (const Json::exception& error) {
      contradict(file.path(),
                 fmt::format("an attribute is not the JSON expected ({})", error.what()));
    }
  }

  // Every index in range, and rows in strictly ascending (user, item, behavior).
  void check_slice(const Interactions& slice, std::string_view split, bool with_behavior) const {
    for (std::uint64_t k = 0; k < slice.size(); ++k) {
      if (slice.user[k] >= num_users || slice.item[k] >= num_items) {
        contradict(file.path(),
                   fmt::format("{} names user {} and item {} of {} users and {} items", split,
                               slice.user[k], slice.item[k], num_users, num_items));
      }
      if (k == 0) continue;
      const bool pair_ascends = slice.user[k - 1] != slice.user[k]
                                    ? slice.user[k - 1] < slice.user[k]
                                    : slice.item[k - 1] < slice.item[k];
      const bool pair_equal =
          slice.user[k - 1] == slice.user[k] && slice.item[k - 1] == slice.item[k];
      const bool may_repeat = pair_equal && !behaviors.empty() &&
                              (!with_behavior || slice.behavior[k - 1] < slice.behavior[k]);
      if (!pair_ascends && !may_repeat) {
        contradict(file.path(), fmt::format("{} is not sorted by user and item", split));
      }
    }
  }
};

DatasetFile::DatasetFile(const std::filesystem::path& path, bool verify_digest)
    : state_(std::make_unique<State>(Hdf5File::open(path, "dataset", verify_digest))) {}
DatasetFile::DatasetFile(DatasetFile&&) noexcept = default;
DatasetFile::~DatasetFile() = default;

const std::filesystem::path& DatasetFile::path() const {
  return state_->file.path();
}
const std::string& DatasetFile::content_hash() const {
  return state_->content_hash;
}
std::uint64_t DatasetFile::num_users() const {
  return state_->num_users;
}
std::uint64_t DatasetFile::num_items() const {
  return state_->num_items;
}
std::uint64_t DatasetFile::num_interactions(Split split) const {
  return state_->num_interactions[static_cast<std::size_t>(split)];
}
const Protocol& DatasetFile::protocol() const {
  return state_->protocol;
}
const std::vector<std::string>& DatasetFile::behaviors() const {
  return state_->behaviors;
}
std::string DatasetFile::source() const {
  return state_->file.text_attribute("source");
}
std::string DatasetFile::report_json() const {
  return state_->file.text_attribute("report");
}
std::string DatasetFile::tool_version() const {
  return state_->file.text_attribute("tool_version");
}
std::uint64_t DatasetFile::size_bytes() const {
  return state_->file.size_bytes();
}
bool DatasetFile::has_titles() const {
  return state_->has_titles;
}
bool DatasetFile::has_times() const {
  return state_->has_times;
}
bool DatasetFile::has_truth() const {
  return state_->has_truth;
}
bool DatasetFile::has_perturbation() const {
  return state_->has_perturbation;
}
bool DatasetFile::has_attributes() const {
  return state_->has_attributes;
}

Interactions DatasetFile::read(Split split, std::uint64_t first, std::uint64_t count,
                               bool all_columns) const {
  const std::string group = std::string(split_name(split)) + "/";
  Interactions slice;
  slice.user = state_->file.read_rows<std::uint32_t>(group + "user", first, count);
  slice.item = state_->file.read_rows<std::uint32_t>(group + "item", first, count);
  if (all_columns) {
    slice.weight = state_->file.read_rows<float>(group + "weight", first, count);
    if (state_->has_times) {
      slice.time = state_->file.read_rows<std::int64_t>(group + "time", first, count);
    }
    if (!state_->behaviors.empty()) {
      slice.behavior = state_->file.read_rows<std::uint8_t>(group + "behavior", first, count);
      for (const std::uint8_t behavior : slice.behavior) {
        if (behavior >= state_->behaviors.size()) contradict(path(), "a behavior has no name");
      }
    }
    for (const float weight : slice.weight) {
      if (!std::isfinite(weight)) contradict(path(), "a weight is not finite");
    }
  }
  state_->check_slice(slice, split_name(split), all_columns);
  return slice;
}

StringTable DatasetFile::read_user_ids() const {
  return read_table(state_->file, "users/id");
}
StringTable DatasetFile::read_item_ids() const {
  return read_table(state_->file, "items/id");
}
StringTable DatasetFile::read_titles() const {
  return state_->has_titles ? read_table(state_->file, "items/title") : StringTable{};
}
std::vector<std::uint64_t> DatasetFile::read_item_id_hashes() const {
  return state_->file.read<std::uint64_t>("items/id_hash");
}

Truth DatasetFile::read_truth() const {
  if (!state_->has_truth) {
    fail("{}: holds no planted truth; only data made by `halorec generate` has one",
         path().string());
  }
  Truth truth;
  truth.user_community = state_->file.read<std::uint32_t>("truth/user_community");
  truth.item_community = state_->file.read<std::uint32_t>("truth/item_community");
  truth.item_weight = state_->file.read<float>("truth/item_weight");
  truth.mixing = state_->file.read<double>("truth/mixing")[0];
  if (state_->file.has("truth/drift")) {
    truth.drift = state_->file.read<double>("truth/drift")[0];
    const auto span = state_->file.read<std::int64_t>("truth/time_span");
    truth.first_time = span[0];
    truth.span_seconds = span[1];
  }
  if (state_->file.has("truth/attribute_noise")) {
    truth.attribute_noise = state_->file.read<double>("truth/attribute_noise")[0];
  }
  return truth;
}

DatasetPerturbation DatasetFile::read_perturbation() const {
  DatasetPerturbation read;
  if (!state_->has_perturbation) return read;
  read.steps_json = state_->file.text_attribute("perturbation");
  read.fake_users = state_->file.read<std::uint32_t>("perturbation/fake_user");
  read.pair_user = state_->file.read<std::uint32_t>("perturbation/pair_user");
  read.pair_item = state_->file.read<std::uint32_t>("perturbation/pair_item");
  if (!Json::parse(read.steps_json, nullptr, false).is_array()) {
    contradict(path(), "the attribute perturbation is no JSON list");
  }
  const std::uint64_t num_fake = read.fake_users.size();
  for (std::uint64_t f = 0; f < num_fake; ++f) {
    if (num_fake > num_users() || read.fake_users[f] != num_users() - num_fake + f) {
      contradict(path(), "fake users are not the last of all users");
    }
  }
  for (std::uint64_t p = 0; p < read.pair_user.size(); ++p) {
    const auto pair_at = [&](std::uint64_t k) {
      return std::pair(read.pair_user[k], read.pair_item[k]);
    };
    if (read.pair_user[p] >= num_users() || read.pair_item[p] >= num_items() ||
        (p > 0 && pair_at(p - 1) >= pair_at(p))) {
      contradict(path(), "fake pairs are out of range or not sorted by user and item");
    }
  }
  if (state_->file.has("perturbation/thinned_user")) {
    read.thinned_users = state_->file.read<std::uint32_t>("perturbation/thinned_user");
  }
  for (std::uint64_t t = 0; t < read.thinned_users.size(); ++t) {
    if (read.thinned_users[t] >= num_users() ||
        (t > 0 && read.thinned_users[t - 1] >= read.thinned_users[t])) {
      contradict(path(), "thinned users are out of range or not sorted");
    }
  }
  return read;
}

std::vector<std::uint32_t> DatasetFile::read_user_attributes() const {
  if (!state_->has_attributes) return {};
  return state_->file.read<std::uint32_t>("users/attribute");
}
std::vector<std::uint32_t> DatasetFile::read_item_attributes() const {
  if (!state_->has_attributes) return {};
  return state_->file.read<std::uint32_t>("items/attribute");
}

const SideInfoFile& DatasetFile::side_info() const {
  return *state_->side;
}

Dataset DatasetFile::read_all() const {
  Dataset dataset;
  dataset.users = read_user_ids();
  dataset.items = read_item_ids();
  dataset.titles = read_titles();
  dataset.behaviors = state_->behaviors;
  dataset.user_attribute = read_user_attributes();
  dataset.item_attribute = read_item_attributes();
  dataset.side = side_info().read_all();
  for (int s = 0; s < kNumSplits; ++s) {
    const Split split = static_cast<Split>(s);
    dataset[split] = read(split, 0, num_interactions(split), true);
  }
  dataset.protocol = protocol();
  if (has_truth()) dataset.truth = std::make_unique<Truth>(read_truth());
  if (has_perturbation()) {
    dataset.perturbation = std::make_unique<DatasetPerturbation>(read_perturbation());
  }
  dataset.source = source();
  dataset.report_json = report_json();
  return dataset;
}

}  // namespace halorec
