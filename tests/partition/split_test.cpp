// Protocols against their definitions, and the promise that what is held out leaves no trace.
#include <random>

#include "comm/random.hpp"
#include "tests/partition/raw_data.hpp"

namespace halorec {
namespace {

// Random events with repeated pairs and times that often tie; with each row's text.
std::vector<std::string> random_rows(int num_rows, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::string> rows;
  for (int r = 0; r < num_rows; ++r) {
    rows.push_back(fmt::format("u{},i{},{},{}\n", random() % 60, (random() % 40) * (random() % 3),
                               1'000'000 + random() % 500, 1 + random() % 4));
  }
  return rows;
}

std::string join(const std::vector<std::string>& rows) {
  std::string text = "user,item,time,weight\n";
  for (const std::string& row : rows) text += row;
  return text;
}

Dataset import_text(const std::string& text, const ImportOptions& options) {
  const TemporaryFolder folder;
  return import_dataset({folder.write("events.csv", text)}, options);
}

ImportOptions protocol(const char* name, bool keep_repeats = false, std::uint64_t seed = 1) {
  ImportOptions options;
  options.protocol = name;
  options.keep_repeats = keep_repeats;
  options.seed = seed;
  return options;
}

TEST(Split, RandomHoldsOutTheStatedShares) {
  // User k has k distinct items: floor(k / 5) to test, of the rest m floor((m + 5) / 10).
  std::string text = "user,item\n";
  for (int u = 1; u <= 40; ++u) {
    for (int i = 0; i < u; ++i) text += fmt::format("u{},i{}\n", u, i);
  }
  const Dataset dataset = import_text(text, protocol("random"));
  std::array<std::map<std::string, std::uint64_t>, 3> held;
  for (int s = 0; s < 3; ++s) {
    for (const auto& [user, item] : pairs_of(dataset, static_cast<Split>(s))) {
      ++held[static_cast<std::size_t>(s)][user];
    }
  }
  for (std::uint64_t n = 1; n <= 40; ++n) {
    const std::string user = fmt::format("u{}", n);
    const std::uint64_t test = n / 5, rest = n - test;
    EXPECT_EQ(held[2][user], test) << n;
    EXPECT_EQ(held[1][user], (rest + 5) / 10) << n;
    EXPECT_GE(held[0][user], 1U) << n;
  }
}

TEST(Split, LeaveLastTakesTheLastTwo) {
  const Dataset dataset =
      import_text("user,item,time\na,1,30\na,2,10\na,3,20\na,4,5\nb,1,1\nb,2,2\nc,9,3\n",
                  protocol("leave-last"));
  using Pairs = std::multiset<std::pair<std::string, std::string>>;
  EXPECT_EQ(pairs_of(dataset, Split::test), (Pairs{{"a", "1"}}));
  EXPECT_EQ(pairs_of(dataset, Split::validation), (Pairs{{"a", "3"}}));
  EXPECT_EQ(dataset[Split::train].size(), 5U);
}

TEST(Split, LeaveLastBreaksTiesByHashNotByPlace) {
  std::string text = "user,item,time\n", backwards = "user,item,time\n";
  for (int u = 0; u < 200; ++u) {
    for (int i = 0; i < 5; ++i) {
      text += fmt::format("u{},i{},7\n", u, i);
      backwards += fmt::format("u{},i{},7\n", 199 - u, 4 - i);
    }
  }
  const Dataset a = import_text(text, protocol("leave-last"));
  const Dataset b = import_text(backwards, protocol("leave-last"));
  EXPECT_EQ(pairs_of(a, Split::test), pairs_of(b, Split::test));
  // All items are chosen about equally often: none of five more than twice its share of 200.
  std::map<std::string, int> chosen;
  for (const auto& [user, item] : pairs_of(a, Split::test)) ++chosen[item];
  for (const auto& [item, count] : chosen) EXPECT_LT(count, 80) << item;
  EXPECT_EQ(chosen.size(), 5U);
}

TEST(Split, TimeCutsAtQuantilesAndTiesGoLate) {
  std::string text = "user,item,time\n";
  for (int r = 0; r < 100; ++r) text += fmt::format("u{},i{},{}\n", r % 7, r, r);
  const Dataset dataset = import_text(text, protocol("time"));
  for (const Row& row : rows_of(dataset, Split::test)) EXPECT_GE(std::get<2>(row), 80);
  for (const Row& row : rows_of(dataset, Split::validation)) EXPECT_GE(std::get<2>(row), 70);
  EXPECT_EQ(dataset[Split::test].size(), 20U);
  EXPECT_EQ(dataset[Split::validation].size(), 10U);
  // The quantile (row 8 of 10) ties with rows before it: they are test as well.
  const Dataset ties = import_text(
      "user,item,time\na,1,1\na,2,2\na,3,3\na,4,9\na,5,9\na,6,9\na,7,9\na,8,9\na,9,9\na,10,9\n",
      protocol("time"));
  EXPECT_EQ(ties[Split::test].size(), 7U);
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(import_error(folder.write("x.csv", "user,item,time\na,1,5\na,2,5\nb,1,5\n"),
                                    protocol("time")),
                       "share the earliest time"));
}

TEST(Split, RowOrderDoesNotMatterAndTheSeedDoes) {
  std::vector<std::string> rows = random_rows(3000, 5);
  for (const char* name : {"random", "leave-last", "time"}) {
    const Dataset a = import_text(join(rows), protocol(name));
    std::shuffle(rows.begin(), rows.end(), std::mt19937(9));
    const Dataset b = import_text(join(rows), protocol(name));
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      EXPECT_EQ(rows_of(a, split), rows_of(b, split)) << name << " " << split_name(split);
    }
    if (std::string_view(name) == "random") {
      const Dataset c = import_text(join(rows), protocol(name, false, 2));
      EXPECT_NE(rows_of(a, Split::test), rows_of(c, Split::test));
    }
  }
}

