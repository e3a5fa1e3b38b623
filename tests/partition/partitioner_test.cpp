// Cuts: every answer is usable whatever the graph looks like, balanced where that is possible, and
// measured as a naive count measures it; owners files are refused when they are not what they
// claim.
#include "partition/cut_quality.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <set>
#include <vector>

#include "comm/check.hpp"
#include "comm/random.hpp"
#include "comm/watchdog.hpp"
#include "tests/comm/temporary_folder.hpp"

namespace halorec {
namespace {

BipartiteGraph graph_of(const std::vector<std::vector<std::uint32_t>>& lists,
                        std::uint32_t num_items) {
  BipartiteGraph graph;
  graph.num_items = num_items;
  for (const auto& items : lists) {
    graph.items.insert(graph.items.end(), items.begin(), items.end());
    graph.user_begin.push_back(graph.items.size());
  }
  return graph;
}

BipartiteGraph random_graph(std::uint32_t num_users, std::uint32_t num_items, double density,
                            std::uint64_t seed) {
  const Random random(seed, Purpose::test, 50);
  std::vector<std::vector<std::uint32_t>> lists(num_users);
  for (std::uint32_t u = 0; u < num_users; ++u) {
    for (std::uint32_t i = 0; i < num_items; ++i) {
      if (random.uniform(static_cast<std::uint64_t>(u) << 32 | i) < density) lists[u].push_back(i);
    }
  }
  return graph_of(lists, num_items);
}

// Degrees of users and items fall like a power of their rank (Chung-Lu).
BipartiteGraph power_law_graph(std::uint32_t num_users, std::uint32_t num_items) {
  const Random random(8, Purpose::test, 51);
  std::vector<std::vector<std::uint32_t>> lists(num_users);
  for (std::uint32_t u = 0; u < num_users; ++u) {
    for (std::uint32_t i = 0; i < num_items; ++i) {
      const double likely = 3.0 / std::sqrt((u / 20.0 + 1) * (i / 5.0 + 1));
      if (random.uniform(static_cast<std::uint64_t>(u) << 32 | i) < likely * 0.1) {
        lists[u].push_back(i);
      }
    }
  }
  return graph_of(lists, num_items);
}

constexpr CutMethod kMethods[] = {CutMethod::metis, CutMethod::hash, CutMethod::block};
constexpr Balance kBalances[] = {Balance::edges, Balance::both};

// Every node has an owner in range, and no part is empty unless nodes are fewer than parts.
void expect_valid(const BipartiteGraph& graph, const CutOptions& options) {
  SCOPED_TRACE(fmt::format("{} users, {} items, {} edges, {} parts, {}, {}, seed {}",
                           graph.num_users(), graph.num_items, graph.num_edges(), options.num_parts,
                           cut_method_name(options.method), balance_name(options.balance),
                           options.seed));
  const Owners owners = cut(graph, options);
  ASSERT_EQ(owners.num_parts, options.num_parts);
  ASSERT_EQ(owners.user.size(), graph.num_users());
  ASSERT_EQ(owners.item.size(), graph.num_items);
  std::set<std::int32_t> used(owners.user.begin(), owners.user.end());
  used.insert(owners.item.begin(), owners.item.end());
  const std::size_t num_nodes = owners.user.size() + owners.item.size();
  EXPECT_EQ(used.size(), std::min(num_nodes, static_cast<std::size_t>(options.num_parts)));
  if (!used.empty()) {
    EXPECT_GE(*used.begin(), 0);
    EXPECT_LT(*used.rbegin(), options.num_parts);
  }
}

void expect_valid_everyway(const BipartiteGraph& graph, const std::vector<int>& num_parts) {
  for (const int parts : num_parts) {
    for (const CutMethod method : kMethods) {
      for (const Balance balance : kBalances) {
        expect_valid(graph, {method, balance, parts, 3});
      }
    }
  }
}

TEST(Cut, TakesEveryShapeOfGraph) {
  const std::vector<int> parts{1, 2, 3, 5, 8, 64};
  expect_valid_everyway(graph_of({}, 0), parts);                                 // nothing
  expect_valid_everyway(graph_of({{}, {}, {}}, 0), parts);                       // users alone
  expect_valid_everyway(graph_of({}, 9), parts);                                 // items alone
  expect_valid_everyway(graph_of({{}, {}, {}, {}}, 4), parts);                   // no edge
  expect_valid_everyway(graph_of({{0}}, 1), parts);                              // one edge
  expect_valid_everyway(graph_of({{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}, 10), parts);  // star, user hub
  std::vector<std::vector<std::uint32_t>> item_hub(30, {0});
  expect_valid_everyway(graph_of(item_hub, 1), parts);
  std::vector<std::vector<std::uint32_t>> pairs;  // twenty components of one edge each
  for (std::uint32_t k = 0; k < 20; ++k) pairs.push_back({k});
  expect_valid_everyway(graph_of(pairs, 20), parts);
  const std::vector<std::uint32_t> all{0, 1, 2, 3, 4, 5, 6, 7};  // complete
  expect_valid_everyway(graph_of({all, all, all, all, all}, 8), parts);
  std::vector<std::vector<std::uint32_t>> mostly_empty(50);
  mostly_empty[20] = {1, 3};
  mostly_empty[40] = {3, 4};
  expect_valid_everyway(graph_of(mostly_empty, 6), parts);
}

// METIS is known to die or to answer empty parts near the edge of what makes sense.
TEST(Cut, SurvivesRandomSmallGraphsAtEveryNumberOfParts) {
  const Random random(77, Purpose::test, 52);
  for (std::uint64_t round = 0; round < 40; ++round) {
    const auto num_users = static_cast<std::uint32_t>(1 + random.below(14, round, 0));
    const auto num_items = static_cast<std::uint32_t>(1 + random.below(14, round, 1));
    const double density = random.uniform(round, 2);
    const auto graph = random_graph(num_users, num_items, density * density, round);
    for (int parts = 1; parts <= static_cast<int>(num_users + num_items) + 2; ++parts) {
      for (const Balance balance : kBalances) {
        expect_valid(graph, {CutMethod::metis, balance, parts, round});
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(Cut, SaysNothingOnStdout) {
  // METIS calls this one "too many parts", on stdout, unless it is silenced.
  testing::internal::CaptureStdout();
  for (int parts = 2; parts < 30; ++parts) {
    cut(graph_of(std::vector<std::vector<std::uint32_t>>(30, {0}), 1),
        {CutMethod::metis, Balance::both, parts, 0});
  }
  std::puts("{}");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "{}\n");
}

TEST(Cut, RefusesFewerThanOnePart) {
  try {
    cut(graph_of({{0}}, 1), {CutMethod::hash, Balance::both, 0, 0});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), kExitUsage);
    EXPECT_STREQ(error.what(), "--parts 0 must be at least 1");
  }
}

TEST(Cut, BalancesWhatItIsAskedTo) {
  const auto graph = power_law_graph(3000, 1500);
  ASSERT_GT(graph.num_edges(), 20000U);
  for (const int parts : {2, 4, 7}) {
    const auto edges = measure_cut(graph, cut(graph, {CutMethod::metis, Balance::edges, parts, 1}));
    EXPECT_LE(edges.edge_imbalance, 1.06) << parts;
    const auto both = measure_cut(graph, cut(graph, {CutMethod::metis, Balance::both, parts, 1}));
    EXPECT_LE(both.edge_imbalance, 1.10) << parts;
    EXPECT_LE(both.node_imbalance, 1.10) << parts;
    const auto block = measure_cut(graph, cut(graph, {CutMethod::block, Balance::both, parts, 1}));
    EXPECT_LE(block.edge_imbalance, 1.15) << parts;
    // A cut that looks at the graph is better than one that does not.
    const auto hash = measure_cut(graph, cut(graph, {CutMethod::hash, Balance::both, parts, 1}));
    EXPECT_LT(edges.cut_fraction, hash.cut_fraction) << parts;
    EXPECT_LT(both.cut_fraction, hash.cut_fraction) << parts;
    EXPECT_NEAR(hash.cut_fraction, 1 - 1.0 / parts, 0.15) << parts;
  }
}

TEST(Cut, FindsPlantedCommunities) {
  // Four blocks of 50 users and 30 items, no edge between blocks: nothing needs to be cut.
  std::vector<std::vector<std::uint32_t>> lists(200);
  const Random random(5, Purpose::test, 53);
  for (std::uint32_t u = 0; u < 200; ++u) {
    for (std::uint32_t i = 0; i < 120; ++i) {
      // Blocks are interleaved, so that neither block nor hash cuts find them.
      if (u % 4 == i % 4 && random.uniform(static_cast<std::uint64_t>(u) << 32 | i) < 0.3) {
        lists[u].push_back(i);
      }
    }
  }
  const auto graph = graph_of(lists, 120);
  const auto quality = measure_cut(graph, cut(graph, {CutMethod::metis, Balance::both, 4, 0}));
  EXPECT_LT(quality.cut_fraction, 0.05);
  EXPECT_GT(measure_cut(graph, cut(graph, {CutMethod::block, Balance::both, 4, 0})).cut_fraction,
            0.5);
}

TEST(Cut, TheSameSeedGivesTheSameCut) {
  const auto graph = power_law_graph(400, 200);
  for (const CutMethod method : kMethods) {
    const CutOptions options{method, Balance::both, 4, 9};
    const Owners first = cut(graph, options);
    cut(graph, {CutMethod::metis, Balance::edges, 3, 10});  // leaves no trace in the next one
    const Owners second = cut(graph, options);
    EXPECT_EQ(first.user, second.user);
    EXPECT_EQ(first.item, second.item);
  }
}

TEST(MeasureCut, CountsFiveNodesByHand) {
  // Edges u0-i0, u1-i0, u1-i1, u2-i1; part 0 owns u0, u1, i0 and part 1 owns u2, i1.
  const auto graph = graph_of({{0}, {0, 1}, {1}}, 2);
  const CutQuality quality = measure_cut(graph, {2, {0, 0, 1}, {0, 1}});
  EXPECT_DOUBLE_EQ(quality.cut_fraction, 1.0 / 4);             // u1-i1
  EXPECT_DOUBLE_EQ(quality.halo_vectors_per_node, 2.0 / 5);    // u1 at part 1, i1 at part 0
  EXPECT_DOUBLE_EQ(quality.hybrid_vectors_per_node, 2.0 / 5);  // one a direction
  EXPECT_DOUBLE_EQ(quality.node_imbalance, 3 / 2.5);
  EXPECT_DOUBLE_EQ(quality.edge_imbalance, 5 / 4.0);  // rows u0, u1, i0 hold 1 + 2 + 2 of 8
  EXPECT_DOUBLE_EQ(quality.interaction_imbalance, 3 / 2.0);
  EXPECT_EQ(quality.num_empty_parts, 0U);
}

TEST(MeasureCut, CoversAHubInsteadOfItsNeighbours) {
  // u0 of part 0 has eight items at part 1: eight ghosts there and one here; covered, u0's row goes
  // there, and one partial sum comes back.
  const auto graph = graph_of({{0, 1, 2, 3, 4, 5, 6, 7}}, 8);
  const CutQuality quality = measure_cut(graph, {2, {0}, std::vector<std::int32_t>(8, 1)});
  EXPECT_DOUBLE_EQ(quality.halo_vectors_per_node, 9.0 / 9);
  EXPECT_DOUBLE_EQ(quality.hybrid_vectors_per_node, 2.0 / 9);
}

TEST(MeasureCut, OnePartCostsNothingAndEmptyPartsAreCounted) {
  const auto graph = graph_of({{0}, {0, 1}, {1}}, 2);
  const CutQuality one = measure_cut(graph, {1, {0, 0, 0}, {0, 0}});
  EXPECT_EQ(one.cut_fraction, 0);
  EXPECT_EQ(one.halo_vectors_per_node, 0);
  EXPECT_EQ(one.edge_imbalance, 1);
  const CutQuality five = measure_cut(graph, {5, {0, 0, 0}, {3, 3}});
  EXPECT_EQ(five.num_empty_parts, 3U);
  EXPECT_EQ(five.cut_fraction, 1);
  EXPECT_EQ(five.halo_vectors_per_node, 1);
  const CutQuality nothing = measure_cut(graph_of({}, 0), {2, {}, {}});
  EXPECT_EQ(nothing.cut_fraction, 0);
  EXPECT_EQ(nothing.num_empty_parts, 2U);
}

TEST(MeasureCut, AgreesWithANaiveCount) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const auto graph = random_graph(40, 25, 0.15, seed);
    const Owners owners =
        cut(graph, {CutMethod::hash, Balance::both, 3 + static_cast<int>(seed), 0});
    std::set<std::pair<std::int32_t, std::uint64_t>> ghosts;  // (part, node)
    double num_cut = 0;
    for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
      for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
        const std::uint32_t i = graph.items[e];
        if (owners.user[u] == owners.item[i]) continue;
        ++num_cut;
        ghosts.emplace(owners.item[i], GlobalId(NodeKind::user, u).bits());
        ghosts.emplace(owners.user[u], GlobalId(NodeKind::item, i).bits());
      }
    }
    const CutQuality quality = measure_cut(graph, owners);
    EXPECT_DOUBLE_EQ(quality.cut_fraction, num_cut / static_cast<double>(graph.num_edges()));
    EXPECT_DOUBLE_EQ(quality.halo_vectors_per_node, static_cast<double>(ghosts.size()) / 65);
  }
}

