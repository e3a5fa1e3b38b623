// Reading lists made elsewhere: every form, and every way to be wrong.
#include "launch/predictions.hpp"

#include <gtest/gtest.h>

#include "comm/check.hpp"
#include "launch/named_ids.hpp"
#include "tests/comm/temporary_folder.hpp"

namespace halorec {
namespace {

using Items = std::vector<std::uint32_t>;

class PredictionsTest : public testing::Test {
 protected:
  PredictionsTest() {
    for (const char* id : {"ann", "bob", "o'hara, z"}) users_.push_back(id);
    for (const char* id : {"i0", "i1", "i2", "i3"}) items_.push_back(id);
  }
  Predictions read(std::string_view text) const {
    return read_predictions(folder_.write("lists.txt", text), users_, items_);
  }
  std::string message(std::string_view text) const {
    try {
      read(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  StringTable users_, items_;
};

TEST_F(PredictionsTest, JsonLines) {
  const auto p = read(
      "{\"user\":\"bob\",\"cold\":true,\"items\":[{\"item\":\"i2\",\"score\":0.1},"
      "{\"item\":\"i0\",\"score\":0.9}]}\n\n"
      "{\"user\":\"eve\",\"items\":[]}\n"
      "{\"user\":\"ann\",\"items\":[\"i3\",\"nothing\"]}\n"
      "{\"event\":\"result\"}\n");
  EXPECT_EQ(p.lists[0], (Items{3, kUnknownItem}));
  EXPECT_EQ(p.lists[1], (Items{2, 0}));  // the order of the list, not of the scores
  EXPECT_EQ(p.has_list, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(p.num_lists, 2u);
  EXPECT_EQ(p.num_unknown_users, 1u);
  EXPECT_EQ(p.num_unknown_items, 1u);
}

TEST_F(PredictionsTest, RowsWithScoresAreSortedByThem) {
  for (const char* text : {"ann,i0,0.5\nbob,i1,1\nann,i2,2.5\nann,i3,.5\n",
                           "ann\ti0\t0.5\r\nbob\ti1\t1\r\nann\ti2\t2.5\r\nann\ti3\t.5\r\n",
                           "score,item,user\n0.5,i0,ann\n1,i1,bob\n2.5,i2,ann\n.5,i3,ann\n"}) {
    const auto p = read(text);
    EXPECT_EQ(p.lists[0], (Items{2, 0, 3})) << text;
    EXPECT_EQ(p.lists[1], (Items{1})) << text;
    EXPECT_EQ(p.num_lists, 2u) << text;
  }
}

TEST_F(PredictionsTest, RowsWithoutScoresKeepTheirOrder) {
  const auto p = read("user,item\n\"o'hara, z\",i3\n\"o'hara, z\",i0\neve,i0\neve,i1\n");
  EXPECT_EQ(p.lists[2], (Items{3, 0}));
  EXPECT_EQ(p.num_unknown_users, 1u);
}

TEST_F(PredictionsTest, FaultsAreNamedWithTheirLine) {
  EXPECT_NE(message("ann,i0\nann,i0\n").find("lists.txt:2: item 'i0' stands twice"),
            std::string::npos)
      << message("ann,i0\nann,i0\n");
  EXPECT_NE(message("ann,i0,1\nann,i1,high\n").find("lists.txt:2: the score"), std::string::npos);
  EXPECT_NE(message("ann,i0,1\nann,i1,1e400\n").find("'1e400' is out of the range"),
            std::string::npos);
  EXPECT_EQ(message("ann,i0,1\nann,i1,1e-400\n"), "no error");
  EXPECT_NE(message("ann,i0,1\nann\n").find("lists.txt:2: has 1 fields"), std::string::npos);
  const std::string line = "{\"user\":\"ann\",\"items\":[\"i0\"]}\n";
  EXPECT_NE(message(line + line).find("lists.txt:2: user 'ann' has a list already"),
            std::string::npos);
  EXPECT_NE(message(line + "{\"user\":3,\"items\":[]}\n").find("lists.txt:2: is not"),
            std::string::npos);
  EXPECT_NE(message("{\"user\":\"ann\",\"items\":[\"i0\",\"i0\"]}\n").find("stands twice"),
            std::string::npos);
  EXPECT_NE(message("{\"user\":\"ann\"").find("lists.txt:1: is not"), std::string::npos);
  EXPECT_NE(message("user,item,score\n").find("holds no lists"), std::string::npos);
  EXPECT_NE(message("").find("lists.txt"), std::string::npos);
  EXPECT_NE(message("\n\n").find("lists.txt: "), std::string::npos) << message("\n\n");
}

TEST(NamedIds, UnknownIdsAreNamedWithNearOnes) {
  StringTable table;
  for (const char* id : {"alice", "alina", "bob"}) table.push_back(id);
  EXPECT_EQ(find_all(table, {{"bob", "alice", "bob"}}, "user"),
            (std::vector<std::uint32_t>{2, 0, 2}));
  try {
    find_all(table, {{"bob", "alica"}, "ids.txt", {1, 4}}, "user");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), kExitUsage);
    EXPECT_NE(std::string(error.what()).find("ids.txt:4: there is no user 'alica'"),
              std::string::npos);
    EXPECT_NE(std::string(error.what()).find("alice"), std::string::npos);
  }
  try {
    find_all(table, {{"zzzzzzzzz"}}, "user");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("3 users"), std::string::npos);
  }
}

TEST(NamedIds, TextForEveryForm) {
  EXPECT_EQ(csv_field("plain id"), "plain id");
  EXPECT_EQ(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
  EXPECT_EQ(csv_field(" a"), "\" a\"");
  EXPECT_EQ(json_string("a\"b\n\xff"), "\"a\\\"b\\n\xef\xbf\xbd\"");
  EXPECT_EQ(padded("naïve", 4), "naïv");
  EXPECT_EQ(padded("ï", 3), "ï  ");
}

}  // namespace
}  // namespace halorec
