// The public data sets, as they are published, give the counts that are known of them. Runs where
// they are installed (HALOREC_SHARED, or ../shared/data beside the repository).
#include "tests/partition/raw_data.hpp"

namespace halorec {
namespace {

class SharedData : public testing::Test {
 protected:
  void SetUp() override {
    if (shared_data().empty()) GTEST_SKIP() << "the public data sets are not installed here";
  }
};

TEST_F(SharedData, Gowalla) {
  const Dataset dataset = import_dataset({shared_data() / "gowalla"}, {});
  EXPECT_EQ(dataset.protocol.name, "given");
  EXPECT_EQ(dataset.users.size(), 29'858U);
  EXPECT_EQ(dataset.items.size(), 40'981U);
  EXPECT_EQ(dataset[Split::train].size() + dataset[Split::validation].size(), 810'128U);
  EXPECT_EQ(dataset[Split::test].size(), 217'242U);
  const double share = static_cast<double>(dataset[Split::validation].size()) / 810'128;
  EXPECT_NEAR(share, 0.1, 0.005);
  EXPECT_EQ(report_of(dataset)["merged_repeats"]["train"], 0);
}

TEST_F(SharedData, LastFm) {
  const Dataset dataset = import_dataset({shared_data() / "lastfm"}, {});
  EXPECT_EQ(dataset.users.size(), 1'880U);
  EXPECT_EQ(dataset.items.size(), 4'489U);
  EXPECT_EQ(dataset[Split::train].size() + dataset[Split::validation].size(), 42'135U);
  EXPECT_EQ(dataset[Split::test].size(), 10'533U);
  const std::multiset<Row> rows = all_rows(dataset);
  EXPECT_EQ(rows.count({"1868", "492", 0, 324'660.0F}), 1U);  // written 3.2466e+05
}

TEST_F(SharedData, MovieLens) {
  const Dataset dataset = import_dataset({shared_data() / "ml-latest-small"}, {});
  EXPECT_EQ(dataset.users.size(), 610U);
  EXPECT_EQ(dataset.items.size(), 9'724U);
  EXPECT_EQ(total(dataset), 100'836U);
  EXPECT_EQ(report_of(dataset)["listed_items"], 9'742);
  EXPECT_EQ(report_of(dataset)["listed_items_without_interactions"], 18);
  EXPECT_EQ(report_of(dataset)["items_without_title"], 0);
  const std::multiset<Row> rows = all_rows(dataset);
  EXPECT_EQ(rows.count({"1", "3", 964'981'247, 4.0F}), 1U);
  for (std::uint64_t i = 0; i < dataset.items.size(); ++i) {
    if (dataset.items[i] == "1") {
      EXPECT_EQ(dataset.titles[i], "Toy Story (1995)");
    }
    if (dataset.items[i] == "11") {
      EXPECT_EQ(dataset.titles[i], "American President, The (1995)");
    }
  }
}

TEST_F(SharedData, OnlineRetail) {
  ImportOptions options;
  options.keep_repeats = true;
  const Dataset dataset = import_dataset({shared_data() / "online-retail"}, options);
  EXPECT_EQ(report_of(dataset)["rows_read"], 406'829);
  EXPECT_EQ(report_of(dataset)["dropped_nonpositive_weight"], 406'829 - 397'924);
  EXPECT_EQ(dataset.users.size(), 4'339U);
  EXPECT_EQ(dataset.items.size(), 3'858U);
  std::set<std::pair<std::string, std::string>> pairs;
  std::uint64_t rows = 0;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    for (const auto& pair : pairs_of(dataset, split)) pairs.insert(pair);
    rows +=
        dataset[split].size() +
        report_of(dataset)["merged_repeats"][std::string(split_name(split))].get<std::uint64_t>();
  }
  EXPECT_EQ(pairs.size(), 268'047U);
  EXPECT_EQ(rows, 397'924U);
  // The same rows by the caller's own filter.
  options.keep = {"quantity>0"};
  const Dataset kept = import_dataset({shared_data() / "online-retail"}, options);
  EXPECT_EQ(report_of(kept)["dropped_by_keep"], 406'829 - 397'924);
  EXPECT_EQ(content_hash(kept), content_hash(dataset));
}

TEST_F(SharedData, EveryProtocolOnTimedData) {
  for (const char* protocol : {"random", "leave-last", "time"}) {
    ImportOptions options;
    options.protocol = protocol;
    const Dataset dataset = import_dataset({shared_data() / "ml-latest-small"}, options);
    EXPECT_EQ(total(dataset), 100'836U) << protocol;
    EXPECT_GT(dataset[Split::validation].size(), 600U) << protocol;
    if (std::string_view(protocol) == "leave-last") {
      EXPECT_EQ(dataset[Split::test].size(), 610U);
      EXPECT_EQ(dataset[Split::validation].size(), 610U);
    }
  }
}

TEST_F(SharedData, GenresTextAndTagsOfMovieLens) {
  ImportOptions options;
  options.protocol = "time";
  options.items = shared_data() / "ml-latest-small" / "movies.csv";
  options.side.tags = shared_data() / "ml-latest-small" / "tags.csv";
  const Dataset dataset = import_dataset({shared_data() / "ml-latest-small"}, options);
  const nlohmann::json report = report_of(dataset);
  EXPECT_EQ(report["item_features"], "title:text, genres:multi(|)");
  EXPECT_EQ(report["item_list"]["rows"], 9'742);
  EXPECT_EQ(report["item_list"]["rows_of_unknown_ids"], 18);
  EXPECT_EQ(report["item_list"]["items_without_row"], 0);
  const SideInfo& side = dataset.side;
  ASSERT_EQ(side.attributes.size(), 2U);
  EXPECT_EQ(side.attributes[0].values.size(), 19U);  // README.txt lists 18, and IMAX
  EXPECT_EQ(side.texts[0].begin.size(), 9'725U);
  EXPECT_GT(side.texts[0].begin[1], 10U);
  // Every tag row goes one way.
  const auto& tags = report["tag_list"];
  EXPECT_EQ(tags["rows"], 3'683);
  EXPECT_GT(tags["dated_after_the_cut"], 100);
  std::uint64_t left = side.attributes[1].value.size();
  for (const char* way :
       {"rows_of_unknown_ids", "empty", "dated_after_the_cut", "held_out", "repeated_tags"}) {
    left += tags[way].get<std::uint64_t>();
  }
  EXPECT_EQ(left, 3'683U);
  const TemporaryFolder folder;
  save_dataset(dataset, folder / "d.h5");
  EXPECT_EQ(content_hash(DatasetFile(folder / "d.h5").read_all()), content_hash(dataset));
}

TEST_F(SharedData, TrustOfLastFm) {
  ImportOptions options;
  options.side.links = {shared_data() / "lastfm" / "trustnetwork.txt"};
  const Dataset dataset = import_dataset({shared_data() / "lastfm"}, options);
  const nlohmann::json counts = report_of(dataset)["user_links_trustnetwork"];
  EXPECT_EQ(counts["rows"], 25'434);
  const LinkTable& trust = dataset.side.links[0];
  // The file lists each link both ways; 12 of its users have no items.
  EXPECT_EQ(trust.target.size() + counts["rows_of_unknown_ids"].get<std::uint64_t>(), 25'434U);
  EXPECT_EQ(counts["repeated_links"], trust.target.size() / 2);
  EXPECT_FALSE(trust.directed);
}

TEST_F(SharedData, ItemTextAndBasketsOfOnlineRetail) {
  ImportOptions options;
  options.items = shared_data() / "online-retail" / "items.tsv";
  options.protocol = "cold-items";
  options.side.co_occurrence = CoOccurrenceOptions{};
  const Dataset dataset = import_dataset({shared_data() / "online-retail"}, options);
  const nlohmann::json report = report_of(dataset);
  EXPECT_EQ(report["item_features"], "description:text");
  EXPECT_EQ(report["item_list"]["rows_of_unknown_ids"], 19);
  const double cold = report["cold_items"]["test"].get<double>();
  EXPECT_NEAR(cold / 3'858, 0.05, 0.015);
  // Baskets are of training pairs: a cold item is in none.
  const LinkTable& links = dataset.side.links[0];
  EXPECT_GT(links.target.size(), 20'000U);
  std::vector<std::uint8_t> trained(dataset.items.size(), 0);
  for (const std::uint32_t item : dataset[Split::train].item) trained[item] = 1;
  for (std::uint32_t i = 0; i < trained.size(); ++i) {
    if (trained[i] == 0) {
      EXPECT_EQ(links.begin[i], links.begin[i + 1]);
    }
  }
}

}  // namespace
}  // namespace halorec
