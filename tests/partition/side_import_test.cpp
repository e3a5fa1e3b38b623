// Side information as import reads it: lists of nodes, links, tags, vectors, derived links.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "partition/side/co_occurrence.hpp"
#include "tests/partition/side_import.hpp"

namespace halorec {
namespace {

std::uint32_t index_of(const StringTable& table, std::string_view id) {
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    if (table[i] == id) return i;
  }
  ADD_FAILURE() << id << " is not there";
  return 0;
}

Names values_of(const AttributeColumn& column, std::uint32_t node) {
  Names names;
  for (std::uint64_t e = column.begin[node]; e < column.begin[node + 1]; ++e) {
    names.emplace_back(column.values[column.value[e]]);
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST_F(SideImport, TypedColumnsOfAList) {
  options.items = folder.write("items.csv",
                               "itemId,title,genres,year,color,imdbId\n"
                               "i1,\"Red, white\",A|B,1999,red,9\n"
                               "i2,Blue sky,B,,red,8\n"
                               "i3,Blue moon,(no genres listed),2001.5,,7\n"
                               "i9,Gone,A,3,red,6\n"
                               "i4,,B | A,NaN,\xFCs,5\n"
                               "i1,Again,C,1,blue,4\n");
  options.side.item_features = "title:text,genres:multi(|),year:number,color:category";
  const Dataset dataset = run();
  ASSERT_EQ(dataset.side.attributes.size(), 2U);
  const std::uint32_t i1 = index_of(dataset.items, "i1"), i3 = index_of(dataset.items, "i3"),
                      i4 = index_of(dataset.items, "i4");
  EXPECT_EQ(values_of(dataset.side.attributes[0], i1), (Names{"A", "B"}));
  EXPECT_EQ(values_of(dataset.side.attributes[0], i3), Names{});
  EXPECT_EQ(values_of(dataset.side.attributes[0], i4), (Names{"A", "B"}));
  EXPECT_EQ(values_of(dataset.side.attributes[1], i4), Names{"üs"});
  EXPECT_EQ(dataset.side.numbers[0].value[i1], 1999);
  EXPECT_EQ(dataset.side.numbers[0].value[i3], 2001.5F);
  EXPECT_TRUE(std::isnan(dataset.side.numbers[0].value[i4]));
  EXPECT_EQ(dataset.titles[i1], "Red, white");
  const auto counts = report_of(dataset)["item_list"];
  EXPECT_EQ(counts["rows"], 6);
  EXPECT_EQ(counts["repeated_rows"], 1);
  EXPECT_EQ(counts["rows_of_unknown_ids"], 1);
  EXPECT_EQ(counts["items_without_row"], 1);
  EXPECT_EQ(counts["without_genres"], 2);
  EXPECT_EQ(counts["without_year"], 3);
  EXPECT_EQ(counts["without_title"], 2);
}

TEST_F(SideImport, TypesByValues) {
  std::string list = "id\ttitle\tgenres\tprice\tbrand\tnote\tserial\tshop_id\tlink\tnothing\n";
  for (int i = 1; i <= 5; ++i) {
    list += fmt::format("i{}\tName {}\t{}\t{}\t{}\tsome words {}\tS{}\t{}\thttps://a/{}\t\n", i, i,
                        i % 2 == 0 ? "A;B" : "B;A;C", i * 2, i < 4 ? "x" : "y", i, i, i, i);
  }
  options.items = folder.write("items.tsv", list);
  const Dataset dataset = run();
  EXPECT_EQ(report_of(dataset)["item_features"],
            "title:text, genres:multi(;), price:number, brand:category, note:text, "
            "serial:skip (hardly a value stands twice), shop_id:skip (ids), link:skip (addresses), "
            "nothing:skip (empty)");
  EXPECT_EQ(dataset.side.texts.size(), 2U);
  EXPECT_EQ(dataset.side.attributes.size(), 2U);
}

TEST_F(SideImport, ListsWithoutAHeader) {
  options.side.users =
      folder.write("u.user", "u1|24|M|writer|1\nu2|53|F|other|2\nu3|23|M|writer|3\nu4|24|M|x|4\n");
  options.side.user_features = "age:number,occupation:category";
  options.items = folder.write("list.txt", "i1;5;First one\ni2;6;Second\n");
  options.side.item_columns = "id,price,title";
  const Dataset dataset = run();
  ASSERT_EQ(dataset.side.numbers.size(), 2U);
  EXPECT_EQ(dataset.side.numbers[0].name, "price");
  EXPECT_EQ(dataset.side.numbers[1].value[index_of(dataset.users, "u2")], 53);
  EXPECT_EQ(dataset.titles[index_of(dataset.items, "i2")], "Second");
  EXPECT_EQ(dataset.side.attributes[0].values.size(), 3U);
}

TEST_F(SideImport, NamedIdAndRecBoleTypes) {
  options.items = folder.write("l.item",
                               "label:token\tcode:token\tclass:token_seq\tp:float\n"
                               "x\ti1\ta b\t1\nx\ti2\tb\t2\n");
  options.side.item_columns = "id=code";
  const Dataset dataset = run();
  EXPECT_EQ(report_of(dataset)["item_features"], "label:category, class:multi( ), p:number");
  EXPECT_EQ(values_of(dataset.side.attributes[1], index_of(dataset.items, "i1")),
            (Names{"a", "b"}));
}

TEST_F(SideImport, TitlesAloneUnlessAskedFor) {
  folder.write("items.csv", "item,title,genre\ni1,One,a\ni2,Two,a\n");
  folder.write("events.csv", events());
  EXPECT_TRUE(import_dataset({folder.path()}, options).side.empty());
  options.side.item_features = "genre";
  const Dataset dataset = import_dataset({folder.path()}, options);
  EXPECT_EQ(dataset.side.attributes.size(), 1U);
  EXPECT_EQ(dataset.titles[index_of(dataset.items, "i2")], "Two");
  options.items = folder / "items.csv";
  options.side.item_features = "none";
  EXPECT_TRUE(import_dataset({folder.path()}, options).side.empty());
}

// Values that only held-out items have come last: what is trained on keeps its numbers.
TEST_F(SideImport, ValuesOfTrainedNodesComeFirst) {
  std::string list = "item,kind\n";
  for (int i = 5; i >= 1; --i) list += fmt::format("i{},k{}\n", i, 9 - i);
  options.items = folder.write("items.csv", list);
  options.side.item_features = "kind:category";
  const Dataset dataset = run();
  const AttributeColumn& kinds = dataset.side.attributes[0];
  for (std::uint32_t i = 0; i < dataset.items.size(); ++i) {
    EXPECT_EQ(kinds.value[i], i);  // one each, numbered as the items are
  }
}

// Values are numbered by the nodes, links and tags sorted: whichever row came first leaves no
// trace.
TEST_F(SideImport, OrderOfRowsDoesNotMatter) {
  Names items, links, tags;
  for (int i = 1; i <= 5; ++i) {
    items.push_back(fmt::format("i{},Thing {},k{}|k{},{}\n", i, i % 2, i % 3, i % 2, i * 0.5));
    for (int u = 1; u <= 4; ++u) tags.push_back(fmt::format("u{},i{},t{},9\n", u, i, (u + i) % 3));
  }
  for (int u = 1; u <= 3; ++u) links.push_back(fmt::format("u{},u{},{}\n", u, u + 1, u));
  links.push_back("u2,u1,5\n");
  std::set<std::string> hashes;
  for (int turn = 0; turn < 6; ++turn) {
    const auto join = [&](std::string head, Names& rows) {
      std::rotate(rows.begin(), rows.begin() + 1, rows.end());
      if (turn % 2 == 1) std::reverse(rows.begin(), rows.end());
      for (const std::string& row : rows) head += row;
      return head;
    };
    options.items = folder.write("items.csv", join("id,title,kind,price\n", items));
    options.side.item_features = "title:text,kind:multi,price:number";
    options.side.links = {folder.write("friends.csv", join("user,friend,weight\n", links))};
    options.side.tags = folder.write("tags.csv", join("user,item,tag,time\n", tags));
    hashes.insert(content_hash(run()));
  }
  EXPECT_EQ(hashes.size(), 1U);
}

TEST_F(SideImport, Links) {
  options.side.links = {folder.write("trust.txt", "u1\tu2\nu2\tu1\nu1\tu3\nu9\tu1\nu4\tu4\n")};
  Dataset dataset = run();
  ASSERT_EQ(dataset.side.links.size(), 1U);
  const LinkTable& trust = dataset.side.links[0];
  EXPECT_EQ(trust.name, "trust");
  EXPECT_EQ(trust.target.size(), 4U);
  const auto counts = report_of(dataset)["user_links_trust"];
  EXPECT_EQ(counts["rows"], 5);
  EXPECT_EQ(counts["rows_of_unknown_ids"], 1);
  EXPECT_EQ(counts["links_to_itself"], 1);
  EXPECT_EQ(counts["repeated_links"], 1);
  const TemporaryFolder out;
  save_dataset(dataset, out / "d.h5");  // reading it back checks the symmetry
  EXPECT_EQ(content_hash(DatasetFile(out / "d.h5").read_all()), content_hash(dataset));

  options.side.directed_links = true;
  options.side.item_links = {folder.write("next.csv", "source,target,weight\ni1,i2,3\ni1,i2,5\n")};
  dataset = run();
  EXPECT_EQ(dataset.side.links[0].target.size(), 3U);
  EXPECT_EQ(dataset.side.links[1].kind, NodeKind::item);
  EXPECT_EQ(dataset.side.links[1].weight, std::vector<float>{5});
}

TEST_F(SideImport, LateLinksAreNotUsed) {
  options.protocol = "time";  // u4's rows, of times 401 to 405, and later ones are tested
  options.side.links = {folder.write("trust.csv", "from,to,time\nu1,u2,1\nu2,u3,404\nu1,u3,999\n")};
  const Dataset dataset = run();
  EXPECT_EQ(dataset.side.links[0].target.size(), 2U);
  EXPECT_EQ(report_of(dataset)["user_links_trust"]["dated_after_the_cut"], 2);
}

// Of repeated links the largest weight and the newest time stay, at both ends; an unknown time is
// older than all.
TEST_F(SideImport, LinksKeepTheirTimes) {
  options.side.links = {
      folder.write("trust.csv",
                   "from,to,weight,time\nu1,u2,3,50\nu2,u1,1,2001-09-09T01:46:40\nu1,u3,1,NULL\n"
                   "u3,u1,1,-7\nu3,u4,1,\n"),
      folder.write("plain.csv", "from,to,weight\nu1,u2,3\n"),
      folder.write("empty.csv", "from,to,time\nu1,u2,\n")};
  for (const bool directed : {false, true}) {
    options.side.directed_links = directed;
    const Dataset dataset = run();
    const LinkTable& trust = dataset.side.links[0];
    std::map<std::pair<std::string, std::string>, std::pair<float, std::int64_t>> links;
    ASSERT_EQ(trust.time.size(), trust.target.size());
    for (std::uint32_t u = 0; u < dataset.users.size(); ++u) {
      for (std::uint64_t e = trust.begin[u]; e < trust.begin[u + 1]; ++e) {
        const std::string from(dataset.users[u]), to(dataset.users[trust.target[e]]);
        links[{from, to}] = {trust.weight[e], trust.time[e]};
      }
    }
    ASSERT_EQ(links.size(), directed ? 5U : 6U);
    EXPECT_EQ((links[{"u1", "u2"}]), std::pair(3.0F, std::int64_t{directed ? 50 : 1'000'000'000}));
    EXPECT_EQ((links[{"u2", "u1"}]),
              std::pair(directed ? 1.0F : 3.0F, std::int64_t{1'000'000'000}));
    EXPECT_EQ((links[{"u1", "u3"}]), std::pair(1.0F, directed ? kUnknownTime : -7));
    EXPECT_EQ((links[{"u3", "u4"}]), std::pair(1.0F, kUnknownTime));
    EXPECT_TRUE(dataset.side.links[1].time.empty());
    EXPECT_TRUE(dataset.side.links[2].time.empty());
  }
}

TEST_F(SideImport, TagsObeyTheSplit) {
  std::string list = "userId,movieId,tag,timestamp\n";
  for (int u = 1; u <= 4; ++u) {
    for (int i = 1; i <= 5; ++i) list += fmt::format("u{},i{},U{}I{} ,{}\n", u, i, u, i, 100 * u);
  }
  options.side.tags = folder.write("tags.csv", list + "u9,i1,x,1\nu1,i1, ,1\nu1,i1,u1i1,1\n");
  for (const char* protocol : {"random", "leave-last", "cold-items", "cold-users", "time"}) {
    options.protocol = protocol;
    options.cold_share = 0.6;
    const Dataset dataset = run_with_some_seed();
    const AttributeColumn& tags = dataset.side.attributes[0];
    std::multiset<std::pair<std::string, std::string>> used;
    for (std::uint32_t i = 0; i < dataset.items.size(); ++i) {
      for (const std::string& tag : values_of(tags, i)) {
        EXPECT_EQ(tag.substr(2), dataset.items[i]);
        used.emplace(tag.substr(0, 2), dataset.items[i]);
      }
    }
    // Each pair has its tag, and the tag is there when the pair is trained on.
    EXPECT_EQ(used, pairs_of(dataset, Split::train)) << protocol;
    const auto counts = report_of(dataset)["tag_list"];
    EXPECT_EQ(counts["rows_of_unknown_ids"], 1);
    EXPECT_EQ(counts["empty"], 1);
    EXPECT_EQ(counts["held_out"].get<int>() + counts["dated_after_the_cut"].get<int>() +
                  static_cast<int>(used.size()) + counts["repeated_tags"].get<int>(),
              21)
        << protocol;
  }
  options.side.tags = folder.write("tags.csv", "user,item,tag\nu1,i1,x\n");
  EXPECT_TRUE(contains(error(kExitUsage), "has no times, and under --protocol time"));
  const TemporaryFolder windows;
  windows.write("train.csv", events());
  windows.write("test.csv", "user,item,time\nu1,i6,900\n");
  options.protocol = "given";
  EXPECT_TRUE(contains(import_error(windows.path(), options, kExitUsage),
                       "has no times, and under --protocol given"));
  options.protocol = "random";
  options.side.tags = folder.write("tags.csv", "user,item,tag\nx,i1,x\n");
  EXPECT_TRUE(contains(error(), "none of its 1 rows"));
}

template <typename T>
std::string npy(const std::string& type, const std::string& shape, const std::vector<T>& values,
                const char* fortran = "False") {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return bytes;
}

TEST_F(SideImport, Vectors) {
  options.side.item_vector_ids = folder.write("ids.txt", "i1\ni2\nzz\ni1\n");
  const std::vector<float> values{1, 2, 3, 4, NAN, 6, 7, 8};
  options.side.item_vectors = folder.write("emb.npy", npy("<f4", "(4, 2)", values)).string();
  const Dataset dataset = run();
  const VectorColumn& column = dataset.side.vectors[0];
  EXPECT_EQ(column.name, "emb");
  EXPECT_EQ(column.dim, 2U);
  const std::uint32_t i2 = index_of(dataset.items, "i2"), i3 = index_of(dataset.items, "i3");
  EXPECT_EQ(column.value[2 * i2 + 1], 4);
  EXPECT_EQ(column.known[i3], 0);
  const auto counts = report_of(dataset)["item_vectors"];
  EXPECT_EQ(counts["rows_of_unknown_ids"], 1);
  EXPECT_EQ(counts["repeated_rows"], 1);
  EXPECT_EQ(counts["nodes_without_vector"], 3);
  // Halves and doubles come to the same.
  options.side.item_vector_ids = folder.write("ids.txt", "i1\n");
  const std::vector<std::uint16_t> half{0x3C00, 0xC100, 0x0001};  // 1, -2.5, 2^-24
  options.side.item_vectors = folder.write("h.npy", npy("<f2", "(1, 3)", half)).string();
  const Dataset halves = run();
  const std::vector<double> full{1, -2.5, std::ldexp(1, -24)};
  options.side.item_vectors = folder.write("d.npy", npy("<f8", "(1, 3)", full)).string();
  EXPECT_EQ(run().side.vectors[0].value, halves.side.vectors[0].value);
}

TEST_F(SideImport, FaultsOfVectors) {
  const std::vector<float> four{1, 2, 3, 4};
  const auto vectors = [&](const std::string& bytes) {
    options.side.item_vectors = folder.write("v.npy", bytes).string();
  };
  vectors(npy("<f4", "(2, 2)", four));
  EXPECT_TRUE(contains(error(kExitUsage), "--item-vector-ids"));
  options.side.item_vector_ids = folder.write("ids.txt", "i1\ni2\n");
  const std::vector<std::pair<std::string, const char*>> faults = {
      {npy("<f4", "(4,)", four), "shape 4"},
      {npy("<f4", "(1, 2, 2)", four), "shape 1 x 2 x 2"},
      {npy("<f4", "(4, 1)", four), "names 2 ids"},
      {npy("<f4", "(2, 3)", four), "truncated"},
      {npy("<f4", "(2, 1)", four), "damaged"},
      {npy("<f4", "(2, 99999999999)", four), "truncated"},
      {npy("<f4", "(2.5, 2)", four), "shape is damaged"},
      {npy("<i4", "(2, 2)", four), "float32"},
      {npy("<f4", "(2, 2)", four, "True"), "by columns"},
      {npy("<f4", "(2, 2)", std::vector<float>{1, 2, INFINITY, 4}), "not finite"},
      {npy("<f8", "(2, 1)", std::vector<double>{1e300, 2}), "out of the range of a float"},
      {npy("<f4", "(2, 2)", four).substr(0, 40), "header is truncated"},
      {"not numpy", ".npy format"}};
  for (const auto& [bytes, message] : faults) {
    vectors(bytes);
    EXPECT_TRUE(contains(error(), message)) << message << ": " << error();
  }
  vectors(npy("<f4", "(2, 2)", four));
  options.side.item_vector_ids = folder.write("ids.txt", "1\n2\n");
  EXPECT_TRUE(contains(error(), "none of its 2 ids"));
  options.side.item_vector_ids = folder.write("ids.txt", "i1\n \n");
  EXPECT_TRUE(contains(error(), "ids.txt:2: an empty line"));
  options.side.item_vectors = (folder / "none.h5:x").string();
  EXPECT_TRUE(contains(error(), "none.h5"));
}

// Of each user's five items the last two are held out, dated 100 u + 4 and 100 u + 5.
TEST_F(SideImport, WhatIsBehindAUsersHeldOutRowsIsLeftOutUnderLeaveLast) {
  options.protocol = "leave-last";
  options.side.tags = folder.write("tags.csv",
                                   "user,item,tag,timestamp\nu1,i1,early,103\nu1,i1,late,104\n"
                                   "u2,i2,early,203\nu2,i1,later,900\n");
  options.side.links = {folder.write("trust.csv",
                                     "from,to,time\nu1,u2,50\nu2,u3,203\n"
                                     "u3,u4,304\nu1,u4,105\n")};
  options.side.item_links = {folder.write("alike.csv", "from,to,time\ni1,i2,104\ni2,i3,900\n")};
  const Dataset dataset = run();
  EXPECT_EQ(report_of(dataset)["tag_list"]["dated_after_the_cut"], 2);
  const AttributeColumn& tags = dataset.side.attributes[0];
  ASSERT_EQ(tags.values.size(), 1U);
  EXPECT_EQ(tags.values[0], "early");
  // A link is of both of its users; one between items of none.
  EXPECT_EQ(report_of(dataset)["user_links_trust"]["dated_after_the_cut"], 2);
  EXPECT_EQ(report_of(dataset)["item_links_alike"]["dated_after_the_cut"], 0);
}

// Who takes two things together four times, and one of them again later, has four baskets with
// both.
TEST_F(SideImport, BasketsAreOfAllRowsAsTheyWereRead) {
  std::string text = "user,item,time\n";
  for (int u = 1; u <= 4; ++u) {
    for (const char* row : {"a,100", "b,100", "a,200", "b,200", "c,300", "a,900"}) {
      text += fmt::format("u{},{}\n", u, row);
    }
  }
  options.protocol = "given";
  options.side.co_occurrence = CoOccurrenceOptions{20, 0};
  folder.write("train.csv", text);
  folder.write("validation.csv", "user,item,time\nu1,d,950\n");
  folder.write("test.csv", "user,item,time\nu2,d,960\n");
  for (const bool newest : {false, true}) {
    options.newest_time = newest;
    const Dataset dataset = import_dataset({folder.path()}, options);
    EXPECT_EQ(report_of(dataset)["co_occurrence"]["baskets"], 16);
    const LinkTable& links = dataset.side.links[0];
    ASSERT_EQ(links.target.size(), 2U) << newest;  // a and b, both ways
    EXPECT_FLOAT_EQ(links.weight[0], static_cast<float>(std::log(8.0 * 16 / (12 * 8))));
  }
}

TEST_F(SideImport, DerivedLinksAreOfTheTrainingPart) {
  options.side.co_occurrence = CoOccurrenceOptions{20, 1'000'000};
  const Dataset before = run();
  ASSERT_EQ(before.side.links.size(), 1U);
  nlohmann::ordered_json counts;
  EXPECT_EQ(derive_co_occurrence(before[Split::train], before.items.size(), {20, 1'000'000}, counts)
                .weight,
            before.side.links[0].weight);
}

}  // namespace
}  // namespace halorec
