// Relations as import makes them of rows: they obey the split, and end where it cuts.
#include <optional>
#include <set>

#include "tests/partition/side_import.hpp"

namespace halorec {
namespace {

// Each pair is taken and looked at twice, and returned once by a row without a positive weight:
// links of the pairs that are trained on, and of no others.
TEST_F(SideImport, RelationsObeyTheSplit) {
  std::string rows = "user,item,time,event,quantity\n";
  for (int u = 1; u <= 4; ++u) {
    for (int i = 1; i <= 5; ++i) {
      const int time = 100 * u + i;
      rows += fmt::format("u{0},i{1},{2},view,1\nu{0},i{1},{2},buy,2\nu{0},i{1},{2},look,1\n", u, i,
                          time);
      rows += fmt::format("u{0},i{1},{2},buy,-3\n", u, i, time);
    }
  }
  rows += "u9,i1,100,view,1\nu1,i9,100,view,1\n";
  const auto source = folder.write("shop.csv", rows);
  options.relations = {"view: event==view", "return: quantity < 0", "view: event==look"};
  for (const char* protocol : {"random", "leave-last", "cold-items", "cold-users", "time"}) {
    options.protocol = protocol;
    options.cold_share = 0.6;
    std::optional<Dataset> found;
    for (options.seed = 1; !found && options.seed < 50; ++options.seed) {
      try {
        found = import_dataset({source}, options);
      } catch (const Error&) {
      }
    }
    ASSERT_TRUE(found) << protocol;
    const Dataset& dataset = *found;
    EXPECT_EQ(total(dataset), 20U) << protocol;
    EXPECT_EQ(dataset.behaviors, (Names{"buy"}));
    ASSERT_EQ(dataset.side.links.size(), 2U);
    for (const LinkTable& links : dataset.side.links) {
      EXPECT_TRUE(links.crosses && links.directed && links.kind == NodeKind::user);
      std::multiset<std::pair<std::string, std::string>> pairs;
      for (std::uint32_t u = 0; u < dataset.users.size(); ++u) {
        for (std::uint64_t e = links.begin[u]; e < links.begin[u + 1]; ++e) {
          pairs.emplace(dataset.users[u], dataset.items[links.target[e]]);
        }
      }
      EXPECT_EQ(pairs, pairs_of(dataset, Split::train)) << protocol;
      const float weight = links.name == "view" ? 2 : 1;  // how many rows, not what stands in them
      EXPECT_EQ(links.weight, std::vector<float>(pairs.size(), weight));
    }
    const auto counts = report_of(dataset)["relations"]["view"];
    EXPECT_EQ(counts["rows"], 42);
    EXPECT_EQ(counts["rows_of_unknown_ids"], 2);
    EXPECT_EQ(counts["held_out"].get<std::size_t>() +
                  counts["dated_after_the_cut"].get<std::size_t>() +
                  2 * dataset[Split::train].size(),
              40U)
        << protocol;
    EXPECT_EQ(report_of(dataset)["dropped_nonpositive_weight"], 0);
  }
}

// Each user takes items 1 .. 5 at times 10 .. 50 and looks at item 6 of another right after each.
TEST_F(SideImport, RelationsEndWhereTheUserIsHeldOut) {
  std::string rows = "user,item,time,event\n";
  for (int u = 1; u <= 4; ++u) {
    for (int i = 1; i <= 5; ++i) {
      rows += fmt::format("u{0},i{1},{2},buy\nu{0},v{1},{3},view\n", u, i, 10 * i, 10 * i + 1);
    }
  }
  for (int i = 1; i <= 5; ++i) rows += fmt::format("other,v{},1,buy\n", i);
  options.relations = {"view: event==view"};
  options.protocol = "leave-last";
  const Dataset dataset = import_dataset({folder.write("shop.csv", rows)}, options);
  const LinkTable& views = dataset.side.links.at(0);
  std::multiset<std::string> seen;
  for (std::uint32_t u = 0; u < dataset.users.size(); ++u) {
    for (std::uint64_t e = views.begin[u]; e < views.begin[u + 1]; ++e) {
      seen.emplace(dataset.items[views.target[e]]);
    }
  }
  // The last two are held out, at 40 and 50: what was looked at by 31 remains.
  EXPECT_EQ(seen.size(), 12U);
  EXPECT_EQ(seen.count("v3"), 4U);
  EXPECT_EQ(seen.count("v4"), 0U);
  EXPECT_EQ(report_of(dataset)["relations"]["view"]["dated_after_the_cut"], 8);
}

// Of the rows of one link the newest time, whichever the interactions keep of theirs.
TEST_F(SideImport, RelationsKeepTheirTimes) {
  const std::string head = "user,item,time,event\n";
  const std::string rows =
      "a,x,5,buy\na,y,9,view\na,y,20,view\na,y,3,view\na,x,-8,view\nb,y,6,buy\n";
  options.relations = {"view: event==view"};
  options.protocol = "given";
  folder.write("test.csv", head + "b,x,30,buy\n");
  for (const bool newest : {false, true}) {
    options.newest_time = newest;
    const auto train = folder.write("train.csv", head + rows);
    const Dataset dataset = import_dataset({train.parent_path()}, options);
    const LinkTable& views = dataset.side.links.at(0);
    ASSERT_EQ(views.target.size(), 2U);
    const bool x_first = dataset.items[views.target[0]] == "x";
    EXPECT_EQ(views.time,
              (x_first ? std::vector<std::int64_t>{-8, 20} : std::vector<std::int64_t>{20, -8}));
    EXPECT_EQ(views.weight, (x_first ? std::vector<float>{1, 3} : std::vector<float>{3, 1}));
  }
  folder.write("test.csv", "user,item,event\nb,x,buy\n");
  const auto plain = folder.write("train.csv", "user,item,event\na,x,buy\na,y,view\nb,y,buy\n");
  EXPECT_TRUE(import_dataset({plain.parent_path()}, options).side.links.at(0).time.empty());
}

// Parts that are windows of time have a cut too, for links and tags as for relations.
TEST_F(SideImport, WindowsOfTimeHaveACut) {
  const auto write = [&](const char* name, const std::string& rows) {
    return folder.write(name, "user,item,time,event\n" + rows);
  };
  write("train.csv", "a,x,1,buy\na,y,2,view\nb,y,3,buy\nb,x,4,buy\na,y,9,view\n");
  const auto test = write("test.csv", "a,z,6,buy\nb,z,8,buy\n");
  options.relations = {"view: event==view"};
  options.side.links = {folder.write("trust.csv", "from,to,time\na,b,2\nb,a,7\n")};
  options.side.directed_links = true;
  options.side.tags = folder.write("tags.csv", "user,item,tag,time\na,x,old,5\na,y,new,6\n");
  const Dataset dataset = import_dataset({test.parent_path()}, options);
  const auto report = report_of(dataset);
  EXPECT_EQ(report["relations"]["view"]["dated_after_the_cut"], 1);
  EXPECT_EQ(report["tag_list"]["dated_after_the_cut"], 1);
  EXPECT_EQ(report["user_links_trust"]["dated_after_the_cut"], 1);
}

// What is merged into a later row, or left out as a repeat, was held out when it was dated; a
// validation part that is drawn from the training file does not hide that the files are windows.
TEST_F(SideImport, TheCutIsTheFirstRowAsItWasHeldOut) {
  const std::string train = "a,x,1,buy\nb,y,2,buy\nb,x,3,buy\na,y,4,buy\na,w,3,view\nb,w,15,view\n";
  std::string many = train + "a,w,4,buy\n";
  for (int i = 1; i <= 10; ++i) many += fmt::format("a,m{0},2,buy\nb,m{0},2,buy\n", i);
  const std::pair<std::string, std::string> sources[] = {
      {train + "a,w,4,buy\n", "a,z,10,buy\na,z,30,buy\nb,z,31,buy\n"},  // one row of two
      {train + "a,w,4,buy\n", "a,x,10,buy\na,z,20,buy\nb,z,21,buy\n"},  // a repeat of training
      {many, "a,z,10,buy\nb,z,31,buy\n"}};
  options.relations = {"view: event==view"};
  options.side.links = {folder.write("trust.csv", "from,to,time\na,b,9\nb,a,10\n")};
  options.side.directed_links = true;
  options.side.tags = folder.write("tags.csv", "user,item,tag,time\na,x,old,9\na,y,new,10\n");
  for (const auto& [training, tested] : sources) {
    const TemporaryFolder split;
    split.write("train.csv", "user,item,time,event\n" + training);
    split.write("test.csv", "user,item,time,event\n" + tested);
    for (const bool newest : {false, true}) {
      options.newest_time = newest;
      const auto report = report_of(import_dataset({split.path()}, options));
      EXPECT_EQ(report["relations"]["view"]["dated_after_the_cut"], 1) << training << tested;
      EXPECT_EQ(report["tag_list"]["dated_after_the_cut"], 1) << training << tested;
      EXPECT_EQ(report["user_links_trust"]["dated_after_the_cut"], 1) << training << tested;
    }
  }
}

// a's row of time 3 is held out first, and left out as a repeat of its training pair.
TEST_F(SideImport, ARepeatThatIsHeldOutOfAUserEndsItsPast) {
  std::string rows = "user,item,time,event\na,x,1,buy\na,y,2,buy\na,x,3,buy\na,z,9,buy\n";
  rows += "a,w,2,view\na,w,5,view\nb,x,1,buy\nb,w,2,buy\n";
  options.protocol = "leave-last";
  options.relations = {"view: event==view"};
  options.side.links = {folder.write("trust.csv", "from,to,time\na,b,2\nb,a,5\n")};
  options.side.directed_links = true;
  options.side.tags = folder.write("tags.csv", "user,item,tag,time\na,x,old,2\na,y,new,5\n");
  const auto report = report_of(import_dataset({folder.write("shop.csv", rows)}, options));
  EXPECT_EQ(report["repeats_excluded"]["validation"], 1);
  EXPECT_EQ(report["relations"]["view"]["dated_after_the_cut"], 1);
  EXPECT_EQ(report["tag_list"]["dated_after_the_cut"], 1);
  EXPECT_EQ(report["user_links_trust"]["dated_after_the_cut"], 1);
}

TEST_F(SideImport, RelationsOfHeldOutFilesAreHeldOut) {
  const auto write = [&](const char* name, const std::string& rows) {
    return folder.write(name, "user,item,event\n" + rows);
  };
  write("train.csv", "a,x,buy\na,y,view\nb,y,buy\nb,x,view\n");
  const auto test = write("test.csv", "a,y,buy\nb,x,view\n");
  options.relations = {"view: event==view"};
  const Dataset dataset = import_dataset({test.parent_path()}, options);
  ASSERT_EQ(dataset.side.links.size(), 1U);
  // a's view of y tells of the pair that is tested; b's second view stands in the test file.
  EXPECT_EQ(dataset.side.links[0].target.size(), 1U);
  EXPECT_EQ(report_of(dataset)["relations"]["view"]["held_out"], 2);
}

TEST_F(SideImport, RelationMistakes) {
  for (const auto& [rule, words] :
       {std::pair("time<0", "'NAME: COLUMN OP VALUE'"), std::pair(": time<0", "NAME: COLUMN"),
        std::pair("a,b: time<0", "NAME: COLUMN"), std::pair("old: time", "is not COLUMN OP VALUE"),
        std::pair("old: time<>5", "is not COLUMN OP VALUE"),
        std::pair("old: time===5", "is not COLUMN OP VALUE"),
        std::pair("none: time<5", "NAME: COLUMN"), std::pair("a\nb: time<5", "NAME: COLUMN"),
        std::pair("old: colour==red", "there is no column 'colour'"),
        std::pair("old: time<0", "no link is left of its 0 rows")}) {
    options.relations = {rule};
    EXPECT_TRUE(contains(error(kExitUsage), words)) << rule;
  }
  options.relations = {"old: time>0"};
  EXPECT_TRUE(contains(error(), "20 taken by --relation"));
  options.relations = {"trust: time<200"};
  options.side.links = {folder.write("trust.csv", "u1,u2\n")};
  EXPECT_TRUE(contains(error(kExitUsage), "trust"));
}

}  // namespace
}  // namespace halorec