TEST(Split, RatingsOfAPairAreAveraged) {
  const Dataset rated = import_text("user,item,rating\na,1,4\na,1,5\na,2,1\nb,1,2\n", {});
  const Dataset weighed = import_text("user,item,weight\na,1,4\na,1,5\na,2,1\nb,1,2\n", {});
  const auto weight_of = [](const Dataset& data) {
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      for (const auto& [user, item, time, weight] : rows_of(data, split)) {
        if (user == "a" && item == "1") return weight;
      }
    }
    return 0.0F;
  };
  EXPECT_EQ(weight_of(rated), 4.5F);
  EXPECT_EQ(weight_of(weighed), 9.0F);
}

TEST(Split, WeightsOfAPairThatAddUpBeyondAFloatAreRefused) {
  const TemporaryFolder folder;
  const std::string rest = "a,2,1\nb,1,1\nb,2,1\n";
  const auto many = folder.write("many.csv", "user,item,weight\na,1,3e38\na,1,3e38\n" + rest);
  const std::string message = import_error(many);
  EXPECT_TRUE(contains(message, "the weights of user 'a' and item '1' add up to more than"))
      << message;
  const Dataset rated = import_text("user,item,rating\na,1,3e38\na,1,3e38\n" + rest, {});
  EXPECT_EQ(rows_of(rated, Split::train).count({"a", "1", 0, 3e38F}), 1U);
}

TEST(Split, RepeatsAreMergedInsidePartsAndExcludedAcross) {
  const TemporaryFolder folder;
  folder.write("train.csv", "user,item,time,weight\na,1,20,2\na,1,10,3\na,2,5,1\nb,1,1,1\n");
  folder.write("validation.csv", "user,item,time,weight\na,1,30,1\na,3,31,1\na,3,32,4\n");
  folder.write("test.csv", "user,item,time,weight\na,3,40,1\na,2,41,1\nb,3,42,1\n");
  const Dataset dataset = import_dataset({folder.path()}, {});
  EXPECT_EQ(rows_of(dataset, Split::train),
            (std::multiset<Row>{{"a", "1", 10, 5.0F}, {"a", "2", 5, 1.0F}, {"b", "1", 1, 1.0F}}));
  EXPECT_EQ(rows_of(dataset, Split::validation), (std::multiset<Row>{{"a", "3", 31, 5.0F}}));
  EXPECT_EQ(rows_of(dataset, Split::test), (std::multiset<Row>{{"b", "3", 42, 1.0F}}));
  const auto report = report_of(dataset);
  EXPECT_EQ(report["merged_repeats"]["train"], 1);
  EXPECT_EQ(report["merged_repeats"]["validation"], 1);
  EXPECT_EQ(report["repeats_excluded"]["validation"], 1);
  EXPECT_EQ(report["repeats_excluded"]["test"], 2);
  EXPECT_EQ(report["cold_items"]["test"], 1);
  ImportOptions keep;
  keep.keep_repeats = true;
  const Dataset kept = import_dataset({folder.path()}, keep);
  EXPECT_EQ(kept[Split::validation].size(), 2U);
  EXPECT_EQ(kept[Split::test].size(), 3U);
  ImportOptions newest;
  newest.newest_time = true;
  const Dataset late = import_dataset({folder.path()}, newest);
  EXPECT_EQ(rows_of(late, Split::train),
            (std::multiset<Row>{{"a", "1", 20, 5.0F}, {"a", "2", 5, 1.0F}, {"b", "1", 1, 1.0F}}));
  EXPECT_EQ(rows_of(late, Split::validation), (std::multiset<Row>{{"a", "3", 32, 5.0F}}));
}

