// What import says of lists that are not as they should be, and what it makes of their gaps.
#include <algorithm>

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
  options.side.links = {folder.write("t.csv", "7,8\n9,7\n")};
  EXPECT_TRUE(contains(error(), "not one of its 2 links"));
  options.side.links = {folder.write("t.csv", "u1,u2\nu1\n")};
  EXPECT_TRUE(contains(error(), "t.csv:2"));
  options.side.links = {folder.write("t.csv", "u1,u2\n"), folder.write("t.txt", "u1,u2\n")};
  EXPECT_TRUE(contains(error(kExitUsage), "named 't'"));
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
                                                     {"code,age,job\n", "id,age,occupation"}};
  for (const auto& [first, names] : bad) {
    users(first, names);
    const std::string message = error(kExitUsage);
    const std::string id(first, std::find(first, first + 8, ','));
    EXPECT_TRUE(contains(message, "looks like a header of other names than")) << message;
    EXPECT_TRUE(contains(message, "--user-columns id=" + id)) << message;
    users(first, ("id=" + id).c_str());
    EXPECT_EQ(report_of(run())["user_list"]["rows"], 4) << first;
  }
  // Data whatever it holds: an id that is known; one that is not and no name in its place.
  users("u1,age,job\n", "id,age,job");
  EXPECT_EQ(report_of(run())["user_list"]["repeated_rows"], 1);
  users("zed,60,age\n", "id,age,job");
  EXPECT_EQ(report_of(run())["user_list"]["rows_of_unknown_ids"], 1);
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
