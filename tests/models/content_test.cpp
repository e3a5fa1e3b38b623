// Content baselines, and likeness beside rows, against comparing every pair of items, and the same
// bits on any number of ranks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>

#include "engine/ranking.hpp"
#include "models/baselines/baselines.hpp"
#include "models/blended_scorer.hpp"
#include "tests/engine/whole_graph.hpp"
#include "tests/models/all_lists.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kUsers = 50;
constexpr std::uint32_t kItems = 60;
constexpr std::uint32_t kBuckets = 12;

StringTable table(const std::vector<std::string>& texts) {
  StringTable strings;
  for (const std::string& text : texts) strings.push_back(text);
  return strings;
}

// Genres and titles of items; item 17 has neither. Every 11th item is cold.
Dataset sample() {
  Dataset data = random_dataset(kUsers, kItems, 0.12, 31);
  const Random random(2, Purpose::test);
  AttributeColumn genres{NodeKind::item, "genres", table({"p", "q", "r", "s"}), {0}, {}};
  TextColumn title{NodeKind::item, "title", kBuckets, {0}, {}, {}};
  for (std::uint32_t i = 0; i < kItems; ++i) {
    for (std::uint32_t g = 0; g < 4 && i != 17; ++g) {
      if (random.uniform(i, g) < 0.3) genres.value.push_back(g);
    }
    genres.begin.push_back(genres.value.size());
    for (std::uint32_t f = 0; f < 2 * kBuckets && i != 17; ++f) {
      if (random.uniform(i, 10 + f) > 0.15) continue;
      title.feature.push_back(f);
      title.count.push_back(1 + static_cast<std::uint32_t>(random.below(3, i, 100 + f)));
    }
    title.begin.push_back(title.feature.size());
  }
  data.side.attributes.push_back(genres);
  data.side.texts.push_back(title);
  data.side.numbers.push_back({NodeKind::user, "age", std::vector<float>(kUsers, 3)});
  return data;
}

// The cosine of any two items, worked out feature by feature.
class NaiveContent {
 public:
  explicit NaiveContent(const Dataset& data) : rows_(kItems) {
    std::vector<bool> trained(kItems, false);
    for (const std::uint32_t item : data[Split::train].item) trained[item] = true;
    const auto num_trained = static_cast<double>(std::count(trained.begin(), trained.end(), true));
    std::vector<Row> genres(kItems), titles(kItems);
    double with_title = 0;
    Row num_genre, num_gram;
    for (std::uint32_t i = 0; i < kItems; ++i) {
      const AttributeColumn& g = data.side.attributes[0];
      for (auto e = g.begin[i]; e < g.begin[i + 1]; ++e) genres[i][g.value[e]] = 1;
      const TextColumn& t = data.side.texts[0];
      for (auto e = t.begin[i]; e < t.begin[i + 1]; ++e) {
        titles[i][t.feature[e]] = 1 + std::log(static_cast<double>(t.count[e]));
      }
      if (!trained[i]) continue;
      for (const auto& [f, value] : genres[i]) num_genre[f] += 1;
      for (const auto& [f, value] : titles[i]) num_gram[f] += 1;
      with_title += titles[i].empty() ? 0 : 1;
    }
    for (std::uint32_t i = 0; i < kItems; ++i) {
      const double columns = add(i, 0, genres[i], num_genre, num_trained) +
                             add(i, 1000, titles[i], num_gram, with_title);
      for (auto& [f, value] : rows_[i]) value /= std::sqrt(columns);
    }
    trained_ = trained;
  }

  double cosine(std::uint32_t i, std::uint32_t j) const {
    double sum = 0;
    for (const auto& [f, value] : rows_[i]) {
      const auto other = rows_[j].find(f);
      if (other != rows_[j].end()) sum += value * other->second;
    }
    return sum;
  }
  bool trained(std::uint32_t i) const { return trained_[i]; }

 private:
  using Row = std::map<std::uint32_t, double>;
  // Adds a column, scaled to length 1; returns 1, or 0 where the item has nothing in it.
  double add(std::uint32_t i, std::uint32_t first, const Row& raw, const Row& frequency, double n) {
    Row scaled;
    double squares = 0;
    for (const auto& [f, value] : raw) {
      if (!frequency.contains(f)) continue;
      scaled[f] = value * std::log((1 + n) / frequency.at(f));
      squares += scaled[f] * scaled[f];
    }
    for (const auto& [f, value] : scaled) rows_[i][first + f] = value / std::sqrt(squares);
    return squares > 0 ? 1 : 0;
  }
  std::vector<Row> rows_;
  std::vector<bool> trained_;
};

BaselineOptions options_of(std::int64_t neighbours, double power = 1) {
  BaselineOptions options;
  options.content_neighbours = neighbours;
  options.content_power = power;
  return options;
}

