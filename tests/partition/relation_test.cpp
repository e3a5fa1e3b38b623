// Relations from links: every link is heard at both ends, whoever owns them, and nothing else is;
// those of nodes without training interactions stand apart.
#include "partition/relation.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>

#include "partition/side/side_info_file.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kNumUsers = 23, kNumItems = 17;

// Directed links: node k to k + 1, to 3 k and to 5, where there are such nodes. weighed: by both
// ends and the direction.
LinkTable links_of(NodeKind kind, const char* name, std::uint32_t num_nodes, bool weighed = false) {
  LinkTable links;
  links.kind = kind;
  links.name = name;
  links.directed = true;
  for (std::uint32_t k = 0; k < num_nodes; ++k) {
    std::set<std::uint32_t> targets{k + 1, 3 * k, 5};
    for (const std::uint32_t t : targets) {
      if (t == k || t >= num_nodes || k % 4 == 3) continue;
      links.target.push_back(t);
      links.weight.push_back(weighed ? 0.5F + static_cast<float>((3 * k + t) % 7) : 1);
    }
    links.begin.push_back(links.target.size());
  }
  return links;
}

// What users look at.
LinkTable views() {
  LinkTable links;
  links.name = "view";
  links.directed = links.crosses = true;
  for (std::uint32_t u = 0; u < kNumUsers; ++u) {
    for (const std::uint32_t i : std::set<std::uint32_t>{u % kNumItems, (3 * u + 1) % kNumItems}) {
      if (u % 5 == 4) continue;
      links.target.push_back(i);
      links.weight.push_back(1 + static_cast<float>((u + i) % 3));
    }
    links.begin.push_back(links.target.size());
  }
  return links;
}

constexpr Ageing kAgeing{1000, 5000};

// Times up to and beyond now, some of them unknown, and some so old that nothing falls further.
void date(LinkTable& links) {
  for (std::size_t e = 0; e < links.target.size(); ++e) {
    const auto k = static_cast<std::int64_t>(e);
    links.time.push_back(k % 11 == 3   ? kUnknownTime
                         : k % 13 == 5 ? -1'000'000 - k
                                       : kAgeing.now + 900 - 371 * (k * 7 % 17));
  }
}

// A table without times whose links weigh what they are worth now.
LinkTable aged(LinkTable links) {
  for (std::size_t e = 0; e < links.time.size(); ++e) {
    if (links.time[e] == kUnknownTime || links.time[e] >= kAgeing.now) continue;
    const double age = static_cast<double>(kAgeing.now - links.time[e]);
    links.weight[e] = static_cast<float>(static_cast<double>(links.weight[e]) *
                                         std::exp2(-std::min(40.0, age / 1000)));
  }
  links.time.clear();
  return links;
}

Dataset linked_data() {
  Dataset data = random_dataset(kNumUsers, kNumItems, 0.3, 3);
  data.side.links.push_back(links_of(NodeKind::user, "trust", kNumUsers));
  data.side.links.push_back(links_of(NodeKind::item, "alike", kNumItems, true));
  data.side.links.push_back(links_of(NodeKind::item, "trust", kNumItems));
  data.side.links.push_back(views());
  return data;
}

// Of users, then items: which have training interactions.
std::vector<bool> trained_nodes(const Dataset& data) {
  std::vector<bool> trained(kNumUsers + kNumItems, false);
  const Interactions& train = data[Split::train];
  for (const std::uint32_t user : train.user) trained[user] = true;
  for (const std::uint32_t item : train.item) trained[kNumUsers + item] = true;
  return trained;
}

using Edges = std::map<std::pair<std::int64_t, std::int64_t>, double>;  // who hears whom
enum class Ways : std::uint8_t { both, along, against };

