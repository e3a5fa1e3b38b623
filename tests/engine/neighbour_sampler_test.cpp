// Neighbours drawn for a step: real ones, without replacement, each as likely as any, the same on
// any number of ranks; blocks whose rows and ghosts are those that a layer reads; and sums over
// them, of equal edges and of such that weigh, against naive ones, central differences and the sums
// over all that they stand for.
#include "engine/neighbour_sampler.hpp"

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "engine/ops/neighbours.hpp"
#include "tests/engine/gradient_fixture.hpp"
#include "tests/engine/weighted_graph.hpp"

namespace halorec {
namespace {

// The nodes that a node heard in a layer, ascending.
using Heard = std::map<std::uint64_t, std::vector<std::uint64_t>>;

class NeighbourSamplerTest : public GradientTest {
 protected:
  static Dataset data() { return random_dataset(40, 30, 0.3, 6); }

  // Owned rows of nodes that are the same on any number of ranks; on rank 2 of several too.
  static std::vector<std::int32_t> some_rows(const Shard& shard, std::uint32_t every) {
    std::vector<std::int32_t> rows;
    for (std::int32_t r = 0; r < shard.num_owned(); ++r) {
      if (shard.global_id(r).index() % every == 0) rows.push_back(r);
    }
    return rows;
  }

  static std::vector<std::uint64_t> neighbours_of(const Dataset& dataset, GlobalId node) {
    std::vector<std::uint64_t> result;
    const Interactions& train = dataset[Split::train];
    for (std::uint64_t k = 0; k < train.size(); ++k) {
      const GlobalId user(NodeKind::user, train.user[k]), item(NodeKind::item, train.item[k]);
      if (user == node) result.push_back(item.bits());
      if (item == node) result.push_back(user.bits());
    }
    return result;
  }

  // The ids of a block's rows and ghosts, as its own halo brings them. Collective.
  static std::vector<std::uint64_t> ids_in(const Shard& shard, const SampledBlock& block) {
    std::vector<double> ids;
    for (const std::int32_t row : block.rows()) {
      const GlobalId id = shard.global_id(row);
      ids.push_back(static_cast<double>(id.kind()) * 1e9 + id.index());
    }
    HaloExchange<double> exchange(block.plan());
    exchange.start_gather(ids.data(), 1, 1);
    const double* ghosts = exchange.finish_gather();
    ids.insert(ids.end(), ghosts, ghosts + block.plan().num_ghosts());
    std::vector<std::uint64_t> result;
    for (const double id : ids) {
      const bool is_item = id >= 1e9;
      result.push_back(GlobalId(is_item ? NodeKind::item : NodeKind::user,
                                static_cast<std::uint32_t>(id - (is_item ? 1e9 : 0)))
                           .bits());
    }
    return result;
  }

  // What the targets of a layer heard, on all ranks together. Collective.
  static Heard heard_in(const Shard& shard, SampledBlock& block, bool with_self) {
    const Neighbourhood& lists = block.neighbourhood(with_self);
    const auto ids = ids_in(shard, block);
    EXPECT_EQ(lists.num_sources(), std::ssize(ids));
    EXPECT_EQ(lists.num_rows(Rows::demanded), std::ssize(block.targets()));
    std::vector<std::uint64_t> packed;  // node, number, those heard
    for (const std::int32_t target : block.targets()) {
      const auto begin = lists.edges().row_begin[static_cast<std::size_t>(target)];
      const auto end = lists.edges().row_begin[static_cast<std::size_t>(target) + 1];
      packed.push_back(ids[static_cast<std::size_t>(target)]);
      packed.push_back(static_cast<std::uint64_t>(end - begin));
      for (std::int64_t e = begin; e < end; ++e) {
        const auto source =
            static_cast<std::size_t>(lists.edges().column[static_cast<std::size_t>(e)]);
        packed.push_back(ids[source]);
      }
    }
    const auto all = shard.communicator().all_gather(std::span<const std::uint64_t>(packed));
    Heard heard;
    for (std::size_t k = 0; k < all.size();) {
      auto& list = heard[all[k]];
      const std::size_t count = all[k + 1];
      list.assign(all.begin() + static_cast<std::ptrdiff_t>(k + 2),
                  all.begin() + static_cast<std::ptrdiff_t>(k + 2 + count));
      k += 2 + count;
    }
    return heard;
  }

