// Shards against the naive graph that every rank can build from the whole data set: rows, weights,
// ghosts, numbering, held-out rows, and the product over ranks that all of it is for.
#include "partition/shard.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "tests/partition/dataset_on_disk.hpp"
#include "tests/shuffled_places.hpp"

namespace halorec {
namespace {

// The training graph as anybody would write it down.
struct NaiveGraph {
  std::uint32_t num_users, num_items;
  std::vector<std::set<std::uint32_t>> items_of, users_of;

  NaiveGraph(const Dataset& dataset, TrainingPart part)
      : num_users(static_cast<std::uint32_t>(dataset.users.size())),
        num_items(static_cast<std::uint32_t>(dataset.items.size())),
        items_of(num_users),
        users_of(num_items) {
    for (int s = 0; s < (part == TrainingPart::train ? 1 : 2); ++s) {
      const auto& split = dataset[static_cast<Split>(s)];
      for (std::size_t e = 0; e < split.size(); ++e) {
        items_of[split.user[e]].insert(split.item[e]);
        users_of[split.item[e]].insert(split.user[e]);
      }
    }
  }
  std::uint64_t num_edges() const {
    std::uint64_t count = 0;
    for (const auto& items : items_of) count += items.size();
    return count;
  }
  // Neighbours and weights of a node.
  std::map<GlobalId, double> row(GlobalId node) const {
    std::map<GlobalId, double> row;
    const bool user = node.kind() == NodeKind::user;
    const auto& ends = user ? items_of[node.index()] : users_of[node.index()];
    for (const std::uint32_t end : ends) {
      const auto& back = user ? users_of[end] : items_of[end];
      row[GlobalId(user ? NodeKind::item : NodeKind::user, end)] =
          1 / std::sqrt(static_cast<double>(ends.size()) * static_cast<double>(back.size()));
    }
    return row;
  }
};

// A number for each node and column, the same on every rank.
double value_of(GlobalId node, std::uint32_t column, std::uint64_t seed) {
  return Random(seed, Purpose::test, 60).normal(node.bits(), column);
}

struct Case {
  const char* name;
  Dataset dataset;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  all.push_back({"random", random_dataset(60, 40, 0.1, 1)});
  all.push_back({"dense", random_dataset(25, 12, 0.6, 2)});
  Events star;
  for (std::uint32_t i = 0; i < 20; ++i) star[0].push_back({0, i});
  all.push_back({"star", dataset_of(3, 20, star)});
  Events tiny;  // fewer nodes than five ranks
  tiny[0] = {{0, 0}, {1, 0}};
  tiny[1] = {{1, 1}};
  all.push_back({"tiny", dataset_of(2, 2, tiny)});
  Events apart;  // components of one edge
  for (std::uint32_t k = 0; k < 12; ++k) apart[0].push_back({k, 11 - k});
  all.push_back({"apart", dataset_of(12, 12, apart)});
  Events only_validation;
  only_validation[1] = {{0, 1}, {2, 2}};
  all.push_back({"only validation", dataset_of(3, 3, only_validation)});
  return all;
}

// The cuts of a graph that are tried: the three methods, METIS's with rows in another order, all at
// the last rank (the others hold nothing), and users and items apart (every edge is cut).
std::vector<Owners> cuts(const DatasetFile& file, TrainingPart part, int num_ranks) {
  std::vector<Owners> all;
  const BipartiteGraph graph = read_graph(file, part);
  for (const auto method : {CutMethod::metis, CutMethod::hash, CutMethod::block}) {
    all.push_back(cut(graph, {method, Balance::both, num_ranks, 4}));
  }
  Owners reordered = all.front();
  reordered.order = {shuffled_places(graph.num_users(), 1), shuffled_places(graph.num_items, 2)};
  all.push_back(reordered);
  Owners one_rank{num_ranks, {}, {}};
  one_rank.user.assign(graph.num_users(), num_ranks - 1);
  one_rank.item.assign(graph.num_items, num_ranks - 1);
  all.push_back(one_rank);
  Owners apart = one_rank;
  apart.item.assign(graph.num_items, 0);
  all.push_back(apart);
  return all;
}

// Runs check(name, dataset, file, owners, part) for every data set, cut and part.
template <typename Check>
void for_all(Communicator& world, const Check& check) {
  for (const Case& c : cases()) {
    const DatasetOnDisk disk(world, c.dataset);
    for (const auto part : {TrainingPart::train, TrainingPart::train_and_validation}) {
      int number = 0;
      for (const Owners& owners : cuts(disk.file(), part, world.size())) {
        SCOPED_TRACE(fmt::format("data set '{}', {}, cut {}, rank {} of {}", c.name,
                                 training_part_name(part), number++, world.rank(), world.size()));
        check(c.dataset, disk.file(), owners, part);
      }
    }
  }
}

// Who the ghosts of a shard are, told by their owners through the halo itself.
std::vector<GlobalId> ghosts_of(const Shard& shard) {
  HaloExchange<double> exchange(shard.halo());
  std::vector<double> names;
  for (std::int64_t row = 0; row < shard.num_owned(); ++row) {
    const GlobalId id = shard.global_id(row);
    names.push_back(static_cast<double>(id.kind()));
    names.push_back(id.index());
  }
  exchange.start_gather(names.data(), 2, 2);
  const double* arrived = exchange.finish_gather();
  std::vector<GlobalId> ghosts;
  for (std::int64_t g = 0; g < shard.num_ghosts(); ++g) {
    ghosts.emplace_back(static_cast<NodeKind>(arrived[2 * g]),
                        static_cast<std::uint32_t>(arrived[2 * g + 1]));
  }
  return ghosts;
}

class ShardTest : public testing::Test {
 protected:
  Communicator world_;
};

TEST_F(ShardTest, NumbersNodesAsItsHeaderSays) {
  for_all(world_, [&](const Dataset& dataset, const DatasetFile& file, const Owners& owners,
                      TrainingPart part) {
    const Shard shard(world_, file, part, owners);
    ASSERT_EQ(shard.num_users(), dataset.users.size());
    ASSERT_EQ(shard.num_items(), dataset.items.size());
    // Rows of every rank: its users by place, then its items by place.
    std::vector<std::int32_t> next(static_cast<std::size_t>(world_.size()), 0);
    std::int64_t owned_users = 0;
    for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
      const std::uint32_t count = kind == NodeKind::user ? shard.num_users() : shard.num_items();
      const auto& place = kind == NodeKind::user ? owners.order.user : owners.order.item;
      for (const std::uint32_t k : nodes_by_place(place, count)) {
        const GlobalId id(kind, k);
        const std::int32_t owner = owners.of(id);
        const RowAddress expected{owner, next[static_cast<std::size_t>(owner)]++};
        EXPECT_EQ(kind == NodeKind::user ? shard.address_of_user(k) : shard.address_of_item(k),
                  expected);
        if (owner == world_.rank()) {
          EXPECT_EQ(shard.global_id(expected.row), id);
        }
      }
      if (kind == NodeKind::user) owned_users = next[static_cast<std::size_t>(world_.rank())];
    }
    EXPECT_EQ(shard.num_owned_users(), owned_users);
    EXPECT_EQ(shard.num_owned(), next[static_cast<std::size_t>(world_.rank())]);
    EXPECT_EQ(std::ssize(shard.owned_users()), shard.num_owned_users());
    EXPECT_EQ(std::ssize(shard.owned_items()), shard.num_owned_items());
  });
}

// The union of local and cross edges of a row is the row of the naive graph: each edge once on each
// side, over all ranks. Hence also: each edge stands in one shard's users and in
// one shard's items.
TEST_F(ShardTest, EveryRowIsTheNaiveGraphsRow) {
  for_all(world_, [&](const Dataset& dataset, const DatasetFile& file, const Owners& owners,
                      TrainingPart part) {
    const Shard shard(world_, file, part, owners);
    const NaiveGraph naive(dataset, part);
    const auto ghosts = ghosts_of(shard);
    ASSERT_EQ(shard.local().num_rows(), shard.num_owned());
    ASSERT_EQ(shard.cross().num_rows(), shard.num_owned());
    std::uint64_t user_entries = 0, item_entries = 0;
    for (std::int64_t row = 0; row < shard.num_owned(); ++row) {
      const GlobalId id = shard.global_id(row);
      auto expected = naive.row(id);
      (id.kind() == NodeKind::user ? user_entries : item_entries) += expected.size();
      for (const bool local : {true, false}) {
        const Csr& matrix = local ? shard.local() : shard.cross();
        std::int32_t previous = -1;
        for (std::int64_t e = matrix.row_begin[static_cast<std::size_t>(row)];
             e < matrix.row_begin[static_cast<std::size_t>(row) + 1]; ++e) {
          const std::int32_t column = matrix.column[static_cast<std::size_t>(e)];
          ASSERT_GT(column, previous) << "columns ascend within a row";
          previous = column;
          ASSERT_LT(column, local ? shard.num_owned() : shard.num_ghosts());
          const GlobalId end =
              local ? shard.global_id(column) : ghosts[static_cast<std::size_t>(column)];
          EXPECT_EQ(owners.of(end) == world_.rank(), local);
          ASSERT_TRUE(expected.contains(end)) << "an edge too many, or twice";
          if (local) {
            EXPECT_DOUBLE_EQ(shard.scale()[static_cast<std::size_t>(row)] *
                                 shard.scale()[static_cast<std::size_t>(column)],
                             expected.at(end));
          }
          expected.erase(end);
        }
      }
      EXPECT_TRUE(expected.empty()) << expected.size() << " edges of row " << row << " are missing";
    }
    EXPECT_EQ(shard.num_edges(), naive.num_edges());
    EXPECT_EQ(world_.sum(user_entries), naive.num_edges());
    EXPECT_EQ(world_.sum(item_entries), naive.num_edges());
  });
}

TEST_F(ShardTest, CrossTransposedIsTheTranspose) {
  for_all(world_, [&](const Dataset&, const DatasetFile& file, const Owners& owners,
                      TrainingPart part) {
    const Shard shard(world_, file, part, owners);
    const auto entries = [](const Csr& matrix, bool transposed) {
      std::set<std::pair<std::int64_t, std::int64_t>> all;
      for (std::int64_t row = 0; row < matrix.num_rows(); ++row) {
        for (std::int64_t e = matrix.row_begin[static_cast<std::size_t>(row)];
             e < matrix.row_begin[static_cast<std::size_t>(row) + 1]; ++e) {
          const std::int64_t column = matrix.column[static_cast<std::size_t>(e)];
          EXPECT_TRUE(
              all.insert(transposed ? std::pair{column, row} : std::pair{row, column}).second);
        }
      }
      return all;
    };
    ASSERT_EQ(shard.cross_transposed().num_rows(), shard.num_ghosts());
    EXPECT_EQ(entries(shard.cross(), false), entries(shard.cross_transposed(), true));
    // No ghost without an edge.
    for (std::int64_t g = 0; g < shard.num_ghosts(); ++g) {
      EXPECT_LT(shard.cross_transposed().row_begin[static_cast<std::size_t>(g)],
                shard.cross_transposed().row_begin[static_cast<std::size_t>(g) + 1]);
    }
  });
}

TEST_F(ShardTest, SendListsAreDualToReceiveLists) {
  for_all(world_,
          [&](const Dataset&, const DatasetFile& file, const Owners& owners, TrainingPart part) {
            const Shard shard(world_, file, part, owners);
            const HaloPlan& plan = shard.halo();
            // Ghosts ordered by (owner, row), as all ranks see them.
            const auto ghosts = ghosts_of(shard);
            std::vector<std::int32_t> wanted;
            std::vector<std::int64_t> counts(static_cast<std::size_t>(world_.size()), 0);
            RowAddress previous{-1, -1};
            for (std::size_t g = 0; g < ghosts.size(); ++g) {
              const RowAddress address = ghosts[g].kind() == NodeKind::user
                                             ? shard.address_of_user(ghosts[g].index())
                                             : shard.address_of_item(ghosts[g].index());
              EXPECT_LT(previous, address);
              previous = address;
              wanted.push_back(address.row);
              ++counts[static_cast<std::size_t>(address.owner)];
            }
            for (std::size_t r = 0; r < counts.size(); ++r) {
              EXPECT_EQ(plan.receive_begin()[r + 1] - plan.receive_begin()[r], counts[r]);
            }
            std::vector<std::int64_t> asked;
            const auto rows = world_.all_to_all<std::int32_t>(wanted, counts, &asked);
            EXPECT_TRUE(std::equal(rows.begin(), rows.end(), plan.send_rows().begin(),
                                   plan.send_rows().end()));
            for (std::size_t r = 0; r < asked.size(); ++r) {
              EXPECT_EQ(plan.send_begin()[r + 1] - plan.send_begin()[r], asked[r]);
            }
          });
}

TEST_F(ShardTest, NumbersEdgesLikeTheWholeGraph) {
  for_all(world_, [&](const Dataset& dataset, const DatasetFile& file, const Owners& owners,
                      TrainingPart part) {
    const Shard shard(world_, file, part, owners);
    const NaiveGraph naive(dataset, part);
    std::vector<std::uint64_t> first_edge(naive.num_users + 1, 0);
    for (std::uint32_t u = 0; u < naive.num_users; ++u) {
      first_edge[u + 1] = first_edge[u] + naive.items_of[u].size();
    }
    std::uint64_t mine = 0;
    for (std::int64_t row = 0; row < shard.num_owned_users(); ++row) {
      const std::uint32_t user = shard.owned_users()[static_cast<std::size_t>(row)];
      const auto items = shard.items_of(row);
      EXPECT_TRUE(std::equal(items.begin(), items.end(), naive.items_of[user].begin(),
                             naive.items_of[user].end()));
      EXPECT_EQ(shard.first_edge_of(row), first_edge[user]);
      mine += items.size();
    }
    EXPECT_EQ(world_.sum(mine), naive.num_edges());
    EXPECT_EQ(shard.num_edges(), naive.num_edges());
    for (std::uint32_t i = 0; i < naive.num_items; ++i) {
      EXPECT_EQ(shard.item_degree(i), naive.users_of[i].size());
    }
  });
}

constexpr std::int64_t kWidth = 3;

// y += P x for the pattern P of a matrix, in double.
void multiply_add(const Csr& matrix, const double* x, double* y) {
  for (std::int64_t row = 0; row < matrix.num_rows(); ++row) {
    for (std::int64_t e = matrix.row_begin[static_cast<std::size_t>(row)];
         e < matrix.row_begin[static_cast<std::size_t>(row) + 1]; ++e) {
      const std::int64_t column = matrix.column[static_cast<std::size_t>(e)];
      for (std::int64_t c = 0; c < kWidth; ++c) {
        y[row * kWidth + c] += x[column * kWidth + c];
      }
    }
  }
}

std::vector<double> values_of(const Shard& shard, std::uint64_t seed) {
  std::vector<double> values;
  for (std::int64_t row = 0; row < shard.num_owned(); ++row) {
    for (std::uint32_t c = 0; c < kWidth; ++c) {
      values.push_back(value_of(shard.global_id(row), c, seed));
    }
  }
  return values;
}

double dot(Communicator& world, const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return world.sum(sum);
}

// A x over ranks equals A x by hand, and <A x, y> = <x, A^T y> with the transposed product running
// through cross_transposed and scatter-add.
TEST_F(ShardTest, TheProductOverRanksIsTheProduct) {
  for_all(world_, [&](const Dataset& dataset, const DatasetFile& file, const Owners& owners,
                      TrainingPart part) {
    const Shard shard(world_, file, part, owners);
    const NaiveGraph naive(dataset, part);
    HaloExchange<double> exchange(shard.halo());
    const auto x = values_of(shard, 1), y = values_of(shard, 2);

    std::vector<double> ax(x.size(), 0);
    exchange.start_gather(x.data(), kWidth, kWidth);
    multiply_add(shard.local(), x.data(), ax.data());
    multiply_add(shard.cross(), exchange.finish_gather(), ax.data());
    for (std::int64_t row = 0; row < shard.num_owned(); ++row) {
      const auto neighbours = naive.row(shard.global_id(row));
      for (std::uint32_t c = 0; c < kWidth; ++c) {
        double expected = 0;
        for (const auto& [end, weight] : neighbours) expected += value_of(end, c, 1);
        EXPECT_NEAR(ax[static_cast<std::size_t>(row * kWidth + c)], expected, 1e-9);
      }
    }

    // A^T y: local is symmetric by itself; ghosts' shares go home.
    std::vector<double> aty(y.size(), 0);
    std::vector<double> shares(static_cast<std::size_t>(shard.num_ghosts() * kWidth), 0);
    multiply_add(shard.cross_transposed(), y.data(), shares.data());
    exchange.start_scatter_add(shares.data(), kWidth);
    multiply_add(shard.local(), y.data(), aty.data());
    exchange.finish_scatter_add(aty.data(), kWidth);
    const double left = dot(world_, ax, y), right = dot(world_, x, aty);
    EXPECT_NEAR(left, right, 1e-9 * (1 + std::abs(left)));
  });
}

TEST_F(ShardTest, HeldOutRowsFollowTheirUsers) {
  for_all(world_, [&](const Dataset& dataset, const DatasetFile& file, const Owners& owners,
                      TrainingPart part) {
    const Shard shard(world_, file, part, owners);
    for (const Split split : {Split::validation, Split::test}) {
      std::vector<std::set<std::uint32_t>> naive(dataset.users.size());
      const auto& pairs = dataset[split];
      for (std::size_t e = 0; e < pairs.size(); ++e) naive[pairs.user[e]].insert(pairs.item[e]);
      const UserItems held_out = read_held_out(shard, file, split);
      ASSERT_EQ(std::ssize(held_out.begin), shard.num_owned_users() + 1);
      for (std::int64_t row = 0; row < shard.num_owned_users(); ++row) {
        const auto items = held_out.of(row);
        const auto& expected = naive[shard.owned_users()[static_cast<std::size_t>(row)]];
        EXPECT_TRUE(std::equal(items.begin(), items.end(), expected.begin(), expected.end()));
      }
    }
  });
}

// The data sets above would prove little if they had no repeats to merge.
TEST_F(ShardTest, TheDataHoldRepeatsToMerge) {
  const Dataset dataset = random_dataset(60, 40, 0.1, 1);
  const NaiveGraph train(dataset, TrainingPart::train);
  const NaiveGraph both(dataset, TrainingPart::train_and_validation);
  EXPECT_LT(train.num_edges(), dataset[Split::train].size());  // two behaviors of a pair
  EXPECT_GT(both.num_edges(), train.num_edges());
  std::size_t in_both = 0;
  const auto& validation = dataset[Split::validation];
  for (std::size_t e = 0; e < validation.size(); ++e) {
    in_both += train.items_of[validation.user[e]].count(validation.item[e]);
  }
  EXPECT_GT(in_both, 0U);
}

}  // namespace
}  // namespace halorec