class Content : public testing::TestWithParam<Deal> {
 protected:
  // Scores of whole lists are those of `score` (NaN: not known), and every item that may stand
  // there does.
  template <typename Score>
  void expect_scores(Scorer& scorer, const Score& score) {
    const auto train = items_by_user(graph_.data(), Split::train);
    const AllLists lists = rank_everyone(scorer, graph_.file(), kItems);
    std::size_t num_cold = 0, num_compared = 0;
    for (std::uint32_t u = 0; u < kUsers; ++u) {
      const auto& list = lists.at(u);
      EXPECT_EQ(list.size(), kItems - train[u].size());  // cold items too
      if (train[u].empty()) continue;                    // served by popularity
      for (std::size_t r = 0; r < list.size(); ++r) {
        const double expected = score(u, train[u], list[r].first);
        if (!std::isnan(expected)) {
          EXPECT_NEAR(list[r].second, expected, 1e-5);
        }
        num_compared += std::isnan(expected) ? 0 : 1;
        num_cold += naive_.trained(list[r].first) ? 0 : 1;
        if (r > 0) {
          EXPECT_GE(list[r - 1].second, list[r].second);
        }
      }
    }
    EXPECT_GT(num_cold, 0U);
    EXPECT_GT(num_compared, 1000U);
  }

  // Of the powers of the cosines with the trained items most like `item`: the sum of those in the
  // history, and of all. NaN where rounding decides which of two equal ones is the last.
  std::pair<double, double> sums_of_nearest(const std::vector<std::uint32_t>& history,
                                            std::uint32_t item, std::int64_t neighbours,
                                            double power) const {
    std::vector<std::pair<double, std::uint32_t>> near;
    for (std::uint32_t j = 0; j < kItems; ++j) {
      if (j != item && naive_.trained(j) && naive_.cosine(item, j) > 0) {
        near.emplace_back(naive_.cosine(item, j), j);
      }
    }
    std::sort(near.rbegin(), near.rend());
    const auto k = static_cast<std::size_t>(neighbours);
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    if (near.size() > k && near[k - 1].first - near[k].first < 1e-6) return {kUnknown, kUnknown};
    near.resize(std::min(near.size(), k));
    std::pair<double, double> sums{0, 0};
    for (const auto& [cosine, j] : near) {
      const double power_of_it = std::pow(cosine, power);
      sums.second += power_of_it;
      if (std::binary_search(history.begin(), history.end(), j)) sums.first += power_of_it;
    }
    return sums;
  }

  Communicator communicator_;
  TinyGraph graph_{communicator_, sample(), TrainingPart::train, GetParam()};
  NaiveContent naive_{graph_.data()};
};

TEST_P(Content, ProfilesScoreByTheSumOfCosines) {
  const auto scorer = make_baseline("content", graph_.shard(), graph_.file(), 1, options_of(0));
  EXPECT_TRUE(scorer->serves_cold_items());
  expect_scores(*scorer,
                [&](std::uint32_t, const std::vector<std::uint32_t>& history, std::uint32_t item) {
                  double sum = 0;
                  for (const std::uint32_t other : history) sum += naive_.cosine(item, other);
                  return sum;
                });
}

TEST_P(Content, NeighboursScoreByTheNearestAlone) {
  for (const auto& [neighbours, power] : {std::pair(4L, 2.0), std::pair(1000L, 0.5)}) {
    const auto scorer =
        make_baseline("content", graph_.shard(), graph_.file(), 1, options_of(neighbours, power));
    expect_scores(
        *scorer, [&](std::uint32_t, const std::vector<std::uint32_t>& history, std::uint32_t item) {
          return sums_of_nearest(history, item, neighbours, power).first;
        });
  }
}

