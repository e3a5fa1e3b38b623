// Feature rows against values worked out by hand, and the same bits on any number of ranks.
#include "partition/side/feature_rows.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

StringTable table(const std::vector<std::string>& texts) {
  StringTable strings;
  for (const std::string& text : texts) strings.push_back(text);
  return strings;
}

using Row = std::vector<std::pair<std::uint32_t, float>>;  // (feature, value)

// The rows of all ranks, by node.
std::map<std::uint64_t, Row> all_rows(const Shard& shard, const FeatureRows& rows) {
  std::vector<std::uint64_t> flat;  // node, feature, bits of the value; empty rows with no feature
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    const std::uint64_t node = shard.global_id(r).bits();
    const auto row = static_cast<std::size_t>(r);
    flat.insert(flat.end(), {node, kNone, 0});
    for (auto e = rows.row_begin[row]; e < rows.row_begin[row + 1]; ++e) {
      const auto entry = static_cast<std::size_t>(e);
      flat.insert(flat.end(),
                  {node, rows.feature[entry], std::bit_cast<std::uint32_t>(rows.value[entry])});
    }
  }
  flat = shard.communicator().all_gather(std::span<const std::uint64_t>(flat));
  std::map<std::uint64_t, Row> all;
  for (std::size_t k = 0; k < flat.size(); k += 3) {
    Row& row = all[flat[k]];
    if (flat[k + 1] == kNone) continue;
    row.emplace_back(static_cast<std::uint32_t>(flat[k + 1]),
                     std::bit_cast<float>(static_cast<std::uint32_t>(flat[k + 2])));
  }
  return all;
}

// Items 3 and 4 and user 2 have no training interaction.
Dataset sample() {
  Dataset data = make_dataset(3, 5, {{0, 0}, {0, 1}, {1, 1}, {1, 2}}, {{2, 4}}, {{2, 3}});
  SideInfo& side = data.side;
  side.attributes.push_back(
      {NodeKind::item, "genres", table({"a", "b", "c"}), {0, 2, 3, 3, 5, 6}, {0, 1, 1, 0, 2, 2}});
  side.attributes.push_back(
      {NodeKind::user, "country", table({"x", "y"}), {0, 1, 2, 3}, {0, 1, 1}});
  side.numbers.push_back({NodeKind::item, "year", {10, 20, kMissing, 40, kMissing}});
  side.numbers.push_back({NodeKind::user, "age", {30, 30, 50}});
  side.texts.push_back(
      {NodeKind::item, "title", 4, {0, 2, 3, 3, 5, 6}, {1, 5, 1, 1, 7, 5}, {1, 2, 1, 3, 1, 1}});
  side.vectors.push_back(
      {NodeKind::item, "v", 2, {1, 0, 1, 1, 0}, {3, 4, 0, 0, 0, 0, 0, -2, 0, 0}});
  side.links.push_back({NodeKind::user, "trust", true, {0, 1, 1, 1}, {1}, {1}});
  return data;
}

void expect_rows(const std::map<std::uint64_t, Row>& rows, NodeKind kind,
                 const std::vector<std::vector<std::pair<std::uint32_t, double>>>& expected) {
  for (std::uint32_t k = 0; k < expected.size(); ++k) {
    const Row& row = rows.at(GlobalId(kind, k).bits());
    ASSERT_EQ(row.size(), expected[k].size()) << kind_name(kind) << " " << k;
    for (std::size_t e = 0; e < row.size(); ++e) {
      EXPECT_EQ(row[e].first, expected[k][e].first) << kind_name(kind) << " " << k;
      EXPECT_FLOAT_EQ(row[e].second, static_cast<float>(expected[k][e].second))
          << kind_name(kind) << " " << k << ", feature " << row[e].first;
    }
  }
}

class FeatureRowsTest : public testing::TestWithParam<Deal> {
 protected:
  Communicator communicator_;
};

TEST_P(FeatureRowsTest, AreWhatAHandWorksOut) {
  const TinyGraph graph(communicator_, sample(), TrainingPart::train, GetParam());
  const FeatureRows rows =
      read_feature_rows(graph.shard(), graph.file(), std::vector<std::string>{"all"});
  // genres a b | country x y | year | age: none | title 1, 5 | v 0, 1
  EXPECT_EQ(rows.num_features, 9U);
  EXPECT_EQ(rows.frequency, (std::vector<std::uint32_t>{1, 2, 1, 1, 2, 2, 1, 1, 1}));
  const auto all = all_rows(graph.shard(), rows);
  const double half = std::sqrt(0.5);
  const double w1 = std::log(1.5), w5 = (1 + std::log(2.0)) * std::log(3.0);
  const double length = std::hypot(w1, w5);
  expect_rows(all, NodeKind::user, {{{2, 1}}, {{3, 1}}, {{3, 1}}});
  expect_rows(
      all, NodeKind::item,
      {{{0, half}, {1, half}, {4, -1}, {5, w1 / length}, {6, w5 / length}, {7, .6}, {8, .8}},
       {{1, 1}, {4, 1}, {5, 1}},
       {},
       {{0, 1}, {4, 5}, {5, 1}, {8, -1}},
       {{6, 1}}});
  ASSERT_EQ(rows.columns.size(), 6U);
  const std::vector<std::tuple<std::string, std::uint32_t, std::uint32_t, std::uint64_t>> columns =
      {{"item:genres", 0, 2, 1}, {"user:country", 2, 2, 0}, {"item:year", 4, 1, 0},
       {"user:age", 5, 0, 1},    {"item:title", 5, 2, 1},   {"item:v", 7, 2, 0}};
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const FeatureColumn& column = rows.columns[c];
    EXPECT_EQ(std::tuple(column.name, column.first, column.count, column.num_dropped), columns[c]);
  }
}