  Communicator self_{MPI_COMM_SELF};
};

const std::vector<std::int64_t> kFanout = {5, 3};

TEST_F(NeighbourSamplerTest, DrawsRealNeighboursWithoutReplacement) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, data(), TrainingPart::train, deal);
    NeighbourSampler sampler(graph.shard(), kFanout, 7);
    const auto rows = some_rows(graph.shard(), 3);
    sampler.sample(1, rows);
    for (std::int64_t layer = 1; layer <= 2; ++layer) {
      const auto fanout = static_cast<std::size_t>(layer == 2 ? 5 : 3);
      const Heard heard = heard_in(graph.shard(), sampler.block(layer), false);
      const Heard with_self = heard_in(graph.shard(), sampler.block(layer), true);
      ASSERT_FALSE(heard.empty());
      for (const auto& [node, list] : heard) {
        const auto all = neighbours_of(graph.data(), GlobalId::from_bits(node));
        EXPECT_EQ(list.size(), std::min(fanout, all.size()));
        EXPECT_TRUE(std::is_sorted(list.begin(), list.end()));
        EXPECT_EQ(std::set<std::uint64_t>(list.begin(), list.end()).size(), list.size());
        for (const std::uint64_t other : list) {
          EXPECT_NE(std::find(all.begin(), all.end(), other), all.end());
        }
        std::vector<std::uint64_t> and_self = list;
        and_self.push_back(node);
        std::sort(and_self.begin(), and_self.end());
        EXPECT_EQ(with_self.at(node), and_self);
      }
    }
  }
}

// A layer's nodes are those that the next one hears and those that it computes, and no others.
TEST_F(NeighbourSamplerTest, BlocksHoldTheFrontierAndNothingElse) {
  const TinyGraph graph(world_, data());
  const Shard& shard = graph.shard();
  NeighbourSampler sampler(shard, kFanout, 7);
  const auto rows = some_rows(shard, 5);
  sampler.sample(3, rows);
  std::vector<std::uint64_t> wanted;  // of the rows themselves
  for (const std::int32_t row : rows) wanted.push_back(shard.global_id(row).bits());
  const auto at_top = world_.all_gather(std::span<const std::uint64_t>(wanted));
  std::set<std::uint64_t> frontier(at_top.begin(), at_top.end());
  for (std::int64_t layer = 2; layer >= 1; --layer) {
    SampledBlock& block = sampler.block(layer);
    const Heard heard = heard_in(shard, block, false);
    std::set<std::uint64_t> computed;
    for (const auto& [node, list] : heard) computed.insert(node);
    EXPECT_EQ(computed, frontier);
    for (const auto& [node, list] : heard) frontier.insert(list.begin(), list.end());
    std::vector<std::uint64_t> own;
    for (const std::int32_t row : block.rows()) own.push_back(shard.global_id(row).bits());
    const auto all = world_.all_gather(std::span<const std::uint64_t>(own));
    EXPECT_EQ(all.size(), frontier.size());
    EXPECT_EQ(std::set<std::uint64_t>(all.begin(), all.end()), frontier);
    const auto places = sampler.places(layer - 1);
    ASSERT_EQ(places.size(), rows.size());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      EXPECT_EQ(block.rows()[static_cast<std::size_t>(places[k])], rows[k]);
    }
    for (std::size_t r = 0; r < block.rows().size(); ++r) {
      EXPECT_EQ(block.degree()[r],
                std::ssize(neighbours_of(graph.data(), shard.global_id(block.rows()[r]))));
    }
  }
}

TEST_F(NeighbourSamplerTest, TheSameOnAnyNumberOfRanks) {
  const TinyGraph graph(world_, data()), alone(self_, data());
  NeighbourSampler sampler(graph.shard(), kFanout, 7), reference(alone.shard(), kFanout, 7);
  for (const std::uint64_t step : {1, 2, 900}) {
    const auto rows = some_rows(graph.shard(), 3), of_alone = some_rows(alone.shard(), 3);
    sampler.sample(step, rows);
    reference.sample(step, of_alone);
    for (std::int64_t layer = 1; layer <= 2; ++layer) {
      EXPECT_EQ(heard_in(graph.shard(), sampler.block(layer), false),
                heard_in(alone.shard(), reference.block(layer), false));
    }
  }
}

TEST_F(NeighbourSamplerTest, DiffersByStepLayerAndSeed) {
  const TinyGraph graph(world_, data());
  const std::vector<std::int64_t> fanout = {4, 4};
  NeighbourSampler sampler(graph.shard(), fanout, 7), other(graph.shard(), fanout, 8);
  const auto rows = some_rows(graph.shard(), 1);
  const auto heard = [&](NeighbourSampler& of, std::uint64_t step, std::int64_t layer) {
    of.sample(step, rows);
    return heard_in(graph.shard(), of.block(layer), false);
  };
  const Heard first = heard(sampler, 1, 2);
  EXPECT_EQ(first, heard(sampler, 1, 2));
  EXPECT_NE(first, heard(sampler, 2, 2));
  EXPECT_NE(first, heard(sampler, 1, 1));
  EXPECT_NE(first, heard(other, 1, 2));
}

