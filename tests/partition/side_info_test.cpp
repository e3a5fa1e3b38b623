// Side information in dataset files: what is saved comes back whole and in slices, the hash sees
// all of it, and arrays that contradict each other are found although the file's seal is whole.
#include <cmath>
#include <functional>

#include "comm/hdf5_file.hpp"
#include "partition/dataset_summary.hpp"
#include "partition/side/side_info_file.hpp"
#include "tests/partition/raw_data.hpp"

namespace halorec {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

StringTable table(const std::vector<std::string>& texts) {
  StringTable strings;
  for (const std::string& text : texts) strings.push_back(text);
  return strings;
}

// 2 users, 3 items; one column of each type.
Dataset sample() {
  Dataset dataset;
  dataset.users = table({"a", "b"});
  dataset.items = table({"x", "y", "z"});
  dataset[Split::train] = {{0, 1}, {0, 1}, {}, {1, 1}, {}};
  dataset[Split::test] = {{0}, {2}, {}, {1}, {}};
  dataset.protocol = {"cold-items", 7, false, "a sentence", 0.1};
  dataset.report_json = "{}";
  SideInfo& side = dataset.side;
  side.attributes.push_back(
      {NodeKind::item, "genres", table({"drama", "ĉu"}), {0, 2, 2, 3}, {0, 1, 1}});
  side.numbers.push_back({NodeKind::user, "age", {31.5F, kMissing}});
  side.texts.push_back({NodeKind::item, "title", 8, {0, 1, 3, 3}, {2, 0, 15}, {1, 2, 1}});
  side.vectors.push_back({NodeKind::item, "v", 2, {1, 0, 1}, {1, 2, 0, 0, -3, 4}});
  side.links.push_back({NodeKind::user, "trust", false, {0, 1, 2}, {1, 0}, {0.5F, 0.5F}});
  side.links.push_back({NodeKind::item, "next", true, {0, 2, 2, 2}, {1, 2}, {1, 2}});
  side.links.push_back({NodeKind::user, "view", true, {0, 2, 3}, {0, 2, 1}, {1, 3, 1}, true});
  return dataset;
}

// With times of the links that are symmetric and of those that cross.
Dataset dated_sample() {
  Dataset dataset = sample();
  dataset.side.links[0].time = {7, 7};
  dataset.side.links[2].time = {kUnknownTime, -5, 9};
  return dataset;
}

TEST(SideInfo, RoundTrip) {
  const TemporaryFolder folder;
  const Dataset dataset = sample();
  save_dataset(dataset, folder / "d.h5");
  const DatasetFile file(folder / "d.h5");
  EXPECT_EQ(file.protocol().cold_share, 0.1);
  const Dataset back = file.read_all();
  EXPECT_EQ(content_hash(back), content_hash(dataset));
  EXPECT_EQ(file.content_hash(), content_hash(dataset));
  EXPECT_EQ(back.side.attributes[0].values[1], "ĉu");
  EXPECT_TRUE(std::isnan(back.side.numbers[0].value[1]));
  EXPECT_EQ(back.side.vectors[0].value, dataset.side.vectors[0].value);
  EXPECT_TRUE(back.side.links[1].directed);
  EXPECT_FALSE(back.side.links[1].crosses);
  EXPECT_TRUE(back.side.links[2].crosses);
  const SideInfoFile& side = file.side_info();
  ASSERT_EQ(side.columns().size(), 7U);
  EXPECT_EQ(side.find(NodeKind::item, "title"), 2U);
  EXPECT_EQ(side.find(NodeKind::user, "title"), 7U);
  EXPECT_EQ(side.columns()[0].num_values, 2U);
}

TEST(SideInfo, SlicesAreTheWholeCutApart) {
  const TemporaryFolder folder;
  const Dataset dataset = sample();
  save_dataset(dataset, folder / "d.h5");
  const DatasetFile file(folder / "d.h5");
  const SideInfoFile& side = file.side_info();
  const AttributeColumn genres = side.read_attribute(0, 1, 2);
  EXPECT_EQ(genres.begin, (std::vector<std::uint64_t>{0, 0, 1}));
  EXPECT_EQ(genres.value, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(genres.values.size(), 2U);
  EXPECT_EQ(side.read_numbers(1, 0, 1).value, (std::vector<float>{31.5F}));
  const TextColumn title = side.read_text(2, 1, 1);
  EXPECT_EQ(title.feature, (std::vector<std::uint32_t>{0, 15}));
  EXPECT_EQ(title.count, (std::vector<std::uint32_t>{2, 1}));
  const VectorColumn vectors = side.read_vectors(3, 2, 1);
  EXPECT_EQ(vectors.value, (std::vector<float>{-3, 4}));
  EXPECT_EQ(side.read_links(4, 1, 1).target, (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(side.read_links(5, 0, 1).weight, (std::vector<float>{1, 2}));
  EXPECT_EQ(side.read_links(6, 0, 1).target, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(side.read_attribute(0, 3, 0).begin, (std::vector<std::uint64_t>{0}));
  EXPECT_THROW(side.read_attribute(0, 2, 2), Error);
  EXPECT_THROW(side.read_vectors(3, 3, 1), Error);
}

// A table without times is hashed as it was before links had any.
TEST(SideInfo, TimesStandOnlyWhereThereAreSome) {
  const TemporaryFolder folder;
  EXPECT_EQ(content_hash(sample()), "e3ed8e29be607a0c9c667717d547c3e9");
  const Dataset dataset = dated_sample();
  save_dataset(dataset, folder / "d.h5");
  const DatasetFile file(folder / "d.h5");
  const Dataset back = file.read_all();
  EXPECT_EQ(content_hash(back), content_hash(dataset));
  const auto& columns = file.side_info().columns();
  for (std::size_t k = 0; k < back.side.links.size(); ++k) {
    EXPECT_EQ(back.side.links[k].time, dataset.side.links[k].time);
    EXPECT_EQ(columns[4 + k].times, k != 1);
  }
  EXPECT_EQ(file.side_info().read_links(6, 1, 1).time, (std::vector<std::int64_t>{9}));
  EXPECT_TRUE(file.side_info().read_links(6, 1, 0).time.empty());
  const auto described = side_summary_json(summarize(file).side);
  EXPECT_EQ(described, side_summary_json(summarize(dataset).side));
  EXPECT_EQ(described[4]["times"], true);
  EXPECT_FALSE(described[5].contains("times"));
}

TEST(SideInfo, ContentHashSeesEveryArray) {
  const std::string hash = content_hash(sample());
  const std::vector<std::function<void(SideInfo&)>> changes = {
      [](SideInfo& s) { s = {}; },
      [](SideInfo& s) { s.attributes[0].name = "genre"; },
      [](SideInfo& s) { s.attributes[0].kind = NodeKind::user; },
      [](SideInfo& s) { s.attributes[0].values.bytes[0] = 'D'; },
      [](SideInfo& s) {
        s.attributes[0].begin = {0, 1, 2, 3};
      },
      [](SideInfo& s) { s.attributes[0].value[2] = 0; },
      [](SideInfo& s) { s.numbers[0].value[0] = 32; },
      [](SideInfo& s) { s.texts[0].buckets = 9; },
      [](SideInfo& s) { s.texts[0].feature[0] = 3; },
      [](SideInfo& s) { s.texts[0].count[0] = 2; },
      [](SideInfo& s) { s.vectors[0].known[1] = 1; },
      [](SideInfo& s) { s.vectors[0].value[5] = 5; },
      [](SideInfo& s) {
        s.links[0].weight = {0.25F, 0.25F};
      },
      [](SideInfo& s) { s.links[1].target[0] = 2; },
      [](SideInfo& s) { s.links[1].directed = false; },
      [](SideInfo& s) { s.links[2].crosses = false; },
      [](SideInfo& s) { std::swap(s.links[0], s.links[1]); }};
  for (std::size_t c = 0; c < changes.size(); ++c) {
    Dataset changed = sample();
    changes[c](changed.side);
    EXPECT_NE(content_hash(changed), hash) << c;
  }
  Dataset dated = dated_sample();
  const std::string dated_hash = content_hash(dated);
  EXPECT_NE(dated_hash, hash);
  dated.side.links[2].time[0] = 0;
  EXPECT_NE(content_hash(dated), dated_hash);
  Dataset share = sample();
  share.protocol.cold_share = 0.2;
  EXPECT_NE(content_hash(share), hash);
}

TEST(SideInfo, SummaryIsTheSameOfMemoryAndFile) {
  const TemporaryFolder folder;
  save_dataset(sample(), folder / "d.h5");
  const DatasetSummary summary = summarize(sample());
  EXPECT_EQ(side_summary_json(summary.side),
            side_summary_json(summarize(DatasetFile(folder / "d.h5")).side));
  ASSERT_EQ(summary.side.size(), 7U);
  EXPECT_EQ(summary.side[0].num_covered, 2U);
  EXPECT_EQ(summary.side[1].coverage(), 0.5);
  EXPECT_EQ(summary.side[3].num_covered, 2U);
  EXPECT_EQ(summary.side[4].num_covered, 2U);
}

TEST(SideInfo, NewNodesHaveNothing) {
  const TemporaryFolder folder;
  Dataset dataset = sample();
  dataset.users.push_back("c");
  dataset.items.push_back("w");
  extend_side_info(dataset.side, NodeKind::user, 3);
  extend_side_info(dataset.side, NodeKind::item, 4);
  save_dataset(dataset, folder / "d.h5");
  const SideInfo back = DatasetFile(folder / "d.h5").read_all().side;
  EXPECT_EQ(back.attributes[0].begin, (std::vector<std::uint64_t>{0, 2, 2, 3, 3}));
  EXPECT_TRUE(std::isnan(back.numbers[0].value[2]));
  EXPECT_EQ(back.vectors[0].known, (std::vector<std::uint8_t>{1, 0, 1, 0}));
  EXPECT_EQ(back.links[0].begin, (std::vector<std::uint64_t>{0, 1, 2, 2}));
}

TEST(SideInfo, ArraysThatContradictEachOtherAreErrors) {
  const TemporaryFolder folder;
  const auto path = folder / "d.h5";
  using Change = std::function<void(SideInfo&)>;
  const std::vector<std::pair<const char*, Change>> faults = {
      {"a value without a name", [](SideInfo& s) { s.attributes[0].value[2] = 2; }},
      {"values do not ascend",
       [](SideInfo& s) {
         s.attributes[0].value = {1, 0, 1};
       }},
      {"a value twice",
       [](SideInfo& s) {
         s.attributes[0].value = {1, 1, 1};
       }},
      {"too few nodes",
       [](SideInfo& s) {
         s.attributes[0].begin = {0, 2, 3};
       }},
      {"begins descend",
       [](SideInfo& s) {
         s.attributes[0].begin = {0, 2, 1, 3};
       }},
      {"begins not at 0",
       [](SideInfo& s) {
         s.attributes[0].begin = {1, 2, 2, 3};
       }},
      {"begins too far",
       [](SideInfo& s) {
         s.attributes[0].begin = {0, 2, 2, 4};
       }},
      {"names cut wrong", [](SideInfo& s) { s.attributes[0].values.offsets[2] = 99; }},
      {"numbers of too few", [](SideInfo& s) { s.numbers[0].value.pop_back(); }},
      {"infinite number", [](SideInfo& s) { s.numbers[0].value[0] = INFINITY; }},
      {"feature out of range", [](SideInfo& s) { s.texts[0].feature[2] = 16; }},
      {"features do not ascend",
       [](SideInfo& s) {
         s.texts[0].feature = {2, 15, 0};
       }},
      {"count of nothing", [](SideInfo& s) { s.texts[0].count[1] = 0; }},
      {"counts too few", [](SideInfo& s) { s.texts[0].count.pop_back(); }},
      {"no buckets", [](SideInfo& s) { s.texts[0].buckets = 0; }},
      {"vector not finite", [](SideInfo& s) { s.vectors[0].value[0] = kMissing; }},
      {"vector of nobody", [](SideInfo& s) { s.vectors[0].value[2] = 1; }},
      {"known is no flag", [](SideInfo& s) { s.vectors[0].known[0] = 2; }},
      {"link to nowhere", [](SideInfo& s) { s.links[1].target[1] = 3; }},
      {"link to itself", [](SideInfo& s) { s.links[1].target[0] = 0; }},
      {"link twice",
       [](SideInfo& s) {
         s.links[1].target = {2, 2};
       }},
      {"weight not finite", [](SideInfo& s) { s.links[1].weight[0] = INFINITY; }},
      {"half of a link", [](SideInfo& s) { s.links[1].directed = false; }},
      {"halves differ", [](SideInfo& s) { s.links[0].weight[0] = 1; }},
      {"halves differ in time",
       [](SideInfo& s) {
         s.links[0].time = {7, 8};
       }},
      {"times too few",
       [](SideInfo& s) {
         s.links[2].time = {7, 8};
       }},
      {"a link to no item", [](SideInfo& s) { s.links[2].target[1] = 3; }},
      {"crossing both ways", [](SideInfo& s) { s.links[2].directed = false; }},
      {"crossing from items",
       [](SideInfo& s) {
         s.links[2].kind = NodeKind::item;
         s.links[2].begin.push_back(3);
       }},
      {"a name twice", [](SideInfo& s) { s.links[1].name = "genres"; }},
  };
  for (const auto& [name, fault] : faults) {
    Dataset dataset = sample();
    fault(dataset.side);
    save_dataset(dataset, path);
    try {
      DatasetFile(path).read_all();
      ADD_FAILURE() << name << " was read";
    } catch (const Error& error) {
      EXPECT_TRUE(contains(error.what(), "d.h5")) << name << ": " << error.what();
      EXPECT_TRUE(contains(error.what(), "contradicts itself")) << name << ": " << error.what();
    }
  }
}

// Writes the sample with another `side_info` list over its arrays.
void write_list(const std::filesystem::path& path, const std::string& list) {
  Hdf5File file = Hdf5File::create(path);
  file.set_attribute("format", std::string("halorec-dataset"));
  file.set_attribute("format_version", std::int64_t{2});
  for (const char* name : {"tool_version", "content_hash", "source"}) {
    file.set_attribute(name, std::string("0"));
  }
  file.set_attribute("report", std::string("{}"));
  file.set_attribute("behaviors", std::string("[]"));
  file.set_attribute("side_info", list);
  file.set_attribute("protocol",
                     std::string(R"({"name":"random","seed":0,"keep_repeats":false,"text":""})"));
  for (const std::string kind : {"users/id", "items/id"}) {
    file.write(kind + "_bytes", std::vector<std::uint8_t>{'a'});
    file.write(kind + "_offsets", std::vector<std::uint64_t>{0, 1});
  }
  file.write("items/id_hash", std::vector<std::uint64_t>{1});
  for (const std::string split : {"train/", "validation/", "test/"}) {
    file.write(split + "user", std::vector<std::uint32_t>{0});
    file.write(split + "item", std::vector<std::uint32_t>{0});
    file.write(split + "weight", std::vector<float>{1});
  }
  file.write("side/0/value", std::vector<float>{3});
  file.commit();
}

TEST(SideInfo, ListsThatAreNotUnderstoodAreErrors) {
  const TemporaryFolder folder;
  const auto path = folder / "d.h5";
  write_list(path, R"([{"type":"number","kind":"item","name":"n"}])");
  EXPECT_EQ(DatasetFile(path).read_all().side.numbers[0].value, std::vector<float>{3});
  for (
      const char* list :
      {"[", "[1]", R"([{"type":"number","kind":"item"}])",
       R"([{"type":"colour","kind":"item","name":"n"}])",
       R"([{"type":"number","kind":"shop","name":"n"}])",
       R"([{"type":"text","kind":"item","name":"n"}])",
       R"([{"type":"attribute","kind":"item","name":"n"}])",
       R"([{"type":"vector","kind":"item","name":"n","dim":1}])",
       R"([{"type":"number","kind":"item","name":"n"},{"type":"number","kind":"user","name":"n"}])"}) {
    write_list(path, list);
    EXPECT_THROW(DatasetFile(path).read_all(), Error) << list;
  }
}

}  // namespace
}  // namespace halorec