// Of each edge the heaviest link.
Edges expected_edges(const LinkTable& links, Ways ways = Ways::both) {
  const std::int64_t first = links.kind == NodeKind::user ? 0 : kNumUsers;
  const std::int64_t first_target = links.crosses ? kNumUsers : first;
  Edges edges;
  for (std::size_t k = 0; k + 1 < links.begin.size(); ++k) {
    for (std::uint64_t e = links.begin[k]; e < links.begin[k + 1]; ++e) {
      const auto from = first + static_cast<std::int64_t>(k), to = first_target + links.target[e];
      const double weight = static_cast<double>(links.weight[e]);
      const auto hears = [&](const std::pair<std::int64_t, std::int64_t>& edge) {
        edges[edge] = std::max(edges[edge], weight);
      };
      if (ways != Ways::against) hears({from, to});
      if (ways != Ways::along) hears({to, from});
    }
  }
  return edges;
}

// Those of which so many ends are trained.
Edges with_trained(const Edges& edges, const std::vector<bool>& trained, int num_trained) {
  Edges some;
  for (const auto& [ends, weight] : edges) {
    const int num = (trained[static_cast<std::size_t>(ends.first)] ? 1 : 0) +
                    (trained[static_cast<std::size_t>(ends.second)] ? 1 : 0);
    if (num == num_trained) some[ends] = weight;
  }
  return some;
}

// 1 / sqrt of what its links to trained nodes weigh, or, without any, those to the others.
double expected_scale(const Edges& links, const std::vector<bool>& trained, std::int64_t node) {
  double of_trained = 0, of_others = 0;
  for (const auto& [ends, weight] : links) {
    if (ends.first != node) continue;
    const bool counts = trained[static_cast<std::size_t>(node)] ||
                        trained[static_cast<std::size_t>(ends.second)];  // no use for the rest
    (trained[static_cast<std::size_t>(ends.second)] ? of_trained : of_others) +=
        counts ? weight : 0;
  }
  const double degree = of_trained != 0 ? of_trained : of_others;
  return degree == 0 ? 0 : 1 / std::sqrt(degree);
}

// What the rows of all ranks hear, without the zeros of links that go the other way.
Edges heard_edges(const Shard& shard, const Adjacency& edges) {
  std::vector<double> own;
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    own.push_back(static_cast<double>(whole_row(shard, shard.global_id(r))));
  }
  HaloExchange<double> exchange(*edges.halo);
  exchange.start_gather(own.data(), 1, 1);
  const double* ghosts = exchange.finish_gather();
  std::vector<double> found;  // from, to, weight
  const auto add = [&](const Csr& matrix, const double* far) {
    for (std::size_t r = 0; r < own.size(); ++r) {
      for (std::int64_t e = matrix.row_begin[r]; e < matrix.row_begin[r + 1]; ++e) {
        const auto edge = static_cast<std::size_t>(e);
        const double weight = matrix.has_values() ? static_cast<double>(matrix.value[edge]) : 1.0;
        if (weight == 0) continue;
        found.insert(found.end(), {own[r], far[matrix.column[edge]], weight});
      }
    }
  };
  add(edges.local, own.data());
  add(edges.cross, ghosts);
  const auto all = shard.communicator().all_gather(std::span<const double>(found));
  Edges heard;
  for (std::size_t k = 0; k < all.size(); k += 3) {
    heard[{static_cast<std::int64_t>(all[k]), static_cast<std::int64_t>(all[k + 1])}] = all[k + 2];
  }
  EXPECT_EQ(heard.size(), all.size() / 3) << "an edge stands twice";
  return heard;
}

class RelationTest : public testing::Test {
 protected:
  Communicator world_;
};

