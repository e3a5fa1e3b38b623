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

}  // namespace
}  // namespace halorec
