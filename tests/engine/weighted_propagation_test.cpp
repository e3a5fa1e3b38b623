// Products over edges that weigh, on any number of ranks, against the same written out: every path
// of the kernel (widths, stored rows, hubs in segments), both exchanges, demanded rows, and dropped
// edges.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/message_graph.hpp"
#include "engine/ops/neighbours.hpp"
#include "tests/engine/weighted_graph.hpp"

namespace halorec {
namespace {

constexpr double kHalfLife = 10 * 86400;
constexpr ExchangePlan kPlans[] = {ExchangePlan::halo, ExchangePlan::hybrid};

// log1p(weight) times decay, as the library is asked to weigh.
WeightOf decayed_weights(const Dataset& data, TrainingPart part) {
  const KnownEdges edges = known_edges(data, part);
  std::int64_t last = 0;
  for (const auto& [pair, edge] : edges) last = std::max(last, edge.time);
  return [edges, last](std::uint32_t u, std::uint32_t i) {
    const auto found = edges.find({u, i});
    if (found == edges.end()) return 0.0;
    const double age = static_cast<double>(last - found->second.time);
    return std::log1p(found->second.weight) * std::exp2(-age / kHalfLife);
  };
}

template <typename T>
class WeightedPropagation : public testing::Test {
 protected:
  static constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 2e-7;  // values are floats

  static std::vector<std::int32_t> every_third(const Shard& shard) {
    std::vector<std::int32_t> rows;
    for (std::int32_t r = 0; r < shard.num_owned(); r += 3) rows.push_back(r);
    return rows;
  }

  Communicator world_;
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(WeightedPropagation, Reals);

TYPED_TEST(WeightedPropagation, EqualsTheProductWrittenOut) {
  using T = TypeParam;
  for (const TrainingPart part : {TrainingPart::train, TrainingPart::train_and_validation}) {
    for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
      const TinyGraph graph(this->world_, dated_dataset(60, 45, 0.15, 1), part, deal);
      const Shard& shard = graph.shard();
      const InteractionFacts facts(shard, graph.file(), part);
      const Adjacency edges = weighted_adjacency(facts, WeightRule::log1p, kHalfLife);
      const WeightOf weight = decayed_weights(graph.data(), part);
      for (const ExchangePlan exchange : kPlans) {
        for (const std::int64_t cols : {1, 3, 7, 16, 33, 64, 130}) {
          Propagation<T> propagation(shard, edges, {exchange});
          const Matrix<T> x = random_rows<T>(shard, cols, 1);
          const Matrix<T> expected = weighted_product(60, 45, weight, collect(shard, x));
          Matrix<T> y = random_rows<T>(shard, cols, 2);  // what stood there does not matter
          propagation.multiply(T{1}, x.view(), {}, y.view());
          EXPECT_LT(relative_difference(collect(shard, y), expected), this->kTolerance)
              << cols << " columns";
        }
      }
    }
  }
}

// And back: <(A x)[rows], y> = <x, A y on rows>.
TYPED_TEST(WeightedPropagation, DemandedRowsAndTheirAdjoint) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, dated_dataset(60, 45, 0.15, 7));
  const Shard& shard = graph.shard();
  const InteractionFacts facts(shard, graph.file(), TrainingPart::train);
  const Adjacency edges = weighted_adjacency(facts, WeightRule::rating, kHalfLife);
  for (const ExchangePlan exchange : kPlans) {
    for (const std::int64_t cols : {5, 20, 64}) {
      Propagation<T> propagation(shard, edges, {exchange});
      const Matrix<T> x = random_rows<T>(shard, cols, 1), y = random_rows<T>(shard, cols, 2);
      Matrix<T> whole(shard.num_owned(), cols), back(shard.num_owned(), cols);
      propagation.multiply(T{1}, x.view(), {}, whole.view());
      const auto rows = this->every_third(shard);
      propagation.demand(rows);
      Matrix<T> few(std::ssize(rows), cols), few_y(std::ssize(rows), cols);
      propagation.multiply_to_demanded(T{1}, x.view(), {}, few.view());
      double left = 0;
      for (std::size_t k = 0; k < rows.size(); ++k) {
        for (std::int64_t c = 0; c < cols; ++c) {
          const auto at = static_cast<std::int64_t>(k);
          EXPECT_NEAR(few(at, c), whole(rows[k], c), 1e-6);
          few_y(at, c) = y(rows[k], c);
          left += static_cast<double>(few(at, c)) * static_cast<double>(few_y(at, c));
        }
      }
      propagation.multiply_from_demanded(T{1}, few_y.view(), {}, back.view());
      left = this->world_.sum(left);
      EXPECT_NEAR(left, global_dot(shard, x, back), this->kTolerance * (10 + std::abs(left)));
    }
  }
}