TEST(CutNames, ParseAndRefuse) {
  for (const CutMethod method : {CutMethod::automatic, CutMethod::metis, CutMethod::cluster,
                                 CutMethod::hash, CutMethod::block}) {
    EXPECT_EQ(parse_cut_method(cut_method_name(method)), method);
  }
  for (const Balance balance : kBalances) EXPECT_EQ(parse_balance(balance_name(balance)), balance);
  try {
    parse_cut_method("metiss");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), kExitUsage);
    EXPECT_STREQ(error.what(),
                 "--method 'metiss' is unknown; allowed: auto, metis, cluster, hash, block");
  }
  EXPECT_THROW(parse_balance(""), Error);
}

TEST(CutKey, ChangesWithWhateverChangesTheCut) {
  std::set<std::string> keys;
  const CutOptions base{CutMethod::metis, Balance::both, 4, 1};
  keys.insert(cut_key("abc", "train", base));
  EXPECT_EQ(cut_key("abc", "train", base), *keys.begin());
  keys.insert(cut_key("abd", "train", base));
  keys.insert(cut_key("abc", "train+validation", base));
  keys.insert(cut_key("abc", "train", {CutMethod::hash, Balance::both, 4, 1}));
  keys.insert(cut_key("abc", "train", {CutMethod::metis, Balance::edges, 4, 1}));
  keys.insert(cut_key("abc", "train", {CutMethod::metis, Balance::both, 5, 1}));
  keys.insert(cut_key("abc", "train", {CutMethod::metis, Balance::both, 4, 2}));
  keys.insert(cut_key("abc", "train", {CutMethod::cluster, Balance::both, 4, 1}));
  keys.insert(cut_key("abc", "train", {CutMethod::cluster, Balance::both, 4, 2}));
  EXPECT_EQ(keys.size(), 9U);
}

