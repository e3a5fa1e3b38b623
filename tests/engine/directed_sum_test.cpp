// Means over directed links, each way: values against loops over the links, whose ends belong to
// any rank, and the backward pass against central differences.
#include <algorithm>
#include <vector>

#include "engine/ops/neighbours.hpp"
#include "partition/relation.hpp"
#include "tests/engine/gradient_fixture.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kNumUsers = 19, kNumItems = 11;
constexpr std::int64_t kDim = 3;

// User k trusts k + 1, 3 k and 5, where there are such; more or less.
Dataset data_with_trust() {
  Dataset data = random_dataset(kNumUsers, kNumItems, 0.4, 2);
  LinkTable trust{NodeKind::user, "trust", true, {0}, {}, {}};
  for (std::uint32_t k = 0; k < kNumUsers; ++k) {
    for (const std::uint32_t other : {k + 1, 3 * k, 5U}) {
      const auto own = trust.target.begin() + static_cast<std::ptrdiff_t>(trust.begin.back());
      if (other == k || other >= kNumUsers || k % 4 == 3) continue;
      if (std::find(own, trust.target.end(), other) != trust.target.end()) continue;
      trust.target.push_back(other);
      trust.weight.push_back(0.5F + static_cast<float>((2 * k + other) % 5));
    }
    std::sort(trust.target.begin() + static_cast<std::ptrdiff_t>(trust.begin.back()),
              trust.target.end());
    trust.begin.push_back(trust.target.size());
  }
  data.side.links.push_back(std::move(trust));
  return data;
}

bool is_trained(const Dataset& data, std::uint32_t user) {
  const std::vector<std::uint32_t>& users = data[Split::train].user;
  return std::find(users.begin(), users.end(), user) != users.end();
}

// The mean of what a user hears of x, between those with training interactions; along: of those
// that it links to.
std::vector<double> expected_mean(const Dataset& data, const Matrix<double>& x, std::uint32_t user,
                                  bool along) {
  const LinkTable& trust = data.side.links.front();
  std::vector<double> sum(kDim, 0.0);
  double weights = 0;
  for (std::uint32_t from = 0; from < kNumUsers; ++from) {
    for (std::uint64_t e = trust.begin[from]; e < trust.begin[from + 1]; ++e) {
      const std::uint32_t to = trust.target[e], heard = along ? to : from;
      if ((along ? from : to) != user || !is_trained(data, user)) continue;
      if (!is_trained(data, heard)) continue;
      const double weight = static_cast<double>(trust.weight[e]);
      weights += weight;
      for (std::int64_t c = 0; c < kDim; ++c) {
        sum[static_cast<std::size_t>(c)] += weight * x(heard, c);
      }
    }
  }
  for (double& value : sum) value /= weights == 0 ? 1 : weights;
  return sum;
}

class DirectedSum : public GradientTest {};

TEST_F(DirectedSum, MeansEachWay) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, data_with_trust(), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    const Relation relation = read_relation(shard, graph.file(), "trust", Directions::apart);
    std::vector<std::int32_t> listed;
    for (std::int32_t r = 0; r < shard.num_owned(); r += 2) {
      if (world_.rank() != 2) listed.push_back(r);
    }
    for (const ExchangePlan exchange : {ExchangePlan::halo, ExchangePlan::hybrid}) {
      PropagationOptions options;
      options.exchange = exchange;
      MessageGraph<double> along(shard, relation.directions[0].edges, options);
      MessageGraph<double> against(shard, relation.directions[1].edges, options);
      along.demand(listed);
      against.demand(listed);
      for (const bool is_along : {true, false}) {
        for (const Rows rows : {Rows::all, Rows::demanded}) {
          Leaf x(random_rows<double>(shard, kDim, 1));
          const auto op = [&](Tape<double>& tape) -> Variable<double>& {
            return directed_sum<double>(
                tape, is_along ? along : against, is_along ? against : along,
                relation.directions[is_along ? 0 : 1].mean, x.on(tape), rows);
          };
          const Matrix<double> whole = collect(shard, x.value);
          const std::int64_t num_rows = rows == Rows::all ? shard.num_owned() : std::ssize(listed);
          {
            Tape<double> tape(false);
            const Variable<double>& y = op(tape);
            ASSERT_EQ(y.value.rows, num_rows);
            for (std::int64_t k = 0; k < num_rows; ++k) {
              const std::int64_t row = rows == Rows::all ? k : listed[static_cast<std::size_t>(k)];
              const GlobalId id = shard.global_id(row);
              const auto expected = id.kind() == NodeKind::item
                                        ? std::vector<double>(kDim, 0.0)
                                        : expected_mean(graph.data(), whole, id.index(), is_along);
              for (std::int64_t c = 0; c < kDim; ++c) {
                EXPECT_NEAR(y.value(k, c), expected[static_cast<std::size_t>(c)], 1e-14);
              }
            }
          }
          const Matrix<double> direction = own_rows(num_rows, kDim, 2);
          check_gradients(world_, {&x}, [&](Tape<double>& tape) {
            return halorec::along(tape, op(tape), direction);
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace halorec
