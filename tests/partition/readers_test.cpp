// Every format from a few hand-written lines, and every kind of broken input as one message.
#include <nlohmann/json.hpp>

#include "tests/partition/raw_data.hpp"

namespace halorec {
namespace {

using Pairs = std::multiset<std::pair<std::string, std::string>>;

Pairs all_pairs(const Dataset& dataset) {
  Pairs pairs;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    pairs.merge(pairs_of(dataset, split));
  }
  return pairs;
}

ImportOptions with_columns(const char* columns) {
  ImportOptions options;
  options.columns = columns;
  return options;
}

TEST(Readers, LightGcnFolder) {
  const TemporaryFolder folder;
  folder.write("train.txt", "7 1 2 3\n8 2  3 \n9\n\nx\t5 1");
  folder.write("test.txt", "7 9\r\n8 1\r\n");
  const Dataset dataset = import_dataset({folder.path()}, {});
  EXPECT_EQ(dataset.protocol.name, "given");
  EXPECT_EQ(
      pairs_of(dataset, Split::train),
      (Pairs{{"7", "1"}, {"7", "2"}, {"7", "3"}, {"8", "2"}, {"8", "3"}, {"x", "5"}, {"x", "1"}}));
  EXPECT_EQ(pairs_of(dataset, Split::test), (Pairs{{"7", "9"}, {"8", "1"}}));
  EXPECT_EQ(dataset.users.size(), 3U);  // user 9 has nothing
  EXPECT_EQ(report_of(dataset)["cold_items"]["test"], 1);
}

TEST(Readers, CsvWithHeaderQuotesBomAndCrLf) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.csv",
                                 "\xef\xbb\xbf\"User Id\",note,\"Item_ID\",Stars,timestamp\r\n"
                                 "\"a,1\",\"two\r\nlines\",\"say \"\"x\"\"\",4.5,100\r\n"
                                 " b ,,i2, 3 ,200\r\n");
  const std::multiset<Row> rows = all_rows(import_dataset({file}, {}));
  EXPECT_EQ(rows, (std::multiset<Row>{{"a,1", "say \"x\"", 100, 4.5F}, {"b", "i2", 200, 3.0F}}));
}