TEST_F(RelationTest, EveryLinkIsHeardAtBothEnds) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, linked_data(), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    std::map<int, std::size_t> num_seen;
    for (const char* name : {"user:trust", "alike", "item:trust", "view"}) {
      const Relation relation = read_relation(shard, graph.file(), name);
      const std::size_t place = find_links(graph.file(), name);
      const LinkTable& links = graph.data().side.links[place];
      EXPECT_EQ(relation.name, links.name);
      EXPECT_EQ(relation.kind, links.kind);
      EXPECT_EQ(relation.crosses, links.crosses);
      const std::vector<bool> trained = trained_nodes(graph.data());
      const Edges expected = expected_edges(links);
      for (const int num_trained : {2, 1}) {
        const Adjacency& edges = num_trained == 2 ? relation.edges : relation.untrained;
        ASSERT_EQ(edges.num_owned(), shard.num_owned());
        ASSERT_EQ(std::ssize(edges.scale), shard.num_owned());

        for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
          EXPECT_DOUBLE_EQ(edges.scale[static_cast<std::size_t>(r)],
                           expected_scale(expected, trained, whole_row(shard, shard.global_id(r))));
        }
        if (edges.local.num_nonzeros() > 0) {
          EXPECT_EQ(edges.local.value.empty(), relation.name == "trust");
        }
        const Edges seen = heard_edges(shard, edges);
        EXPECT_EQ(seen, with_trained(expected, trained, num_trained));
        num_seen[num_trained] += seen.size();
      }
    }
    EXPECT_GT(num_seen[2], 0U);
    EXPECT_GT(num_seen[1], 0U);
  }
}

TEST_F(RelationTest, DirectionsStandApart) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, linked_data(), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    const std::vector<bool> trained = trained_nodes(graph.data());
    for (const char* name : {"user:trust", "alike"}) {
      const Relation relation = read_relation(shard, graph.file(), name, Directions::apart);
      const LinkTable& links = graph.data().side.links[find_links(graph.file(), name)];
      ASSERT_EQ(relation.directions.size(), 2U);
      for (const std::size_t way : {0U, 1U}) {
        const LinkDirection& one = relation.directions[way];
        const Edges expected = expected_edges(links, way == 0 ? Ways::along : Ways::against);
        EXPECT_EQ(heard_edges(shard, one.edges), with_trained(expected, trained, 2));
        EXPECT_EQ(heard_edges(shard, one.untrained), with_trained(expected, trained, 1));
        for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
          const std::int64_t node = whole_row(shard, shard.global_id(r));
          double sum = 0;
          for (const auto& [ends, weight] : expected) {
            if (ends.first == node && trained[static_cast<std::size_t>(ends.second)]) sum += weight;
          }
          EXPECT_DOUBLE_EQ(one.mean[static_cast<std::size_t>(r)], sum == 0 ? 0 : 1 / sum);
        }
      }
    }
    // Those of users to items have their two ways in the bipartite graph already.
    EXPECT_TRUE(read_relation(shard, graph.file(), "view", Directions::apart).directions.empty());
    EXPECT_TRUE(read_relation(shard, graph.file(), "alike").directions.empty());
  }
}

// The same graphs as of a table that was aged by hand; without ageing, as of one without times.
TEST_F(RelationTest, LinksAge) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    Dataset data = linked_data();
    for (LinkTable& links : data.side.links) {
      if (links.kind == NodeKind::user || links.name == "alike") date(links);
    }
    const TinyGraph graph(world_, std::move(data), TrainingPart::train, deal);
    const std::vector<bool> trained = trained_nodes(graph.data());
    const Shard& shard = graph.shard();
    for (const char* name : {"user:trust", "alike", "item:trust", "view"}) {
      const LinkTable& links = graph.data().side.links[find_links(graph.file(), name)];
      for (const bool ages : {true, false}) {
        const LinkTable expected = ages ? aged(links) : links;
        const Relation relation = read_relation(shard, graph.file(), name, Directions::apart,
                                                ages ? std::optional(kAgeing) : std::nullopt);
        const Edges edges = expected_edges(expected);
        EXPECT_EQ(heard_edges(shard, relation.edges), with_trained(edges, trained, 2));
        EXPECT_EQ(heard_edges(shard, relation.untrained), with_trained(edges, trained, 1));
        for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
          const double scale = expected_scale(edges, trained, whole_row(shard, shard.global_id(r)));
          EXPECT_NEAR(relation.edges.scale[static_cast<std::size_t>(r)], scale, 1e-12 * scale);
        }
        EXPECT_EQ(relation.directions.size(), links.crosses ? 0U : 2U);
        for (std::size_t way = 0; way < relation.directions.size(); ++way) {
          const Edges one = expected_edges(expected, way == 0 ? Ways::along : Ways::against);
          EXPECT_EQ(heard_edges(shard, relation.directions[way].edges),
                    with_trained(one, trained, 2));
        }
      }
    }
    // An endless half-life changes nothing.
    const Ageing never{std::numeric_limits<double>::infinity(), kAgeing.now};
    EXPECT_EQ(
        heard_edges(shard,
                    read_relation(shard, graph.file(), "view", Directions::merged, never).edges),
        heard_edges(shard, read_relation(shard, graph.file(), "view").edges));
  }
}

