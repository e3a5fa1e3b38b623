// What import says of lists that are not as they should be, and what it makes of their gaps.
#include <algorithm>
#include <set>

#include "tests/partition/side_import.hpp"

namespace halorec {
namespace {

TEST_F(SideImport, FaultsOfLists) {
  const auto items = [&](const char* text) { options.items = folder.write("items.csv", text); };
  items("item,n\ni1,4\ni2,four\n");
  options.side.item_features = "n:number";
  EXPECT_TRUE(contains(error(), "items.csv:3: n 'four' is not a number"));
  for (const char* number : {"1e39", "1e400", "-1e400"}) {
    items(fmt::format("item,n\ni1,{}\ni2,1e-400\n", number).c_str());
    const std::string words = fmt::format("items.csv:2: n '{}' is out of the range", number);
    for (const char* type : {"n:number", ""}) {  // it is a number by its look, too
      options.side.item_features = type;
      EXPECT_TRUE(contains(error(), words)) << type << ": " << error();
    }
  }
  options.side.item_features = "m:number";
  EXPECT_TRUE(contains(error(kExitUsage), "no column 'm'"));
  options.side.item_features = "n:colour";
  EXPECT_TRUE(contains(error(kExitUsage), "types are category"));
  options.side.item_features = "n:text,n:text";
  EXPECT_TRUE(contains(error(kExitUsage), "twice"));
  options.side.item_features = "";
  items("item,n\n1,4\n2,4\n");
  EXPECT_TRUE(contains(error(), "none of its 2 ids"));
  items("item,n\ni1,4\ni2\n");
  EXPECT_TRUE(contains(error(), "items.csv:3"));
  items("item,n\n");
  EXPECT_TRUE(contains(error(), "no rows"));
  items("item,n\ni1,4\n");
  options.side.item_columns = "id,a,b";
  EXPECT_TRUE(contains(error(kExitUsage), "names 3 columns"));
  options.side.item_columns = "a,b";
  EXPECT_TRUE(contains(error(kExitUsage), "no column 'id'"));
  options.side.item_columns = "";
  options.items.clear();
  options.side.item_features = "n";
  EXPECT_TRUE(contains(error(kExitUsage), "--items FILE"));
  options.side.item_features = "";
  options.side.user_features = "n";
  EXPECT_TRUE(contains(error(kExitUsage), "--users FILE"));
}

TEST_F(SideImport, FaultsOfLinks) {
  options.side.links = {folder.write("t.csv", "u1,u2,x\n")};
  EXPECT_TRUE(contains(error(), "t.csv:1: the weight 'x'"));
  options.side.links = {folder.write("t.csv", "u1,u2,1\nu2,u3,-0.5\n")};
  EXPECT_TRUE(contains(error(), "t.csv:2: the weight '-0.5' of a link is not above 0"));
  options.side.links = {folder.write("t.csv", "from,to,weight\nu1,u2,1e400\n")};
  EXPECT_TRUE(contains(error(), "t.csv:2: the weight '1e400' of a link is out of the range"));
  options.side.links = {folder.write("t.csv", "u1,u2,1e-60\n")};
  EXPECT_TRUE(contains(error(), "'1e-60' of a link is not above 0 as a float"));
  options.side.links = {folder.write("t.csv", "from,to,time\nu1,u2,1e30\n")};
  EXPECT_TRUE(contains(error(), "t.csv:2: the time '1e30' of a link is out of range"));
  options.side.links = {folder.write("t.csv", "from,to,time\nu1,u2,soon\n")};
  EXPECT_TRUE(contains(error(), "t.csv:2: the time 'soon' of a link is neither a number"));
  options.side.links = {folder.write("t.csv", "u1,u2,\nu2,u3,\n")};
  EXPECT_TRUE(contains(error(), "with a header"));
  options.side.links = {folder.write("t.csv", "7,8\n9,7\n")};
  EXPECT_TRUE(contains(error(), "not one of its 2 links"));
  options.side.links = {folder.write("t.csv", "u1,u2\nu1\n")};
  EXPECT_TRUE(contains(error(), "t.csv:2"));
  options.side.links = {folder.write("t.csv", "u1,u2\n"), folder.write("t.txt", "u1,u2\n")};
  EXPECT_TRUE(contains(error(kExitUsage), "named 't'"));
}

// u4's rows, of times 401 to 405, and later ones are tested. What has no time may be as late.
TEST_F(SideImport, RowsWithoutATimeAreLeftOutWhereTheSplitLooksAtTimes) {
  options.side.links = {
      folder.write("trust.csv", "from,to,time\nu1,u2,1\nu2,u3,\nu1,u3,NULL\nu1,u4,404\n")};
  options.side.item_links = {folder.write("alike.csv", "i1,i2,\ni2,i3,1970-01-01\ni1,i1,\n")};
  options.side.tags = folder.write(
      "tags.csv", "user,item,tag,time\nu1,i1,known,1\nu1,i2,undated,\nu1,i1,late,9000\n");
  const TemporaryFolder split;  // its parts are no windows of time
  split.write("train.csv", events());
  split.write("validation.csv", "user,item,time\nu1,i6,1\n");
  split.write("test.csv", "user,item,time\nu1,i7,1\n");
  struct Expected {
    const char* protocol;
    int trust_links, undated_links, alike_links, undated_alike, undated_tags;
  };
  for (const Expected& expected :
       {Expected{"time", 1, 2, 1, 1, 1}, Expected{"leave-last", 1, 2, 2, 0, 1},
        Expected{"given", 4, 0, 2, 0, 0}}) {
    options.protocol = expected.protocol;
    const bool given = options.protocol == "given";
    const Dataset dataset = given ? import_dataset({split.path()}, options) : run();
    const auto report = report_of(dataset);
    EXPECT_EQ(dataset.side.links[0].target.size(), 2U * expected.trust_links) << expected.protocol;
    EXPECT_EQ(dataset.side.links[1].target.size(), 2U * expected.alike_links) << expected.protocol;
    EXPECT_EQ(report["user_links_trust"]["undated_left_out"], expected.undated_links);
    EXPECT_EQ(report["item_links_alike"]["undated_left_out"], expected.undated_alike);
    EXPECT_EQ(report["tag_list"]["undated_left_out"], expected.undated_tags);
    std::set<std::string> tags;
    const StringTable& values = dataset.side.attributes[0].values;
    for (std::uint32_t v = 0; v < values.size(); ++v) tags.emplace(values[v]);
    EXPECT_EQ(tags.count("undated"), given ? 1U : 0U) << expected.protocol;
    EXPECT_EQ(tags.count("known"), 1U) << expected.protocol;
  }
  // Of a user of whom nothing is held out nothing is late.
  options.protocol = "leave-last";
  options.side = {};
  options.side.links = {folder.write("trust.csv", "from,to,time\na,b,\na,u1,\n")};
  const auto more = folder.write("more.csv", events() + "a,i1,500\nb,i2,600\n");
  const Dataset dataset = import_dataset({more}, options);
  EXPECT_EQ(dataset.side.links[0].target.size(), 2U);
  EXPECT_EQ(report_of(dataset)["user_links_trust"]["undated_left_out"], 1);
}

TEST_F(SideImport, HeadersWhereColumnsAreNamed) {
  const std::string rows = "u1,20,x\nu2,30,x\nu3,40,y\nu4,50,y\n";
  const auto users = [&](const std::string& first, const char* names) {
    options.side.users = folder.write("users.csv", first + rows);
    options.side.user_columns = names;
  };
  const std::pair<const char*, const char*> good[] = {{"user_id,age,job\n", "id,Age,job"},
                                                      {"id,age,job\n", "id,age,job"},
                                                      {"user_id,age,job\n", "id,_,job"},
                                                      {"", "id,age,job"}};
  for (const auto& [first, names] : good) {
    users(first, names);
    EXPECT_EQ(report_of(run())["user_list"]["rows"], 4) << first << names;
  }
  const std::pair<const char*, const char*> bad[] = {{"user_id,age,job\n", "id,age,occupation"},
                                                     {"user_id,age,job\n", "id,years,_"},
                                                     {"code,age,job\n", "id,age,occupation"},
                                                     {"code,age,job\n", "id,job,age"},
                                                     {"code,age,job\n", "id,_,age"}};
  for (const auto& [first, names] : bad) {
    users(first, names);
    const std::string message = error(kExitUsage);
    const std::string id(first, std::find(first, first + 8, ','));
    EXPECT_TRUE(contains(message, "looks like a header, of other names or in another")) << message;
    EXPECT_TRUE(contains(message, "--user-columns id=" + id)) << message;
    users(first, ("id=" + id).c_str());
    EXPECT_EQ(report_of(run())["user_list"]["rows"], 4) << first;
  }
  // Data whatever it holds: an id that is known; one that is not and no name beside it.
  users("u1,age,job\n", "id,age,job");
  EXPECT_EQ(report_of(run())["user_list"]["repeated_rows"], 1);
  users("zed,60,aged\n", "id,age,job");
  EXPECT_EQ(report_of(run())["user_list"]["rows_of_unknown_ids"], 1);
}

TEST_F(SideImport, RowsOfUnknownIdsDoNotSayWhatAColumnIs) {
  const std::string rows = "id,age,job\nu1,20,x\nu2,30,x\nu3,40,y\nu4,50,y\n";
  options.side.users = folder.write("users.csv", rows + "zzz,n.v.t.,a|b\nzzy,?,a|b\n");
  const auto report = report_of(run());
  EXPECT_EQ(report["user_features"], "age:number, job:category");
  EXPECT_EQ(report["user_list"]["rows_of_unknown_ids"], 2);
  EXPECT_FALSE(report.contains("doubtful_types"));
}

// Of 40 values 38 are numbers, or 37: where it is said, and where it isn't.
TEST_F(SideImport, AColumnOfNumbersButForAFewValuesIsNamed) {
  for (const int others : {2, 3}) {
    std::string text = "user,item\n", list = "id,age\n";
    for (int u = 1; u <= 40; ++u) {
      text += fmt::format("u{},i{}\nu{},i9\n", u, u % 3, u);
      list += fmt::format("u{},{}\n", u, u > 40 - others ? "inf" : std::to_string(20 + u % 5));
    }
    options.side.users = folder.write("users.csv", list);
    const auto source = folder.write("many.csv", text);
    options.side.user_features = "";
    auto report = report_of(import_dataset({source}, options));
    EXPECT_EQ(report["user_features"], "age:category");
    ASSERT_EQ(report.contains("doubtful_types"), others == 2);
    if (others == 2) {
      const auto message = report["doubtful_types"].at(0).get<std::string>();
      EXPECT_TRUE(contains(message, "age is taken for category, though 38 of its 40 values"))
          << message;
      EXPECT_TRUE(contains(message, "users.csv:40: 'inf'")) << message;
      EXPECT_TRUE(contains(message, "--user-features")) << message;
    }
    options.side.user_features = "age:category";  // who says so has no doubts
    report = report_of(import_dataset({source}, options));
    EXPECT_FALSE(report.contains("doubtful_types"));
  }
}

TEST_F(SideImport, NamesInOtherLettersAreComparedAsTheyAreWritten) {
  options.side.users = folder.write("users.csv", "名,号\nx,u1\nx,u2\ny,u3\ny,u4\n");
  options.side.user_columns = "id=号";
  EXPECT_EQ(report_of(run())["user_features"], "名:category");
  options.side.user_columns = "id=";
  EXPECT_TRUE(contains(error(kExitUsage), "no column ''"));
  options.side.users = folder.write("users.csv", "zed,太\nu1,花\nu2,花\n");
  options.side.user_columns = "id,名";
  EXPECT_EQ(report_of(run())["user_list"]["rows"], 3);
}

}  // namespace
}  // namespace halorec