// Likeness beside rows, with a weight for each kind of item: by neighbours, and by profiles.
TEST_P(Content, ItemsCountByWhatTheyAreLikeToo) {
  constexpr std::int64_t kDim = 6;
  const Shard& shard = graph_.shard();
  const Matrix<float> rows = random_rows<float>(shard, kDim, 3);
  const Matrix<float> all = collect(shard, rows);
  const auto row = [&](std::int64_t node) { return std::span<const float>(all.row(node), kDim); };
  const auto inner = [](std::span<const float> x, std::span<const float> y) {
    return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  };
  double length = 0, num_trained = 0;
  for (std::uint32_t i = 0; i < kItems; ++i) {
    if (!naive_.trained(i)) continue;
    length += std::sqrt(inner(row(kUsers + i), row(kUsers + i)));
    num_trained += 1;
  }
  struct Case {
    std::int64_t neighbours;
    double cold, warm;
    double power = 1;
  };
  for (const auto& [neighbours, cold_weight, warm_weight, power] :
       {Case{4, 0.7, 0}, Case{0, 0.7, 0}, Case{4, 0.7, 0.3}, Case{0, 0, 0.3},
        Case{4, 0.7, 0.3, 0.5}, Case{0, 0.7, 0.3, 2}}) {
    const std::shared_ptr<LikenessScorer> likeness =
        make_content(shard, graph_.file(), options_of(neighbours, 2));
    likeness->scale_to(std::pow(cold_weight, 1 / power), std::pow(warm_weight, 1 / power));
    EXPECT_EQ(
        BlendedScorer(shard, rows.view(), {}, 0, likeness, cold_weight > 0).serves_cold_items(),
        cold_weight > 0);
    BlendedScorer scorer(shard, rows.view(), {false, true}, 0, likeness, cold_weight > 0, power);
    EXPECT_TRUE(scorer.serves_cold_items());
    std::size_t num_raised = 0;
    expect_scores(scorer, [&](std::uint32_t user, const std::vector<std::uint32_t>& history,
                              std::uint32_t item) {
      const double by_rows = inner(row(user), row(kUsers + item));
      const double weight = naive_.trained(item) ? warm_weight : cold_weight;
      if (weight == 0) return by_rows;
      double part = 0, whole = 0;
      if (neighbours > 0) {
        std::tie(part, whole) = sums_of_nearest(history, item, neighbours, 2.0);
      } else {
        for (const std::uint32_t j : history) {
          part += naive_.cosine(item, j);
          for (const std::uint32_t k : history) whole += naive_.cosine(j, k);
        }
        whole = std::sqrt(whole);
      }
      num_raised += part > 0 ? 1 : 0;
      const double alike = whole == 0 ? 0 : part / whole;
      return by_rows + weight * length / num_trained * std::sqrt(inner(row(user), row(user))) *
                           std::pow(alike, power);
    });
    EXPECT_GT(num_raised, 0U);

    // A power that leaves nothing of any similarity leaves the rows.
    const std::shared_ptr<LikenessScorer> nothing =
        make_content(shard, graph_.file(), options_of(4, 1e5));
    nothing->scale_to(0.7, 0.7);
    BlendedScorer by_rows(shard, rows.view(), {}, 0, nothing, true);
    expect_scores(by_rows, [&](std::uint32_t user, const auto&, std::uint32_t item) {
      return inner(row(user), row(kUsers + item));
    });

    const std::vector<std::uint32_t> history = {1, 4, 9};
    scorer.set_guests({history});
    EmbeddingScorer plain(shard, rows.view(), {});
    plain.set_guests({history});
    const auto guest = static_cast<std::int32_t>(shard.num_owned_users());
    EXPECT_TRUE(std::equal(plain.row_of(guest), plain.row_of(guest) + kDim,
                           scorer.by_rows().row_of(guest)));
  }
}

TEST_P(Content, TheSameBitsOnAnyNumberOfRanks) {
  Communicator alone(MPI_COMM_SELF);
  const TinyGraph whole(alone, sample());
  for (const std::int64_t neighbours : {0, 5}) {
    const auto scorer =
        make_baseline("content", graph_.shard(), graph_.file(), 1, options_of(neighbours));
    const auto expected =
        make_baseline("content", whole.shard(), whole.file(), 1, options_of(neighbours));
    EXPECT_EQ(rank_everyone(*scorer, graph_.file(), 30),
              rank_everyone(*expected, whole.file(), 30));
  }
}

TEST_P(Content, AGuestWithAUsersHistoryGetsThatUsersList) {
  const auto train = items_by_user(graph_.data(), Split::train);
  for (const std::int64_t neighbours : {0, 5}) {
    const auto scorer =
        make_baseline("content", graph_.shard(), graph_.file(), 1, options_of(neighbours));
    const auto lists = rank_everyone(*scorer, graph_.file(), 10);
    for (int times = 0; times < 2; ++times) {
      scorer->set_guests({train[0], train[3]});
      const Catalogue catalogue(graph_.shard(), graph_.file(), Candidates::all);
      const auto first = static_cast<std::int32_t>(graph_.shard().num_owned_users());
      const std::vector<std::int32_t> people = {first, first + 1};
      RankingQuery query;
      query.k = 10;
      query.people = people;
      const RankedLists guests = rank_items(*scorer, catalogue, query);
      for (const int g : {0, 1}) {
        std::vector<std::pair<std::uint32_t, float>> list;
        for (const RankedItem& entry : guests.of(g)) list.emplace_back(entry.item, entry.score);
        EXPECT_EQ(list, lists.at(g == 0 ? 0 : 3));
      }
    }
  }
}

TEST_P(Content, WhatItCannotCompareIsAUsageError) {
  const auto refusal = [&](const TinyGraph& graph, const std::vector<std::string>& columns) {
    BaselineOptions options;
    options.content_columns = columns;
    try {
      make_baseline("content", graph.shard(), graph.file(), 1, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      EXPECT_TRUE(error.everywhere());
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal(graph_, {"user:age"}).find("compare items"), std::string::npos);
  EXPECT_NE(refusal(graph_, {"item:colour"}).find("item:genres"), std::string::npos);
  EXPECT_EQ(refusal(graph_, {"item:genres"}), "");
  const TinyGraph bare(communicator_, random_dataset(10, 10, 0.5, 1));
  EXPECT_NE(refusal(bare, {"all"}).find("--items"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Deals, Content, testing::Values(Deal::scattered, Deal::all_on_last),
                         [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
