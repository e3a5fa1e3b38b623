// Links that are derived from content: by hand, and against comparing every pair.
#include "partition/side/content_links.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "comm/check.hpp"
#include "comm/random.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

StringTable table(const std::vector<std::string>& texts) {
  StringTable strings;
  for (const std::string& text : texts) strings.push_back(text);
  return strings;
}

using Links = std::map<std::pair<std::uint32_t, std::uint32_t>, float>;

Links links_of(const LinkTable& table) {
  Links links;
  for (std::uint32_t i = 0; i + 1 < table.begin.size(); ++i) {
    for (std::uint64_t e = table.begin[i]; e < table.begin[i + 1]; ++e) {
      links[{i, table.target[e]}] = table.weight[e];
    }
  }
  return links;
}

TEST(ContentLinks, OfFiveItemsByHand) {
  // Items 0, 1 and 2 are trained on, 3 and 4 are cold. IDF: a: log(4 / 2), b: log(4 / 2),
  // c: log(4 / 1); d is of a cold item alone and counts nothing.
  Dataset data = make_dataset(2, 5, {{0, 0}, {0, 1}, {1, 2}}, {}, {{0, 3}, {1, 4}});
  data.side.attributes.push_back({NodeKind::item,
                                  "genres",
                                  table({"a", "b", "c", "d"}),
                                  {0, 2, 3, 5, 7, 8},
                                  {0, 1, 0, 1, 2, 0, 3, 3}});
  nlohmann::ordered_json counts;
  const LinkTable links = derive_content_links(data, {1}, counts);
  EXPECT_EQ(links.name, "content");
  EXPECT_FALSE(links.directed);
  // 0 = (1, 1) / sqrt 2, 1 = (1, 0), 2 = (0, log 2, log 4) / length, 3 = (1, 0): 0 takes 1, 1 takes
  // 0, 2 takes 0, 3 takes 1 (which is nearer than 0), 4 has nothing in common with anyone.
  const double of_two = std::log(2.0) / std::hypot(std::log(2.0), std::log(4.0)) / std::sqrt(2.0);
  const Links expected = {
      {{0, 1}, std::sqrt(0.5F)}, {{0, 2}, static_cast<float>(of_two)}, {{1, 3}, 1.0F}};
  const Links found = links_of(links);
  EXPECT_EQ(found.size(), 2 * expected.size());
  for (const auto& [ends, weight] : expected) {
    ASSERT_TRUE(found.contains(ends)) << ends.first << " " << ends.second;
    EXPECT_FLOAT_EQ(found.at(ends), weight);
    EXPECT_EQ(found.at(ends), found.at({ends.second, ends.first}));
  }
  EXPECT_EQ(counts["items_without_neighbours"], 1);
  EXPECT_EQ(counts["cold_items_linked"], 1);
}

TEST(ContentLinks, EqualEveryPairCompared) {
  constexpr std::uint32_t kItems = 120, kBuckets = 20, kTop = 4;
  Dataset data = random_dataset(40, kItems, 0.05, 6);
  const Random random(2, Purpose::test);
  AttributeColumn genres{NodeKind::item, "genres", table({"p", "q", "r"}), {0}, {}};
  TextColumn title{NodeKind::item, "title", kBuckets, {0}, {}, {}};
  std::vector<std::map<std::uint32_t, double>> raw(kItems);  // genres from 1000 on
  std::vector<bool> trained(kItems, false);
  for (const std::uint32_t item : data[Split::train].item) trained[item] = true;
  std::map<std::uint32_t, double> frequency;
  double with_title = 0, with_genre = 0;
  for (std::uint32_t i = 0; i < kItems; ++i) {
    for (std::uint32_t g = 0; g < 3; ++g) {
      if (random.uniform(i, g) > 0.3) continue;
      genres.value.push_back(g);
      raw[i][1000 + g] = 1;
    }
    genres.begin.push_back(genres.value.size());
    for (std::uint32_t f = 0; f < 2 * kBuckets; ++f) {
      if (random.uniform(i, 10 + f) > 0.1) continue;
      title.feature.push_back(f);
      title.count.push_back(1 + static_cast<std::uint32_t>(random.below(3, i, 100 + f)));
      raw[i][f] = 1 + std::log(static_cast<double>(title.count.back()));
    }
    title.begin.push_back(title.feature.size());
    if (!trained[i]) continue;
    for (const auto& [f, value] : raw[i]) frequency[f] += 1;
    with_genre += genres.begin[i] < genres.begin[i + 1] ? 1 : 0;
    with_title += title.begin[i] < title.begin[i + 1] ? 1 : 0;
  }
  data.side.attributes.push_back(genres);
  data.side.texts.push_back(title);
  // TF-IDF, each column scaled, then the whole.
  for (auto& row : raw) {
    double squares[2] = {0, 0};
    for (auto& [f, value] : row) {
      const double n = f >= 1000 ? with_genre : with_title;
      value = frequency[f] > 0 ? value * std::log((1 + n) / frequency[f]) : 0;
      squares[f >= 1000 ? 1 : 0] += value * value;
    }
    const double columns = (squares[0] > 0 ? 1 : 0) + (squares[1] > 0 ? 1 : 0);
    for (auto& [f, value] : row) {
      if (value > 0) value /= std::sqrt(squares[f >= 1000 ? 1 : 0] * columns);
    }
  }
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> expected;
  for (std::uint32_t i = 0; i < kItems; ++i) {
    std::vector<std::tuple<double, std::uint64_t, std::uint32_t>> others;
    for (std::uint32_t j = 0; j < kItems; ++j) {
      double sum = 0;
      for (const auto& [f, value] : raw[i]) sum += raw[j].contains(f) ? value * raw[j][f] : 0;
      if (i != j && trained[j] && sum > 0) others.emplace_back(-sum, hash_bytes(data.items[j]), j);
    }
    std::sort(others.begin(), others.end());
    others.resize(std::min<std::size_t>(others.size(), kTop));
    for (const auto& [sum, hash, j] : others) expected[{i, j}] = expected[{j, i}] = -sum;
  }
  nlohmann::ordered_json counts;
  const LinkTable links = derive_content_links(data, {kTop}, counts);
  const Links found = links_of(links);
  // Where the last place hangs on rounding, one or the other is right.
  std::size_t num_other = 0;
  for (const auto& [ends, weight] : expected) {
    if (!found.contains(ends)) {
      ++num_other;
      continue;
    }
    EXPECT_NEAR(found.at(ends), weight, 1e-5);
  }
  EXPECT_LE(num_other, 2U);
  EXPECT_LE(found.size(), expected.size() + 2);
  // The same bits on any number of threads.
  const int threads = omp_get_max_threads();
  omp_set_num_threads(threads == 3 ? 2 : 3);
  EXPECT_EQ(links_of(derive_content_links(data, {kTop}, counts)), found);
  omp_set_num_threads(threads);
}

TEST(ContentLinks, WithoutContentIsAUsageError) {
  Dataset data = make_dataset(2, 2, {{0, 0}, {1, 1}});
  data.side.numbers.push_back({NodeKind::item, "year", {1, 2}});
  nlohmann::ordered_json counts;
  try {
    derive_content_links(data, {}, counts);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), kExitUsage);
    EXPECT_NE(std::string(error.what()).find("--items"), std::string::npos);
  }
}

}  // namespace
}  // namespace halorec