// Rows that stay, rows that are weighed anew, and all of them again.
TYPED_TEST(WeightedPropagation, DroppedEdgesKeepTheOthersWeights) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, dated_dataset(60, 45, 0.2, 3));
  const Shard& shard = graph.shard();
  const InteractionFacts facts(shard, graph.file(), TrainingPart::train);
  const Adjacency edges = weighted_adjacency(facts, WeightRule::log1p, kHalfLife);
  const WeightOf weight = decayed_weights(graph.data(), TrainingPart::train);
  const EdgeDropout dropout(0.4, 5, Purpose::edge_dropout, 2);
  const Matrix<T> x = random_rows<T>(shard, 20, 1);
  for (const ExchangePlan exchange : kPlans) {
    Propagation<T> propagation(shard, edges, {exchange});
    Matrix<T> before(shard.num_owned(), 20), y(shard.num_owned(), 20);
    propagation.multiply(T{1}, x.view(), {}, before.view());
    propagation.drop_edges(dropout, true);
    propagation.multiply(T{1}, x.view(), {}, y.view());
    const Matrix<T> expected = weighted_product<T>(
        60, 45,
        [&](std::uint32_t u, std::uint32_t i) {
          const GlobalId user(NodeKind::user, u), item(NodeKind::item, i);
          return dropout.keeps(user, item) ? weight(u, i) : 0.0;
        },
        collect(shard, x));
    EXPECT_LT(relative_difference(collect(shard, y), expected), this->kTolerance);
    propagation.keep_all_edges();
    propagation.multiply(T{1}, x.view(), {}, y.view());
    EXPECT_TRUE(same_bits(y, before));
  }
}

// More users of one item than a segment has room for.
TYPED_TEST(WeightedPropagation, HubsAreSummedInSegments) {
  using T = TypeParam;
  constexpr std::uint32_t kUsers = 20'000;
  Pairs pairs;
  for (std::uint32_t u = 0; u < kUsers; ++u) pairs.emplace_back(u, u % 5 == 0 ? 1 : 0);
  for (std::uint32_t u = 0; u < kUsers; u += 7) pairs.emplace_back(u, 2);
  Dataset data = make_dataset(kUsers, 3, pairs);
  Interactions& train = data[Split::train];
  for (std::size_t k = 0; k < train.user.size(); ++k) {
    train.weight[k] = 0.25F * static_cast<float>(1 + train.user[k] % 13);
  }
  const TinyGraph graph(this->world_, std::move(data));
  const Shard& shard = graph.shard();
  const InteractionFacts facts(shard, graph.file(), TrainingPart::train);
  const Adjacency edges =
      weighted_adjacency(facts, WeightRule::rating, std::numeric_limits<double>::infinity());
  const KnownEdges known = known_edges(graph.data(), TrainingPart::train);
  const Matrix<T> x = random_rows<T>(shard, 6, 1);
  const Matrix<T> expected = weighted_product<T>(
      kUsers, 3,
      [&](std::uint32_t u, std::uint32_t i) {
        const auto found = known.find({u, i});
        return found == known.end() ? 0.0 : found->second.weight;
      },
      collect(shard, x));
  Propagation<T> propagation(shard, edges, {});
  Matrix<T> y(shard.num_owned(), 6);
  propagation.multiply(T{1}, x.view(), {}, y.view());
  EXPECT_LT(relative_difference(collect(shard, y), expected), 3e-6);
}

TYPED_TEST(WeightedPropagation, MeanAndSumTakeTheWeights) {
  using T = TypeParam;
  const TinyGraph graph(this->world_, dated_dataset(40, 30, 0.2, 4));
  const Shard& shard = graph.shard();
  const InteractionFacts facts(shard, graph.file(), TrainingPart::train);
  const Adjacency edges = weighted_adjacency(facts, WeightRule::rating, kHalfLife);
  MessageGraph<T> messages(shard, edges, {});
  std::vector<std::int32_t> all(static_cast<std::size_t>(shard.num_owned()));
  std::iota(all.begin(), all.end(), 0);
  messages.demand(all);
  Matrix<T> ones(shard.num_owned(), 3);
  ones.fill(T{1});
  Tape<T> tape(false);
  Variable<T>& x = tape.leaf(ones.view(), {});
  const auto mean = weighted_sum(tape, messages, Normalisation::mean, x, Rows::all).value;
  const auto sum = weighted_sum(tape, messages, Normalisation::sum, x, Rows::demanded).value;
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    const double scale = edges.scale[static_cast<std::size_t>(r)];
    EXPECT_NEAR(mean(r, 1), scale == 0 ? 0 : 1, 1e-5);
    const double degree = scale == 0 ? 0 : 1 / (scale * scale);
    EXPECT_NEAR(sum(r, 2), degree, 1e-5 * (1 + degree));
  }
}

// Of rows rounded to bfloat16, the weights stay in full.
TEST(WeightedRows, StoredRows) {
  Communicator world;
  const TinyGraph graph(world, dated_dataset(60, 45, 0.15, 1));
  const Shard& shard = graph.shard();
  const InteractionFacts facts(shard, graph.file(), TrainingPart::train);
  const Adjacency edges = weighted_adjacency(facts, WeightRule::log1p, kHalfLife);
  for (const ExchangePlan exchange : kPlans) {
    for (const std::int64_t cols : {1, 16, 33, 64}) {
      Propagation<float> full(shard, edges, {exchange});
      Propagation<float> stored(shard, edges, {.exchange = exchange, .store = RowStorage::bf16});
      const Matrix<float> x = random_rows<float>(shard, cols, 1);
      Matrix<float> exact(shard.num_owned(), cols), rounded(shard.num_owned(), cols);
      full.multiply(1, x.view(), {}, exact.view());
      stored.multiply(1, x.view(), {}, rounded.view());
      const double rounding = relative_difference(collect(shard, rounded), collect(shard, exact));
      EXPECT_LT(rounding, 4e-3);
      EXPECT_GT(rounding, 1e-5);
    }
  }
}

}  // namespace
}  // namespace halorec
