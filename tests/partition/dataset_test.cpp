// Dataset files: what is saved comes back, the hash says what it should, and arrays that contradict
// each other are found even when the file's seal is whole.
#include "partition/dataset.hpp"

#include <functional>

#include "comm/hdf5_file.hpp"
#include "comm/random.hpp"
#include "partition/dataset_summary.hpp"
#include "tests/partition/raw_data.hpp"

namespace halorec {
namespace {

// 3 users, 3 items; item "ĉ" has test interactions only.
Dataset sample() {
  Dataset dataset;
  for (const char* id : {"a", "bb", "ż"}) dataset.users.push_back(id);
  for (const char* id : {"1", "22", "ĉ"}) dataset.items.push_back(id);
  for (const char* title : {"One", "", "Ĉu?"}) dataset.titles.push_back(title);
  dataset.behaviors = {"buy", "view"};
  dataset[Split::train] = {{0, 0, 1, 2}, {0, 0, 1, 1}, {5, 6, 7, 8}, {1, 2, 3, 0.5F}, {0, 1, 1, 0}};
  dataset[Split::validation] = {{1}, {0}, {9}, {1}, {1}};
  dataset[Split::test] = {{0, 2}, {2, 2}, {10, -11}, {1, 1}, {0, 0}};
  dataset.protocol = {"given", 7, true, "a sentence"};
  dataset.source = "somewhere";
  dataset.report_json = R"({"rows_read":7})";
  return dataset;
}

void expect_equal(const Interactions& a, const Interactions& b) {
  EXPECT_EQ(a.user, b.user);
  EXPECT_EQ(a.item, b.item);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(a.behavior, b.behavior);
}

TEST(DatasetFile, RoundTrip) {
  const TemporaryFolder folder;
  Dataset dataset = sample();
  dataset.truth = std::make_unique<Truth>(Truth{{0, 1, 0}, {1, 1, 0}, {1, 0.5F, 0.25F}, 0.3});
  dataset.perturbation = std::make_unique<DatasetPerturbation>(
      DatasetPerturbation{{2}, {0, 2}, {1, 1}, std::vector<std::uint32_t>{}, "[7]"});
  save_dataset(dataset, folder / "d.h5");
  const DatasetFile file(folder / "d.h5");
  EXPECT_EQ(file.num_users(), 3U);
  EXPECT_EQ(file.num_items(), 3U);
  EXPECT_EQ(file.num_interactions(Split::test), 2U);
  EXPECT_TRUE(file.has_titles() && file.has_times() && file.has_truth());
  EXPECT_EQ(file.content_hash(), content_hash(dataset));
  EXPECT_EQ(file.protocol().name, "given");
  EXPECT_EQ(file.protocol().seed, 7U);
  EXPECT_TRUE(file.protocol().keep_repeats);
  EXPECT_EQ(file.tool_version(), HALOREC_VERSION);
  EXPECT_EQ(file.read_item_id_hashes()[2], hash_bytes("ĉ"));
  const Dataset back = file.read_all();
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    expect_equal(back[split], dataset[split]);
  }
  EXPECT_EQ(back.users[2], "ż");
  EXPECT_EQ(back.titles[2], "Ĉu?");
  EXPECT_EQ(back.behaviors, dataset.behaviors);
  EXPECT_EQ(back.source, "somewhere");
  EXPECT_EQ(back.report_json, dataset.report_json);
  EXPECT_EQ(back.truth->item_weight, dataset.truth->item_weight);
  EXPECT_EQ(back.perturbation->fake_users, dataset.perturbation->fake_users);
  EXPECT_EQ(back.perturbation->pair_user, dataset.perturbation->pair_user);
  EXPECT_EQ(back.perturbation->pair_item, dataset.perturbation->pair_item);
  EXPECT_EQ(back.perturbation->steps_json, "[7]");
  EXPECT_EQ(content_hash(back), content_hash(dataset));
  const Interactions slice = file.read(Split::train, 1, 2);
  EXPECT_EQ(slice.user, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_TRUE(slice.weight.empty());
  EXPECT_EQ(file.read(Split::train, 1, 2, true).weight, (std::vector<float>{2, 3}));
  EXPECT_EQ(file.read(Split::train, 4, 0).size(), 0U);
  EXPECT_THROW(file.read(Split::train, 3, 2), Error);
}

TEST(DatasetFile, ContentHashSeesContentAndNothingElse) {
  const std::string hash = content_hash(sample());
  Dataset other = sample();
  other.source = "elsewhere";
  other.report_json = "{}";
  EXPECT_EQ(content_hash(other), hash);
  const std::vector<std::function<void(Dataset&)>> changes = {
      [](Dataset& d) { d[Split::test].item[0] = 1; },
      [](Dataset& d) { d[Split::train].weight[0] = 1.5F; },
      [](Dataset& d) { d[Split::train].time[3] = 9; },
      [](Dataset& d) { d[Split::train].behavior[3] = 1; },
      [](Dataset& d) { d.titles.bytes[0] = 'o'; },
      [](Dataset& d) { d.users.bytes[0] = 'A'; },
      [](Dataset& d) { d.items.offsets[1] = 2; },  // the same bytes, cut elsewhere
      [](Dataset& d) { d.behaviors[0] = "bought"; },
      [](Dataset& d) { d.protocol.seed = 8; },
      [](Dataset& d) { d.truth = std::make_unique<Truth>(); },
      [](Dataset& d) { d.perturbation = std::make_unique<DatasetPerturbation>(); },
      [](Dataset& d) { std::swap(d[Split::validation], d[Split::test]); }};
  for (std::size_t c = 0; c < changes.size(); ++c) {
    Dataset changed = sample();
    changes[c](changed);
    EXPECT_NE(content_hash(changed), hash) << c;
  }
}

TEST(DatasetFile, OnlyWhatIsKnownIsStored) {
  const TemporaryFolder folder;
  Dataset dataset = sample();
  dataset.titles = {};
  dataset.behaviors.clear();
  dataset[Split::train] = {{0, 1}, {0, 1}, {}, {1, 1}, {}};
  dataset[Split::validation] = {};
  dataset[Split::test] = {{2}, {2}, {}, {1}, {}};
  save_dataset(dataset, folder / "d.h5");
  const DatasetFile file(folder / "d.h5");
  EXPECT_FALSE(file.has_titles() || file.has_times() || file.has_truth());
  EXPECT_FALSE(file.has_perturbation());
  EXPECT_TRUE(file.read_perturbation().pair_user.empty());
  EXPECT_EQ(file.num_interactions(Split::validation), 0U);
  EXPECT_TRUE(file.read_titles().empty());
  EXPECT_THROW(file.read_truth(), Error);
  const DatasetSummary summary = summarize(file.read_all());
  EXPECT_EQ(summary.splits[2].cold_users, 1U);
  EXPECT_EQ(summary.splits[2].cold_items, 1U);
  EXPECT_EQ(summary.user_degree.max, 1U);
}

// Writes a sealed file that a faulty writer might have made.
void write_raw(const std::filesystem::path& path, const std::function<void(Hdf5File&)>& replace) {
  Hdf5File file = Hdf5File::create(path);
  replace(file);
  const auto attribute = [&](const char* name, const std::string& value) {
    if (!file.has_attribute(name)) file.set_attribute(name, value);
  };
  attribute("format", "halorec-dataset");
  attribute("tool_version", "0");
  attribute("content_hash", "0");
  attribute("protocol", R"({"name":"random","seed":0,"keep_repeats":false,"text":""})");
  attribute("source", "");
  attribute("report", "{}");
  attribute("behaviors", "[]");
  if (!file.has_attribute("format_version")) file.set_attribute("format_version", std::int64_t{1});
  const auto array = [&]<typename T>(const char* name, const std::vector<T>& values) {
    if (!file.has(name)) file.write(name, values);
  };
  array("users/id_bytes", std::vector<std::uint8_t>{'a', 'b'});
  array("users/id_offsets", std::vector<std::uint64_t>{0, 1, 2});
  array("items/id_bytes", std::vector<std::uint8_t>{'x', 'y'});
  array("items/id_offsets", std::vector<std::uint64_t>{0, 1, 2});
  array("items/id_hash", std::vector<std::uint64_t>{1, 2});
  for (const std::string split : {"train/", "validation/", "test/"}) {
    array((split + "user").c_str(), std::vector<std::uint32_t>{0, 1});
    array((split + "item").c_str(), std::vector<std::uint32_t>{1, 0});
    array((split + "weight").c_str(), std::vector<float>{1, 1});
  }
  file.commit();
}

TEST(DatasetFile, ArraysThatContradictEachOtherAreErrors) {
  const TemporaryFolder folder;
  const auto path = folder / "d.h5";
  write_raw(path, [](Hdf5File&) {});
  EXPECT_NO_THROW(DatasetFile(path).read_all());
  using U32 = std::vector<std::uint32_t>;
  using U64 = std::vector<std::uint64_t>;
  const std::vector<std::pair<const char*, std::function<void(Hdf5File&)>>> faults = {
      {"user out of range",
       [](Hdf5File& f) {
         f.write("train/user", U32{0, 2});
       }},
      {"item out of range",
       [](Hdf5File& f) {
         f.write("test/item", U32{1, 7});
       }},
      {"not sorted",
       [](Hdf5File& f) {
         f.write("train/user", U32{1, 0});
       }},
      {"repeated pair",
       [](Hdf5File& f) {
         f.write("train/user", U32{1, 1});
         f.write("train/item", U32{1, 1});
       }},
      {"lengths differ", [](Hdf5File& f) { f.write("train/item", U32{1}); }},
      {"offsets descend",
       [](Hdf5File& f) {
         f.write("users/id_offsets", U64{0, 3, 2});
       }},
      {"offsets too long",
       [](Hdf5File& f) {
         f.write("users/id_offsets", U64{0, 1, 3});
       }},
      {"no offsets", [](Hdf5File& f) { f.write("items/id_offsets", U64{}); }},
      {"hashes", [](Hdf5File& f) { f.write("items/id_hash", U64{1}); }},
      {"another type",
       [](Hdf5File& f) {
         f.write("items/id_hash", U32{1, 2});
       }},
      {"not one-dimensional",
       [](Hdf5File& f) {
         f.write("train/user", U32{0, 1}, {1, 2});
       }},
      {"weight not finite",
       [](Hdf5File& f) {
         f.write("train/weight", std::vector<float>{1, INFINITY});
       }},
      {"not a dataset", [](Hdf5File& f) { f.set_attribute("format", std::string("other")); }},
      {"version", [](Hdf5File& f) { f.set_attribute("format_version", std::int64_t{4}); }},
      {"protocol", [](Hdf5File& f) { f.set_attribute("protocol", std::string("{}")); }},
      {"fake users in the middle",
       [](Hdf5File& f) {
         f.set_attribute("perturbation", std::string("[]"));
         f.write("perturbation/fake_user", U32{0});
         f.write("perturbation/pair_user", U32{});
         f.write("perturbation/pair_item", U32{});
       }},
      {"fake pairs not sorted",
       [](Hdf5File& f) {
         f.set_attribute("perturbation", std::string("[]"));
         f.write("perturbation/fake_user", U32{});
         f.write("perturbation/pair_user", U32{1, 0});
         f.write("perturbation/pair_item", U32{0, 0});
       }},
      {"fake pairs of different lengths",
       [](Hdf5File& f) {
         f.set_attribute("perturbation", std::string("[]"));
         f.write("perturbation/fake_user", U32{});
         f.write("perturbation/pair_user", U32{0, 1});
         f.write("perturbation/pair_item", U32{0});
       }},
      {"broken JSON", [](Hdf5File& f) { f.set_attribute("behaviors", std::string("[")); }},
  };
  for (const auto& [name, fault] : faults) {
    write_raw(path, fault);
    try {
      DatasetFile(path).read_all();
      ADD_FAILURE() << name << " was read";
    } catch (const Error& error) {
      EXPECT_TRUE(contains(error.what(), "d.h5")) << name << ": " << error.what();
    }
  }
}

TEST(DatasetFile, SameInputSameFile) {
  const TemporaryFolder folder;
  save_dataset(sample(), folder / "a.h5");
  save_dataset(sample(), folder / "b.h5");
  EXPECT_EQ(read_text(folder / "a.h5"), read_text(folder / "b.h5"));
}

}  // namespace
}  // namespace halorec