TEST(Split, CoreIsFittedOnTrainingAlone) {
  const TemporaryFolder folder;
  // Training 2-core: a, b with 1, 2. c's only item leaves, item 3 follows with it.
  folder.write("train.csv", "user,item\na,1\na,2\nb,1\nb,2\nc,3\n");
  folder.write("test.csv", "user,item\na,3\nc,1\nc,2\nd,3\nb,9\n");
  ImportOptions options;
  options.core = 2;
  EXPECT_TRUE(contains(import_error(folder.write("x.csv", "user,item\na,1\nb,2\n"), options),
                       "no training interaction is left"));
  const Dataset dataset = import_dataset({folder.path()}, options);
  EXPECT_EQ(dataset[Split::train].size(), 4U);
  EXPECT_EQ(dataset[Split::test].size(), 0U);  // every held-out row has an end outside the core
  EXPECT_EQ(dataset.users.size(), 2U);
  EXPECT_EQ(report_of(dataset)["dropped_by_core"]["train"], 1);
  EXPECT_EQ(report_of(dataset)["dropped_by_core"]["test"], 5);
  EXPECT_EQ(report_of(dataset)["users_outside_core"], 2);
}

TEST(Split, CorePeelsRepeatedlyAsANaiveOneDoes) {
  const Dataset whole = import_text(join(random_rows(1000, 3)), protocol("random"));
  ImportOptions options = protocol("random");
  options.core = 5;
  const Dataset dataset = import_text(join(random_rows(1000, 3)), options);
  auto pairs = pairs_of(whole, Split::train);
  for (bool changed = true; changed;) {
    std::map<std::string, int> users, items;
    for (const auto& [u, i] : pairs) ++users[u], ++items[i];
    changed = std::erase_if(pairs, [&](const auto& p) {
                return users[p.first] < 5 || items[p.second] < 5;
              }) > 0;
  }
  EXPECT_GT(pairs.size(), 20U);
  EXPECT_LT(pairs.size(), whole[Split::train].size());
  EXPECT_EQ(pairs_of(dataset, Split::train), pairs);
}

TEST(Split, SubsetChoosesUsersByTheirIds) {
  std::string text = "user,item\n";
  for (int u = 0; u < 2000; ++u) text += fmt::format("user{},1\nuser{},2\n", u, u);
  ImportOptions options;
  options.subset = 0.1;
  const Dataset dataset = import_text(text, options);
  EXPECT_NEAR(static_cast<double>(dataset.users.size()), 200, 60);
  EXPECT_EQ(total(dataset), dataset.users.size() * 2);
  EXPECT_EQ(report_of(dataset)["dropped_by_subset"], 4000 - 2 * dataset.users.size());
}

// The canary: the rows of the test part, in any order and with any content that keeps them test,
// change no bit of what is trained on.
TEST(Split, ShufflingTestRowsChangesNoBitOfTraining) {
  const TemporaryFolder folder;
  folder.write("train.csv", join(random_rows(2000, 1)));
  std::vector<std::string> test = random_rows(500, 2);
  for (int r = 0; r < 50; ++r) test.push_back(fmt::format("cold{},fresh{},2000000,1\n", r % 9, r));
  folder.write("test.csv", join(test));
  const Dataset a = import_dataset({folder.path()}, {});
  std::shuffle(test.begin(), test.end(), std::mt19937(4));
  folder.write("test.csv", join(test));
  const Dataset b = import_dataset({folder.path()}, {});
  folder.write("test.csv", join({test.begin(), test.begin() + 5}));
  const Dataset c = import_dataset({folder.path()}, {});
  for (const Dataset* other : {&b, &c}) {
    for (const Split split : {Split::train, Split::validation}) {
      EXPECT_EQ(a[split].user, (*other)[split].user);
      EXPECT_EQ(a[split].item, (*other)[split].item);
      EXPECT_EQ(a[split].time, (*other)[split].time);
      EXPECT_EQ(a[split].weight, (*other)[split].weight);
    }
    const auto num_trained =
        *std::max_element(a[Split::train].user.begin(), a[Split::train].user.end()) + 1U;
    for (std::uint64_t u = 0; u < num_trained; ++u) EXPECT_EQ(a.users[u], other->users[u]);
    const auto num_items =
        *std::max_element(a[Split::train].item.begin(), a[Split::train].item.end()) + 1U;
    for (std::uint64_t i = 0; i < num_items; ++i) EXPECT_EQ(a.items[i], other->items[i]);
  }
  EXPECT_EQ(rows_of(a, Split::test), rows_of(b, Split::test));
  EXPECT_GT(report_of(a)["cold_users"]["test"], 0);
}