// However little a link weighs, and however old it is, it is one.
TEST_F(RelationTest, NoLinkAgesAway) {
  Dataset data = linked_data();
  LinkTable& views = data.side.links.back();
  views.weight.assign(views.weight.size(), 1e-37F);
  views.time.assign(views.weight.size(), -1'000'000);
  const TinyGraph graph(world_, std::move(data));
  const Relation relation =
      read_relation(graph.shard(), graph.file(), "view", Directions::merged, kAgeing);
  EXPECT_GT(world_.sum(relation.edges.local.num_nonzeros() + relation.edges.cross.num_nonzeros()),
            0);
}

TEST_F(RelationTest, ItemsThatUsersLinkTo) {
  Dataset data = linked_data();
  data.side.links.push_back(views());
  LinkTable& returns = data.side.links.back();
  returns.name = "return";
  for (std::size_t u = 0; u < kNumUsers; ++u) {  // the last of each user's two is another
    if (returns.begin[u] < returns.begin[u + 1]) returns.target[returns.begin[u + 1] - 1] = 16;
  }
  const TinyGraph graph(world_, std::move(data));
  const Shard& shard = graph.shard();
  const auto& tables = graph.data().side.links;
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{}, {"view"}, {"view", "user:return"}}) {
    const UserItems linked = read_linked_items(shard, graph.file(), names);
    std::int64_t num_linked = 0;
    for (std::int64_t r = 0; r < shard.num_owned_users(); ++r) {
      const std::size_t user = shard.owned_users()[static_cast<std::size_t>(r)];
      std::set<std::uint32_t> expected;
      for (const std::string& name : names) {
        const LinkTable& table = tables[find_links(graph.file(), name)];
        expected.insert(table.target.begin() + static_cast<std::ptrdiff_t>(table.begin[user]),
                        table.target.begin() + static_cast<std::ptrdiff_t>(table.begin[user + 1]));
      }
      const auto items = linked.of(r);
      EXPECT_TRUE(std::equal(items.begin(), items.end(), expected.begin(), expected.end()));
      num_linked += std::ssize(items);
    }
    EXPECT_EQ(world_.sum(num_linked) > 0, !names.empty());
  }
  EXPECT_THROW(read_linked_items(shard, graph.file(), {"user:trust"}), Error);
}

TEST_F(RelationTest, WhatIsNotThereIsNamed) {
  const TinyGraph graph(world_, linked_data());
  const auto message = [&](const char* name) -> std::string {
    try {
      read_relation(graph.shard(), graph.file(), name);
    } catch (const Error& error) {
      EXPECT_TRUE(error.everywhere());
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("friends").find("user:trust, item:alike, item:trust"), std::string::npos);
  EXPECT_NE(message("trust").find("say user:trust or item:trust"), std::string::npos);
  EXPECT_NE(message("user:alike").find("no links 'user:alike'"), std::string::npos);
}

}  // namespace
}  // namespace halorec