class OwnersFile : public testing::Test {
 protected:
  std::string error_of_loading(const std::filesystem::path& path) {
    try {
      load_owners(path, "hash of the data");
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitFailure);
      return error.what();
    }
    return "";
  }

  const TemporaryFolder folder_;
  const Owners owners_{3, {0, 2, 1, 1}, {2, 2}};
};

TEST_F(OwnersFile, ComesBackAsItWas) {
  const auto path = folder_ / "parts.h5";
  save_owners(owners_, "the key", "hash of the data", path);
  std::string key;
  const Owners loaded = load_owners(path, "hash of the data", &key);
  EXPECT_EQ(loaded.num_parts, 3);
  EXPECT_EQ(loaded.user, owners_.user);
  EXPECT_EQ(loaded.item, owners_.item);
  EXPECT_EQ(key, "the key");
  EXPECT_EQ(loaded.of(GlobalId(NodeKind::user, 1)), 2);
  EXPECT_EQ(loaded.of(GlobalId(NodeKind::item, 0)), 2);
  EXPECT_EQ(folder_.num_entries(), 1U);  // no temporary file is left
}

TEST_F(OwnersFile, OfAnotherDatasetIsRefused) {
  const auto path = folder_ / "parts.h5";
  save_owners(owners_, "the key", "hash of other data", path);
  const auto message = error_of_loading(path);
  EXPECT_NE(message.find("was cut from another dataset"), std::string::npos) << message;
  EXPECT_NE(message.find(path.string()), std::string::npos) << message;
}