TEST_P(FeatureRowsTest, OfSomeColumnsOnlyThose) {
  const TinyGraph graph(communicator_, sample(), TrainingPart::train, GetParam());
  const FeatureRows rows = read_feature_rows(graph.shard(), graph.file(),
                                             std::vector<std::string>{"item:v", "item:genres"});
  EXPECT_EQ(rows.num_features, 4U);  // in the order of the file
  const auto all = all_rows(graph.shard(), rows);
  expect_rows(all, NodeKind::user, {{}, {}, {}});
  const double half = std::sqrt(0.5);
  expect_rows(all, NodeKind::item,
              {{{0, half}, {1, half}, {2, .6}, {3, .8}}, {{1, 1}}, {}, {{0, 1}, {3, -1}}, {}});
}

TEST_P(FeatureRowsTest, ValidationMakesAnItemTrainedWhereItIsLearnedFrom) {
  const TinyGraph graph(communicator_, sample(), TrainingPart::train_and_validation, GetParam());
  const FeatureRows rows =
      read_feature_rows(graph.shard(), graph.file(), std::vector<std::string>{"item:genres"});
  EXPECT_EQ(rows.frequency, (std::vector<std::uint32_t>{1, 2, 1}));
  EXPECT_EQ(rows.columns[0].num_dropped, 0U);
}

TEST_P(FeatureRowsTest, WhatIsNotThereIsAUsageErrorThatListsWhatIs) {
  const TinyGraph graph(communicator_, sample(), TrainingPart::train, GetParam());
  for (const char* name : {"item:titel", "title", "user:trust"}) {
    try {
      read_feature_rows(graph.shard(), graph.file(), std::vector<std::string>{"item:v", name});
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      EXPECT_TRUE(error.everywhere());
      EXPECT_NE(std::string(error.what())
                    .find("item:genres, user:country, item:year, user:age, "
                          "item:title, item:v"),
                std::string::npos)
          << error.what();
    }
  }
  EXPECT_THROW(read_feature_rows(graph.shard(), graph.file(), {}), Error);
  const TinyGraph bare(communicator_, make_dataset(2, 2, {{0, 0}, {1, 1}}));
  EXPECT_THROW(read_feature_rows(bare.shard(), bare.file(), std::vector<std::string>{"all"}),
               Error);
}

// Columns of every type with random entries, and holes.
Dataset random_side(std::uint32_t num_users, std::uint32_t num_items) {
  Dataset data = random_dataset(num_users, num_items, 0.1, 3);
  const Random random(8, Purpose::test, 2);
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    const std::uint32_t n = kind == NodeKind::user ? num_users : num_items;
    const auto draw = [&](std::uint32_t node, std::uint32_t index) {
      return random.uniform(GlobalId(kind, node).bits(), index);
    };
    AttributeColumn attribute{kind, "a", table({"p", "q", "r", "s", "t"}), {0}, {}};
    NumberColumn number{kind, "n", {}};
    TextColumn text{kind, "t", 16, {0}, {}, {}};
    VectorColumn vector{kind, "v", 3, {}, {}};
    for (std::uint32_t k = 0; k < n; ++k) {
      for (std::uint32_t value = 0; value < 5; ++value) {
        if (draw(k, value) < 0.3) attribute.value.push_back(value);
      }
      attribute.begin.push_back(attribute.value.size());
      number.value.push_back(draw(k, 10) < 0.2 ? kMissing : static_cast<float>(draw(k, 11)));
      for (std::uint32_t f = 0; f < 32; ++f) {
        if (draw(k, 20 + f) >= 0.15) continue;
        text.feature.push_back(f);
        text.count.push_back(1 + static_cast<std::uint32_t>(3 * draw(k, 60 + f)));
      }
      text.begin.push_back(text.feature.size());
      vector.known.push_back(draw(k, 100) < 0.8);
      for (std::uint32_t d = 0; d < 3; ++d) {
        vector.value.push_back(vector.known.back() == 0 ? 0 : static_cast<float>(draw(k, 101 + d)));
      }
    }
    data.side.attributes.push_back(attribute);
    data.side.numbers.push_back(number);
    data.side.texts.push_back(text);
    data.side.vectors.push_back(vector);
  }
  return data;
}

TEST_P(FeatureRowsTest, AreTheSameBitsOnAnyNumberOfRanks) {
  const std::vector<std::string> names{"all"};
  const TinyGraph graph(communicator_, random_side(40, 70), TrainingPart::train, GetParam());
  const FeatureRows rows = read_feature_rows(graph.shard(), graph.file(), names);
  Communicator alone(MPI_COMM_SELF);
  const TinyGraph whole(alone, random_side(40, 70));
  const FeatureRows expected = read_feature_rows(whole.shard(), whole.file(), names);
  EXPECT_EQ(rows.num_features, expected.num_features);
  EXPECT_EQ(rows.frequency, expected.frequency);
  EXPECT_EQ(all_rows(graph.shard(), rows), all_rows(whole.shard(), expected));
}

INSTANTIATE_TEST_SUITE_P(Deals, FeatureRowsTest,
                         testing::Values(Deal::scattered, Deal::all_on_last), [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