// Of d neighbours f are drawn: each in f / d of the steps, and so are pairs in
// f (f - 1) / (d (d - 1)), within five standard deviations.
TEST_F(NeighbourSamplerTest, EveryNeighbourIsAsLikely) {
  Pairs pairs_of_one;
  for (std::uint32_t item = 0; item < 60; ++item) pairs_of_one.emplace_back(0, item);
  const TinyGraph alone(self_, make_dataset(1, 60, pairs_of_one));
  constexpr std::int64_t kFew = 4;
  NeighbourSampler sampler(alone.shard(), std::vector<std::int64_t>{kFew}, 7);
  const std::vector<std::int32_t> rows = {0};
  const auto degree =
      static_cast<double>(neighbours_of(alone.data(), alone.shard().global_id(0)).size());
  ASSERT_GT(degree, kFew);
  constexpr int kSteps = 4000;
  std::map<std::uint64_t, int> counts;
  std::map<std::pair<std::uint64_t, std::uint64_t>, int> pairs;
  for (int step = 1; step <= kSteps; ++step) {
    sampler.sample(static_cast<std::uint64_t>(step), rows);
    const Heard heard = heard_in(alone.shard(), sampler.block(1), false);
    const auto& list = heard.begin()->second;
    for (std::size_t a = 0; a < list.size(); ++a) {
      ++counts[list[a]];
      for (std::size_t b = a + 1; b < list.size(); ++b) ++pairs[{list[a], list[b]}];
    }
  }
  const auto expect_share = [&](int count, double share) {
    EXPECT_NEAR(count, kSteps * share, 5 * std::sqrt(kSteps * share * (1 - share)));
  };
  EXPECT_EQ(static_cast<double>(counts.size()), degree);
  EXPECT_EQ(static_cast<double>(pairs.size()), degree * (degree - 1) / 2);
  for (const auto& [node, count] : counts) expect_share(count, kFew / degree);
  for (const auto& [two, count] : pairs) {
    expect_share(count, kFew * (kFew - 1) / (degree * (degree - 1)));
  }
}

constexpr Normalisation kWeights[] = {Normalisation::symmetric, Normalisation::mean,
                                      Normalisation::sum};

// The rows of a block among those of the shard.
Matrix<double> rows_in(const SampledBlock& block, const Matrix<double>& x) {
  Matrix<double> result(std::ssize(block.rows()), x.cols());
  for (std::int64_t r = 0; r < result.rows(); ++r) {
    std::copy_n(x.row(block.rows()[static_cast<std::size_t>(r)]), x.cols(), result.row(r));
  }
  return result;
}

TEST_F(NeighbourSamplerTest, WeightsMoveNoDrawAndMakeTheDegrees) {
  const TinyGraph graph(world_, dated_dataset(14, 12, 0.4, 6));
  const Shard& shard = graph.shard();
  const WrittenEdges edges(graph, true);
  NeighbourSampler sampler(shard, edges.all(), kFanout, 7), reference(shard, kFanout, 7);
  const auto rows = some_rows(shard, 2);
  sampler.sample(5, rows);
  reference.sample(5, rows);
  MessageGraph<double> messages(shard, edges.all(), {});
  for (std::int64_t layer = 1; layer <= 2; ++layer) {
    SampledBlock& block = sampler.block(layer);
    EXPECT_EQ(heard_in(shard, block, false), heard_in(shard, reference.block(layer), false));
    messages.use(&block);
    Tape<double> tape(false);
    const auto inverse = inverse_root_degrees(tape, messages).value;
    const auto ids = ids_in(shard, block);
    ASSERT_EQ(inverse.rows, std::ssize(ids));
    for (std::int64_t k = 0; k < inverse.rows; ++k) {
      const double total = edges.total(GlobalId::from_bits(ids[static_cast<std::size_t>(k)]));
      EXPECT_NEAR(inverse(k, 0), total == 0 ? 0 : 1 / std::sqrt(total), 1e-12);
    }
    Leaf ones(Matrix<double>(std::ssize(block.targets()), 1));
    ones.value.fill(1);
    const auto root = times_root_degree(tape, messages, ones.on(tape), Rows::demanded).value;
    for (std::int64_t k = 0; k < root.rows; ++k) {
      const auto row = static_cast<std::size_t>(block.targets()[static_cast<std::size_t>(k)]);
      EXPECT_NEAR(root(k, 0), std::sqrt(edges.total(shard.global_id(block.rows()[row]))), 1e-12);
    }
  }
}