TEST_F(OwnersFile, ThatNamesAPartTooManyIsRefused) {
  const auto path = folder_ / "parts.h5";
  save_owners({2, {0, 2}, {1}}, "the key", "hash of the data", path);
  EXPECT_NE(error_of_loading(path).find("names part 2 of 2"), std::string::npos);
}

TEST_F(OwnersFile, TruncatedAlteredOrMissingIsRefused) {
  const auto path = folder_ / "parts.h5";
  save_owners(owners_, "the key", "hash of the data", path);
  const std::string whole = read_text(path);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{100}, std::size_t{512}, whole.size() / 2, whole.size() - 1}) {
    folder_.write("parts.h5", std::string_view(whole).substr(0, length));
    EXPECT_NE(error_of_loading(path), "") << "cut to " << length << " bytes";
  }
  for (std::size_t at = 0; at < whole.size(); at += 211) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    folder_.write("parts.h5", flipped);
    // Padding of the user block is no content; anything else is noticed.
    if (at >= 512 || whole[at] != '\0') {
      EXPECT_NE(error_of_loading(path), "") << "bit flipped in byte " << at;
    }
  }
  EXPECT_NE(error_of_loading(folder_ / "absent.h5"), "");
}

// METIS has a handler of its own for SIGTERM while it cuts.
TEST(Cut, LeavesTheStopSignalsAsTheyWere) {
  watchdog::catch_stop_signals();
  cut(random_graph(60, 40, 0.2, 1), {.num_parts = 4});
  for (const int signal : {SIGTERM, SIGUSR1}) {
    std::raise(signal);
    EXPECT_EQ(watchdog::stop_requested(), signal);
    watchdog::clear_stop_request();
  }
}

}  // namespace
}  // namespace halorec