// The same inside one file: rows that the protocol holds out change places.
TEST(Split, ShufflingHeldOutRowsOfOneFileChangesNoBitOfTraining) {
  std::string train, first, second;
  std::vector<std::string> held;
  for (int r = 0; r < 800; ++r) train += fmt::format("u{},i{},{},1\n", r % 37, r % 101, r);
  for (int r = 0; r < 200; ++r) {
    held.push_back(fmt::format("u{},i{},{},1\n", r % 41, 500 - r, 5000 + r));
  }
  const Dataset a =
      import_text("user,item,time,weight\n" + train + join(held).substr(22), protocol("time"));
  std::shuffle(held.begin(), held.end(), std::mt19937(4));
  const Dataset b =
      import_text("user,item,time,weight\n" + join(held).substr(22) + train, protocol("time"));
  EXPECT_EQ(a[Split::test].size(), 200U);
  EXPECT_EQ(a[Split::train].user, b[Split::train].user);
  EXPECT_EQ(a[Split::train].item, b[Split::train].item);
  EXPECT_EQ(a[Split::validation].item, b[Split::validation].item);
}

// Cold nodes by the definition itself: a draw of each id, then random on what is left.
TEST(Split, ColdProtocolsHoldNodesOutWhole) {
  std::string text = "user,item\n";
  for (int u = 0; u < 120; ++u) {
    for (int i = 0; i < 150; ++i) {
      if ((u * 7 + i * 13) % 5 == 0) text += fmt::format("u{},i{}\n", u, i);
    }
  }
  for (const bool items : {true, false}) {
    ImportOptions options = protocol(items ? "cold-items" : "cold-users", false, 5);
    options.cold_share = 0.3;
    const Dataset dataset = import_text(text, options);
    EXPECT_EQ(total(dataset), 3600U);
    EXPECT_EQ(dataset.protocol.cold_share, 0.3);
    std::array<std::set<std::string>, 3> nodes;      // seen in each part
    std::map<std::string, std::array<int, 3>> warm;  // rows of warm nodes, by user
    const Random random(5, Purpose::split, 1);
    const auto draw = [&](const std::string& id) { return random.uniform(hash_bytes(id)); };
    for (int s = 0; s < 3; ++s) {
      for (const auto& [user, item] : pairs_of(dataset, static_cast<Split>(s))) {
        const std::string& node = items ? item : user;
        const double at = draw(node);
        if (at < 0.3) {
          EXPECT_EQ(s, at < 0.15 ? 2 : 1) << node;
          nodes[static_cast<std::size_t>(s)].insert(node);
        } else {
          ++warm[user][static_cast<std::size_t>(s)];
        }
      }
    }
    EXPECT_TRUE(nodes[0].empty());
    EXPECT_GT(nodes[1].size(), 8U);
    EXPECT_GT(nodes[2].size(), 8U);
    for (const auto& [user, rows] : warm) {
      const int n = rows[0] + rows[1] + rows[2];
      EXPECT_EQ(rows[2], n / 5) << user;
      EXPECT_EQ(rows[1], (n - n / 5 + 5) / 10) << user;
    }
    EXPECT_EQ(report_of(dataset)[items ? "cold_items" : "cold_users"]["test"], nodes[2].size());
    // Another seed chooses others; the order of rows chooses nothing.
    options.seed = 6;
    EXPECT_NE(pairs_of(import_text(text, options), Split::test), pairs_of(dataset, Split::test));
  }
}

TEST(Split, FaultsOfColdProtocols) {
  const TemporaryFolder folder;
  const auto source = folder.write("e.csv", "user,item\n1,2\n1,3\n2,3\n");
  ImportOptions options = protocol("cold-items");
  options.cold_share = 1;
  EXPECT_TRUE(contains(import_error(source, options, kExitUsage), "--cold-share"));
  options.cold_share = 1e-9;
  EXPECT_TRUE(contains(import_error(source, options, kExitUsage), "raise the share"));
  options.core = 2;
  options.cold_share = 0.1;
  EXPECT_TRUE(contains(import_error(source, options, kExitUsage), "--core 2"));
}

}  // namespace
}  // namespace halorec