TEST(Readers, DelimitersAndNumberedColumns) {
  const TemporaryFolder folder;
  const std::multiset<Row> expected{{"u", "i", 1'000'000'000, 1.0F},
                                    {"v", "j", 1'000'000'001, 1.0F}};
  for (const char* d : {",", "\t", ";", "|", " ", "::"}) {
    const std::string s(d);
    const auto file = folder.write("x.data", "1000000000" + s + "i" + s + "0" + s + "u\n" +
                                                 "1000000001" + s + "j" + s + "0" + s + "v\n");
    EXPECT_EQ(all_rows(import_dataset({file}, with_columns("user=4,item=2,time=1"))), expected)
        << d;
  }
}

TEST(Readers, ColumnsByPlaceWithoutHeader) {
  const TemporaryFolder folder;
  EXPECT_EQ(all_rows(import_dataset({folder.write("a.csv", "1,2\n3,4\n")}, {})),
            (std::multiset<Row>{{"1", "2", 0, 1.0F}, {"3", "4", 0, 1.0F}}));
  EXPECT_EQ(all_rows(import_dataset({folder.write("b.csv", "1,2,5\n3,4,0\n")}, {})),
            (std::multiset<Row>{{"1", "2", 0, 5.0F}, {"3", "4", 0, 0.0F}}));
  EXPECT_EQ(all_rows(import_dataset({folder.write("c.csv", "1,2,964982703\n")}, {})),
            (std::multiset<Row>{{"1", "2", 964'982'703, 1.0F}}));
  EXPECT_EQ(all_rows(import_dataset({folder.write("d.csv", "1,2,4,964982703\n")}, {})),
            (std::multiset<Row>{{"1", "2", 964'982'703, 4.0F}}));
  EXPECT_TRUE(
      contains(import_error(folder.write("e.csv", "1,2,3,4,5\n"), {}, kExitUsage), "--columns"));
}

TEST(Readers, OneColumnHasOneRole) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.csv", "user,item\nann,tea\n");
  EXPECT_TRUE(contains(import_error(file, with_columns("user=1,item=1"), kExitUsage),
                       "names one column, 1, as user and as item"));
}

TEST(Readers, SaysThatColumnsWereFoundByPlace) {
  const TemporaryFolder folder;
  const auto columns = [&](const char* text, const ImportOptions& options = {}) {
    const auto dataset = import_dataset({folder.write("a.csv", text)}, options);
    return nlohmann::json::parse(dataset.report_json)["columns"].get<std::string>();
  };
  EXPECT_EQ(columns("who,what\nann,tea\nbob,tea\n"),
            "user=1, item=2 (no header found: columns by position)");
  EXPECT_EQ(columns("user,item\nann,tea\n"), "user=user, item=item");
  EXPECT_EQ(columns("ann,tea\n", with_columns("user=1,item=2")), "user=1, item=2");
}

TEST(Readers, MovieLensInItsThreeShapes) {
  const TemporaryFolder folder;
  const std::multiset<Row> expected{{"1", "10", 964'982'703, 4.0F}, {"2", "11", 964'982'704, 3.5F}};
  folder.write("a/ratings.csv",
               "userId,movieId,rating,timestamp\r\n1,10,4.0,964982703\r\n2,11,3.5,964982704\r\n");
  folder.write("a/movies.csv",
               "movieId,title,genres\r\n10,\"Heat, The (1995)\",Action\r\n99,Unseen,X\r\n");
  folder.write("b/ratings.dat", "1::10::4::964982703\n2::11::3.5::964982704\n");
  folder.write("b/movies.dat", "10::Caf\xe9: a life (1999)::Drama\n11::B::C\n");
  folder.write("c/u.data", "1\t10\t4\t964982703\n2\t11\t3.5\t964982704\n");
  folder.write("c/u.item", "10|Toy Story (1995)|01-Jan-1995||http\n11|B|x||y\n");
  const std::map<std::string, std::string> title_of_10{
      {"a", "Heat, The (1995)"}, {"b", "Caf\xc3\xa9: a life (1999)"}, {"c", "Toy Story (1995)"}};
  for (const auto& [name, title] : title_of_10) {
    const Dataset dataset = import_dataset({folder / name}, {});
    EXPECT_EQ(all_rows(dataset), expected) << name;
    ASSERT_EQ(dataset.titles.size(), 2U) << name;
    EXPECT_EQ(dataset.titles[dataset.items[0] == "10" ? 0 : 1], title);
  }
  const Dataset dataset = import_dataset({folder / "a"}, {});
  EXPECT_EQ(report_of(dataset)["listed_items_without_interactions"], 1);
  EXPECT_EQ(report_of(dataset)["items_without_title"], 1);
}

TEST(Readers, AnItemListWithoutHeaderKeepsItsFirstLine) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.csv", "user,item\n1,10\n2,11\n");
  ImportOptions options;
  const auto title_of_10 = [&](const char* list) {
    options.items = folder.write("items.txt", list);
    const Dataset dataset = import_dataset({file}, options);
    return std::string(dataset.titles[dataset.items[0] == "10" ? 0 : 1]);
  };
  EXPECT_EQ(title_of_10("10,Heat\n11,Alien\n"), "Heat");
  EXPECT_EQ(title_of_10("thing,called\n10,Heat\n11,Alien\n"), "Heat");
  // Names that are known make a header of a line, whatever the ids are.
  EXPECT_EQ(title_of_10("title,item\nHeat,10\n"), "Heat");
  EXPECT_EQ(title_of_10("10,title\n10,Heat\n"), "Heat");
}

TEST(Readers, RecBole) {
  const TemporaryFolder folder;
  folder.write("toy.inter",
               "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
               "a\tx\t4.0\t964982703.0\nb\t\"y\t3\t964982704.5\n");
  folder.write("toy.item", "item_id:token\tclass:token_seq\ttitle:token_seq\nx\tA B\tThe X\n");
  const Dataset dataset = import_dataset({folder.path()}, {});
  EXPECT_EQ(all_rows(dataset),
            (std::multiset<Row>{{"a", "x", 964'982'703, 4.0F}, {"b", "\"y", 964'982'704, 3.0F}}));
  EXPECT_EQ(dataset.titles[dataset.items[0] == "x" ? 0 : 1], "The X");

  folder.write("split/s.train.inter", "user_id:token\titem_id:token\na\tx\nb\ty\n");
  folder.write("split/s.valid.inter", "user_id:token\titem_id:token\na\ty\n");
  folder.write("split/s.test.inter", "user_id:token\titem_id:token\nb\tx\n");
  const Dataset split = import_dataset({folder / "split"}, {});
  EXPECT_EQ(pairs_of(split, Split::train), (Pairs{{"a", "x"}, {"b", "y"}}));
  EXPECT_EQ(pairs_of(split, Split::validation), (Pairs{{"a", "y"}}));
  EXPECT_EQ(pairs_of(split, Split::test), (Pairs{{"b", "x"}}));
}

TEST(Readers, LastFmCountsInScientificNotation) {
  const TemporaryFolder folder;
  folder.write("data1.txt", "1868\t492\t3.2466e+05\r\n1\t2\t3\r\n");
  folder.write("test1.txt", "1\t492\t7\r\n");
  const Dataset dataset = import_dataset({folder.path()}, {});
  EXPECT_EQ(rows_of(dataset, Split::train),
            (std::multiset<Row>{{"1868", "492", 0, 324'660.0F}, {"1", "2", 0, 3.0F}}));
  EXPECT_EQ(rows_of(dataset, Split::test), (std::multiset<Row>{{"1", "492", 0, 7.0F}}));
}

TEST(Readers, ReturnsAreNoInteractions) {
  const TemporaryFolder folder;
  folder.write("events.tsv",
               "user\titem\ttimestamp\tquantity\tcountry\n1\ta\t100\t6\tUK\n1\tb\t100\t-6\tUK\n"
               "2\ta\t100\t0\tFR\n2\tb\t100\t2\tFR\n");
  folder.write("items.tsv", "item\tdescription\na\tWHITE HEART\n");
  const Dataset dataset = import_dataset({folder.path()}, {});
  EXPECT_EQ(all_pairs(dataset), (Pairs{{"1", "a"}, {"2", "b"}}));
  EXPECT_EQ(report_of(dataset)["dropped_nonpositive_weight"], 2);
  ImportOptions options;
  options.keep = {"country == UK", "quantity>=-6"};
  const Dataset kept = import_dataset({folder.path()}, options);
  EXPECT_EQ(all_pairs(kept), (Pairs{{"1", "a"}}));
  EXPECT_EQ(report_of(kept)["dropped_by_keep"], 2);
  EXPECT_EQ(report_of(kept)["dropped_nonpositive_weight"], 1);
}

TEST(Readers, TimesInEveryUnitAndIso) {
  const TemporaryFolder folder;
  const auto time_of = [&](const std::string& text) {
    const auto file = folder.write("t.csv", "user,item,time\n1,2," + text + "\n");
    return std::get<2>(*all_rows(import_dataset({file}, {})).begin());
  };
  EXPECT_EQ(time_of("1291191960"), 1'291'191'960);
  EXPECT_EQ(time_of("1291191960123"), 1'291'191'960);
  EXPECT_EQ(time_of("1291191960123456"), 1'291'191'960);
  EXPECT_EQ(time_of("1291191960.9"), 1'291'191'960);
  EXPECT_EQ(time_of("-5"), -5);
  EXPECT_EQ(time_of("2010-12-01"), 1'291'161'600);
  EXPECT_EQ(time_of("2010-12-01T08:26:00"), 1'291'191'960);
  EXPECT_EQ(time_of("2010-12-01 08:26"), 1'291'191'960);
  EXPECT_EQ(time_of("2010-12-01T10:26:00.5+02:00"), 1'291'191'960);
  EXPECT_EQ(time_of("2010-12-01T08:26:00Z"), 1'291'191'960);
  for (const char* bad : {"2010-02-30", "yesterday", "2010-12-01T25:00", "", "1e30", "12:30"}) {
    const auto file =
        folder.write("t.csv", std::string("user,item,time\n1,2,3\n1,3,") + bad + "\n");
    EXPECT_TRUE(contains(import_error(file), "t.csv:3: the time")) << bad;
  }
}

TEST(Readers, BehaviorsAreKeptApartAndOrderedByName) {
  const TemporaryFolder folder;
  const auto file = folder.write("b.csv", "user,item,behavior\n1,a,view\n1,a,buy\n1,a,view\n");
  const Dataset dataset = import_dataset({file}, {});
  EXPECT_EQ(dataset.behaviors, (std::vector<std::string>{"buy", "view"}));
  EXPECT_EQ(dataset[Split::train].behavior, (std::vector<std::uint8_t>{0, 1}));
  EXPECT_EQ(dataset[Split::train].weight, (std::vector<float>{1, 2}));
}

TEST(Readers, ItemListByOption) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.csv", "user,item\n1,a\n1,b\n");
  ImportOptions options;
  options.items = folder.write("titles.csv", "id,title\nb,\"Bee, the\"\nc,Sea\n");
  const Dataset dataset = import_dataset({file}, options);
  EXPECT_EQ(dataset.titles[dataset.items[0] == "b" ? 0 : 1], "Bee, the");
  EXPECT_EQ(report_of(dataset)["items_without_title"], 1);
  options.items = folder / "missing.csv";
  EXPECT_TRUE(contains(import_error(file, options), "missing.csv"));
}

TEST(Readers, ALineAcrossReadBlocks) {
  // Long enough that lines cross the 4 MiB blocks of the reader, in every position.
  const TemporaryFolder folder;
  std::string text = "user,item\n";
  constexpr int kRows = 700'000;
  for (int r = 0; r < kRows; ++r) text += fmt::format("user{},{}\n", r % 1000, r / 1000);
  const Dataset dataset = import_dataset({folder.write("big.csv", text)}, {});
  EXPECT_EQ(report_of(dataset)["rows_read"], kRows);
  EXPECT_EQ(dataset.users.size(), 1000U);
  EXPECT_EQ(total(dataset), static_cast<std::uint64_t>(kRows));
}

struct Broken {
  const char* name;
  std::string text;
  const char* message;
};

TEST(Readers, BrokenInputIsOneMessageWithItsPlace) {
  const std::string head = "user,item,rating\n1,2,3\n";
  const std::vector<Broken> cases = {
      {"empty", "", "x.csv: the file is empty"},
      {"mark_only", "\xef\xbb\xbf", "x.csv: the file is empty"},
      {"blank", "\n\n\n", "nothing but empty lines"},
      {"header_only", "user,item\n", "x.csv: holds a header and no rows"},
      {"no_delimiter", "hello\nworld\n", "x.csv:1: no delimiter"},
      {"number", head + "1,3,four\n", "x.csv:3: the rating 'four' is not a number"},
      {"infinite", head + "1,3,inf\n", "x.csv:3: the rating 'inf' is not a number"},
      {"huge", head + "1,3,1e300\n", "x.csv:3: the rating '1e300' is out of the range"},
      {"beyond", head + "1,3,-1e400\n", "x.csv:3: the rating '-1e400' is out of the range"},
      {"late", "user,item,time\n1,2,1e400\n", "x.csv:2: the time '1e400' is out of range"},
      {"missing_number", head + "1,3,\n", "x.csv:3: the rating '' is not a number"},
      {"fields", head + "1,3\n", "x.csv:3: 2 fields where 3 are expected"},
      {"empty_user", head + ",3,1\n", "x.csv:3: the user id is empty"},
      {"empty_item", head + "1,\"\",1\n", "x.csv:3: the item id is empty"},
      {"long_id", head + std::string(1025, 'a') + ",3,1\n", "x.csv:3: the user id of 1025 bytes"},
      {"latin1", head + "1,caf\xe9,1\n", "x.csv:3: the item id 'caf\\xe9' is not UTF-8"},
      {"overlong", head + "1,\xc0\xaf,1\n", "is not UTF-8"},
      {"surrogate", head + "1,\xed\xa0\x80,1\n", "is not UTF-8"},
      {"control", head + "1,a\x01,1\n", "x.csv:3: the item id 'a\\x01' holds a control"},
      {"nul", head + std::string("1,a\0b,1\n", 8), "x.csv:3: holds a NUL byte"},
      {"gzip", "\x1f\x8b\x08 xyz", "compressed with gzip"},
      {"cr_alone", "user,item\r1,2\r3,4\r", "its lines end in CR alone"},
      {"utf16", "\xff\xfeu", "UTF-16"},
      {"open_quote", head + "\"1,2,3\n4,5,6\n", "x.csv:3: a quoted field is never closed"},
      {"long_line", head + std::string(2 << 20, 'x') + "\n", "x.csv:3: a line longer than"},
      {"unknown_names", "who,what\nA,7\n", "x.csv:1: no column is known to hold the user"},
  };
  for (const Broken& broken : cases) {
    const TemporaryFolder folder;
    const std::string message = import_error(folder.write("x.csv", broken.text));
    EXPECT_TRUE(contains(message, broken.message)) << broken.name << ": " << message;
    EXPECT_FALSE(contains(message, "\n")) << broken.name;
  }
}

TEST(Readers, BrokenPlacesAndOptions) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(import_error(folder / "none.csv"), "no such file"));
  EXPECT_TRUE(contains(import_error(folder.path()), "no data of a known layout"));
  const auto file = folder.write("a.csv", "user,item,n\n1,2,3\n");
  EXPECT_TRUE(
      contains(import_error(file, with_columns("user=who"), kExitUsage), "no column 'who'"));
  EXPECT_TRUE(contains(import_error(file, with_columns("person=1"), kExitUsage), "--columns"));
  EXPECT_TRUE(contains(import_error(file, with_columns("user=9,item=1"), kExitUsage), "'9'"));
  ImportOptions options;
  options.keep = {"n ~ 3"};
  EXPECT_TRUE(contains(import_error(file, options, kExitUsage), "--keep"));
  options.keep = {"m > 3"};
  EXPECT_TRUE(contains(import_error(file, options, kExitUsage), "no column 'm'"));
  options.keep = {"n == 12e45678"};  // text: as a number it would be above all
  EXPECT_TRUE(contains(import_error(file, options), "no interaction is left of the 1 rows"));
  EXPECT_TRUE(contains(import_error(folder.write("b.csv", "user,item,n\n1,2,x\n"), options),
                       "no interaction is left of the 1 rows"));
  options.keep = {"n > 3"};
  EXPECT_TRUE(contains(import_error(file, options), "no interaction is left of the 1 rows"));
  options = {};
  options.protocol = "given";
  EXPECT_TRUE(contains(import_error(file, options, kExitUsage), "--protocol given"));
  options.protocol = "leave-last";
  EXPECT_TRUE(contains(import_error(file, options, kExitUsage), "no times"));
  options.protocol = "sometimes";
  EXPECT_TRUE(contains(import_error(file, options, kExitUsage), "leave-last"));
  options = {};
  options.format = "parquet";
  EXPECT_TRUE(contains(import_error(file, options, kExitUsage), "lightgcn"));
  options = {};
  options.core = 5;
  EXPECT_TRUE(contains(import_error(file, options), "no training interaction is left"));
  const auto lists = folder.write("lists.txt", "1 2 3\n2 3\n3 1 2 4\n");
  EXPECT_TRUE(contains(import_error(lists), "--format lightgcn"));
}

}  // namespace
}  // namespace halorec
