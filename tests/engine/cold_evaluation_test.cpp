// Figures of cold and warm items and users apart, over all candidates and over some, against a
// naive evaluation.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/embedding_scorer.hpp"
#include "engine/evaluation.hpp"
#include "tests/engine/coarse_number.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kDim = 4;

struct Naive {
  const Dataset& data;
  std::vector<std::vector<std::uint32_t>> train = items_by_user(data, Split::train);
  std::vector<std::vector<std::uint32_t>> test = items_by_user(data, Split::test);
  std::vector<bool> warm = warm_items();

  std::vector<bool> warm_items() const {
    std::vector<bool> seen(data.items.size(), false);
    for (const std::uint32_t item : data[Split::train].item) seen[item] = true;
    return seen;
  }
  float score(std::uint32_t user, std::uint32_t item) const {
    if (train[user].empty()) {
      return static_cast<float>(
          std::count(data[Split::train].item.begin(), data[Split::train].item.end(), item));
    }
    float sum = 0;
    for (std::int64_t c = 0; c < kDim; ++c) {
      sum += coarse_number({NodeKind::user, user}, c) * coarse_number({NodeKind::item, item}, c);
    }
    return sum;
  }
  std::vector<std::uint32_t> list(std::uint32_t user, Candidates candidates) const {
    std::vector<std::uint32_t> items;
    for (std::uint32_t i = 0; i < data.items.size(); ++i) {
      if (!is_among(candidates, warm[i])) continue;
      if (!std::binary_search(train[user].begin(), train[user].end(), i)) items.push_back(i);
    }
    std::sort(items.begin(), items.end(), [&](std::uint32_t a, std::uint32_t b) {
      if (score(user, a) != score(user, b)) return score(user, a) > score(user, b);
      return hash_bytes(data.items[a]) < hash_bytes(data.items[b]);
    });
    return items;
  }
};

struct Sums {
  double recall = 0;
  std::uint64_t users = 0;
  void add(const std::vector<std::uint32_t>& list, const std::vector<std::uint32_t>& relevant,
           std::int64_t k) {
    if (relevant.empty()) return;
    recall += measure_list(list, relevant, k)[Metric::recall];
    ++users;
  }
  double mean() const { return users > 0 ? recall / static_cast<double>(users) : 0; }
};

class ColdEvaluation : public testing::TestWithParam<Deal> {};

TEST_P(ColdEvaluation, EqualsANaiveOneForEachKindOfCandidates) {
  Communicator communicator;
  const TinyGraph graph(communicator, random_dataset(90, 70, 0.15, 18), TrainingPart::train,
                        GetParam());
  const Shard& shard = graph.shard();
  const Naive naive{graph.data()};
  Matrix<float> rows(shard.num_owned(), kDim);
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    for (std::int64_t c = 0; c < kDim; ++c) rows(r, c) = coarse_number(shard.global_id(r), c);
  }
  EmbeddingScorer scorer(shard, rows.view());
  const UserItems test = read_held_out(shard, graph.file(), Split::test);
  std::vector<bool> every_other(90);
  for (std::size_t u = 0; u < 90; ++u) every_other[u] = u % 2 == 0;
  constexpr std::int64_t kLength = 5;
  for (const Candidates candidates : {Candidates::all, Candidates::warm, Candidates::cold}) {
    for (const Candidates asked : {Candidates::all, candidates}) {
      for (const std::vector<bool>* some :
           {static_cast<std::vector<bool>*>(nullptr), &every_other}) {
        const Catalogue catalogue(shard, graph.file(), candidates);
        EvaluationQuery query;
        query.ks = {kLength};
        query.held_out = &test;
        query.held_out_items = asked;
        query.only_users = some;
        std::map<std::uint32_t, std::pair<std::size_t, std::size_t>> seen;  // held out, cold
        double cold_recalls = 0;
        query.per_user = [&](const UserFigures& figures) {
          seen[figures.user] = {figures.num_held_out, figures.num_cold_held_out};
          if (!figures.at.cold.empty()) cold_recalls += figures.at.cold[0][Metric::recall];
          EXPECT_EQ(figures.at.warm.empty(), figures.num_cold_held_out == figures.num_held_out);
          EXPECT_EQ(figures.cold, naive.train[figures.user].empty());
        };
        const Evaluation result = evaluate_ranking(scorer, catalogue, query);

        Sums all, warm, cold, warm_user, cold_user;
        std::uint64_t num_held_out = 0, num_cold = 0;
        std::map<std::uint32_t, std::pair<std::size_t, std::size_t>> expected;
        for (std::uint32_t u = 0; u < 90; ++u) {
          if (some != nullptr && !(*some)[u]) continue;
          std::vector<std::uint32_t> relevant, of_warm, of_cold;
          for (const std::uint32_t item : naive.test[u]) {
            if (!is_among(asked, naive.warm[item])) continue;
            relevant.push_back(item);
            (naive.warm[item] ? of_warm : of_cold).push_back(item);
          }
          if (relevant.empty()) continue;
          expected[u] = {relevant.size(), of_cold.size()};
          num_held_out += relevant.size();
          num_cold += of_cold.size();
          const auto list = naive.list(u, candidates);
          all.add(list, relevant, kLength);
          warm.add(list, of_warm, kLength);
          cold.add(list, of_cold, kLength);
          (naive.train[u].empty() ? cold_user : warm_user).add(list, relevant, kLength);
        }
        EXPECT_EQ(result.num_users, all.users);
        EXPECT_EQ(result.num_warm_users, warm.users);
        EXPECT_EQ(result.num_users_of_cold, cold.users);
        EXPECT_EQ(result.num_cold_users, cold_user.users);
        EXPECT_EQ(result.num_held_out, num_held_out);
        EXPECT_EQ(result.num_cold_held_out, num_cold);
        EXPECT_NEAR(result.at[0].all[Metric::recall], all.mean(), 1e-12);
        EXPECT_NEAR(result.at[0].warm[Metric::recall], warm.mean(), 1e-12);
        EXPECT_NEAR(result.at[0].cold[Metric::recall], cold.mean(), 1e-12);
        EXPECT_NEAR(result.at[0].warm_user[Metric::recall], warm_user.mean(), 1e-12);
        EXPECT_NEAR(result.at[0].cold_user[Metric::recall], cold_user.mean(), 1e-12);
        if (communicator.is_root()) {
          EXPECT_EQ(seen, expected);
          EXPECT_NEAR(cold_recalls, cold.recall, 1e-12);
        }
        const auto named = result.named_values();
        const auto has = [&](const std::string& name) {
          return std::any_of(named.begin(), named.end(),
                             [&](const auto& one) { return one.first == name; });
        };
        EXPECT_EQ(has("cold_recall@5"), num_cold > 0);
        EXPECT_EQ(has("cold_user_ndcg@5"), cold_user.users > 0);
        if (candidates == Candidates::cold && asked == Candidates::cold && some == nullptr) {
          EXPECT_GT(cold.mean(), 0.1);  // 6 or 7 candidates, 5 places
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Deals, ColdEvaluation, testing::Values(Deal::scattered, Deal::all_on_last),
                         [](const auto& deal) {
                           return deal.param == Deal::scattered ? "Scattered" : "AllOnLast";
                         });

}  // namespace
}  // namespace halorec