TEST_F(NeighbourSamplerTest, SumsAreOfThoseDrawnAndBackwardTheirAdjoint) {
  for (const auto& [deal, weigh] : {std::pair(Deal::scattered, false),
                                    {Deal::scattered, true},
                                    {Deal::all_on_last, false},
                                    {Deal::all_on_last, true}}) {
    const TinyGraph graph(world_, dated_dataset(14, 12, 0.4, 6), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    const WrittenEdges edges(graph, weigh);
    MessageGraph<double> messages(shard, edges.all(), {});
    NeighbourSampler sampler(shard, edges.all(), std::vector<std::int64_t>{2}, 7);
    const auto rows = some_rows(shard, 2);
    sampler.sample(5, rows);
    SampledBlock& block = sampler.block(1);
    messages.use(&block);
    const Heard heard = heard_in(shard, block, false);
    const Matrix<double> own = random_rows<double>(shard, 3, 1), whole = collect(shard, own);
    for (const Normalisation weights : kWeights) {
      Leaf x(rows_in(block, own));
      {
        Tape<double> tape(false);
        const Variable<double>& y =
            weighted_sum(tape, messages, weights, x.on(tape), Rows::demanded);
        ASSERT_EQ(y.value.rows, std::ssize(rows));
        for (std::size_t k = 0; k < rows.size(); ++k) {
          const GlobalId node = shard.global_id(rows[k]);
          const auto& list = heard.at(node.bits());
          const auto degree = static_cast<double>(neighbours_of(graph.data(), node).size());
          for (std::int64_t c = 0; c < 3; ++c) {
            double expected = 0;
            for (const std::uint64_t other : list) {
              const GlobalId id = GlobalId::from_bits(other);
              expected += degree / static_cast<double>(list.size()) *
                          edges.weight(weights, node, id) * whole(whole_row(shard, id), c);
            }
            EXPECT_NEAR(y.value(static_cast<std::int64_t>(k), c), expected, 1e-12);
          }
        }
      }
      const Matrix<double> direction = GradientTest::own_rows(std::ssize(rows), 3, 2);
      check_gradients(world_, {&x}, [&](Tape<double>& tape) {
        return along(tape, weighted_sum(tape, messages, weights, x.on(tape), Rows::demanded),
                     direction);
      });
    }
  }
}

// Over many steps the mean of the sums is the sum over all: a mean over n steps is off by no more
// than five standard errors.
class UnbiasedSums : public NeighbourSamplerTest, public testing::WithParamInterface<bool> {};

TEST_P(UnbiasedSums, OverManySteps) {
  const TinyGraph graph(world_, dated_dataset(14, 12, 0.6, 6));
  const Shard& shard = graph.shard();
  const WrittenEdges edges(graph, GetParam());
  NeighbourSampler sampler(shard, edges.all(), std::vector<std::int64_t>{2}, 7);
  const auto rows = some_rows(shard, 1);
  MessageGraph<double> messages(shard, edges.all(), {});
  messages.demand(rows);
  const Matrix<double> own = random_rows<double>(shard, 2, 1);
  for (const Normalisation weights : kWeights) {
    Matrix<double> sum(std::ssize(rows), 2), squares(std::ssize(rows), 2);
    constexpr int kSteps = 1500;
    for (int step = 1; step <= kSteps; ++step) {
      sampler.sample(static_cast<std::uint64_t>(step), rows);
      messages.use(&sampler.block(1));
      Leaf x(rows_in(sampler.block(1), own));
      Tape<double> tape(false);
      const auto& y = weighted_sum(tape, messages, weights, x.on(tape), Rows::demanded);
      for (std::int64_t r = 0; r < sum.rows(); ++r) {
        for (std::int64_t c = 0; c < 2; ++c) {
          sum(r, c) += y.value(r, c);
          squares(r, c) += y.value(r, c) * y.value(r, c);
        }
      }
    }
    messages.use(nullptr);
    Leaf x(own.clone());
    Tape<double> tape(false);
    const auto& all = weighted_sum(tape, messages, weights, x.on(tape), Rows::demanded);
    for (std::int64_t r = 0; r < sum.rows(); ++r) {
      for (std::int64_t c = 0; c < 2; ++c) {
        const double mean = sum(r, c) / kSteps;
        const double variance = std::max(0.0, squares(r, c) / kSteps - mean * mean);
        EXPECT_NEAR(mean, all.value(r, c), 5 * std::sqrt(variance / kSteps) + 1e-9);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Weighing, UnbiasedSums, testing::Bool());

}  // namespace
}  // namespace halorec
